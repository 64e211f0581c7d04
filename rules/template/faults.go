package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Words at the beginning of an action that come from other languages, and what is meant.
var foreignActions = map[string]string{
	"endif": "end", "endfor": "end", "endrange": "end", "endwith": "end", "fi": "end", "/if": "end", "/each": "end",
	"elif": "else if", "elseif": "else if", "elsif": "else if", "foreach": "range", "for": "range", "each": "range", "#each": "range",
	"#if": "if", "unless": "if not",
}

// action is one {{ … }} of a template, from its first byte to behind its last.
type action struct {
	from, to int
	inside   string
}

// word returns what an action begins with.
func (a action) word() string {
	if fields := strings.Fields(a.inside); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// diagnose explains why the parser of templates refuses text. Where actions or blocks are not closed, that is all there is
// to say.
func diagnose(text string, err error) []diag.Finding {
	actions, faults := actionsOf(text)
	if len(faults) == 0 {
		faults = blockFaults(text, actions)
	}
	if len(faults) == 0 {
		faults = []diag.Finding{explainTemplateError(text, actions, err)}
	}
	return faults[:min(len(faults), diag.MaxFindings)]
}

// actionsOf finds the actions of a template, and those that are not closed.
func actionsOf(text string) (actions []action, faults []diag.Finding) {
	for at := 0; ; {
		i := strings.Index(text[at:], "{{")
		if i < 0 {
			return actions, faults
		}
		from := at + i
		length, message := actionLength(text[from+2:])
		if at = from + 2 + length; message != "" {
			faults = append(faults, diag.Finding{At: positionOf(text, from), Message: message, Hint: closing(message)})
			continue
		}
		inside := strings.TrimSuffix(strings.TrimPrefix(text[from+2:at-2], "-"), "-")
		if !strings.HasPrefix(strings.TrimSpace(inside), "/*") {
			actions = append(actions, action{from, at, strings.TrimSpace(inside)})
		}
	}
}

const (
	notClosed        = "this {{ is not closed"
	commentNotClosed = "this comment is not closed"
)

// closing says what to write where something is not closed.
func closing(message string) string {
	switch message {
	case notClosed:
		return "write }} where it ends"
	case commentNotClosed:
		return "write */}} where it ends"
	}
	return "write the same quote at the end of the text"
}

// actionLength returns where the action that text begins within ends, behind }}, or why it does not and where to look on.
func actionLength(text string) (length int, message string) {
	if strings.HasPrefix(strings.TrimLeft(text, "- \t\n"), "/*") {
		end := strings.Index(text, "*/")
		if closed := strings.Index(text[max(end, 0):], "}}"); end >= 0 && closed >= 0 {
			return end + closed + 2, ""
		}
		return len(text), commentNotClosed
	}
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "}}"):
			return i + 2, ""
		case strings.HasPrefix(text[i:], "{{"):
			return i, notClosed
		case strings.IndexByte("\"`'", text[i]) >= 0:
			length := quotedLength(text[i:])
			if length == 0 {
				return i + 1, "a " + text[i:i+1] + " is not closed"
			}
			i += length - 1
		}
	}
	return len(text), notClosed
}

// quotedLength returns the length of the quoted text that text begins with, or 0 if it does not end.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == text[0]:
			return i + 1
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == '\n' && text[0] != '`':
			return 0
		}
	}
	return 0
}

// blockFaults finds blocks without an end, ends without a block, and the words of other languages for them.
func blockFaults(text string, actions []action) (faults []diag.Finding) {
	add := func(a action, message, hint string) {
		faults = append(faults, diag.Finding{At: positionOf(text, a.from), Message: message, Hint: hint})
	}
	var open []action
	for _, a := range actions {
		word := a.word()
		meant := foreignActions[word]
		if meant != "" {
			add(a, fmt.Sprintf("%q is not known here", word), "write {{ "+meant+map[bool]string{true: " }}", false: " … }}"}[meant == "end"])
			word, _, _ = strings.Cut(meant, " ")
		}
		switch word {
		case "if", "range", "with", "block", "define":
			open = append(open, a)
		case "else", "end":
			if len(open) == 0 {
				add(a, "this {{ "+a.inside+" }} belongs to nothing", "remove it, or write the {{ if … }} or {{ range … }} that is missing")
			} else if word == "end" {
				open = open[:len(open)-1]
			}
		}
	}
	for _, a := range open {
		add(a, "this {{ "+value.Shorten(a.inside, 40)+" }} has no {{ end }}", "write {{ end }} where it ends")
	}
	return faults
}

var (
	parseErrorLine  = regexp.MustCompile(`^template: .*?:(\d+): (.*)$`)
	unexpectedThing = regexp.MustCompile(`^unexpected (?:bad character U\+\w+ )?["'<](.+?)["'>](?: in (\w+))?`)
	badCharacter    = regexp.MustCompile(`bad character U\+\w+ '(.)'`)
	undefinedName   = regexp.MustCompile(`^undefined variable "(.*)"$`)
	badQuotes       = regexp.MustCompile(`^malformed character constant: ('.*)$`)
	missingValue    = regexp.MustCompile(`^missing value for (\w+)$`)
)

// templateOperators are those of other languages, and what to write instead.
var templateOperators = map[string]string{
	"=": "eq, in front: {{ if eq .payload.failed 0 }}", "!": "ne or not, in front: {{ if ne .payload.failed 0 }}",
	">": "gt, in front: {{ if gt .payload.failed 0 }}", "<": "lt, in front: {{ if lt .payload.failed 5 }}",
	"&": "and, in front: {{ if and .payload.a .payload.b }}", "+": "add, in front: {{ add .payload.passed .payload.failed }}",
	"*": "mul, in front: {{ mul .payload.failed 2 }}", "/": "div, in front: {{ div .payload.failed 2 }}",
	"|": "or, in front: {{ if or .payload.a .payload.b }}", "%": "percent, in front: {{ percent .payload.failed .payload.cases }}",
}

// explainTemplateError turns an error of the parser, which has a line and no column, into place, fault and hint.
func explainTemplateError(text string, actions []action, err error) diag.Finding {
	line, said := 1, err.Error()
	if m := parseErrorLine.FindStringSubmatch(said); m != nil {
		line, _ = strconv.Atoi(m[1])
		said = m[2]
	}
	message, hint, token := templateWords(said)
	return diag.Finding{At: positionOf(text, byteOf(text, actions, line, token)), Message: message, Hint: hint}
}

// templateWords puts what the parser says into words for people, and returns the part of the text that it is about, or "".
func templateWords(said string) (message, hint, token string) {
	message = said
	switch {
	case undefinedName.MatchString(message):
		token = undefinedName.FindStringSubmatch(message)[1]
		message, hint = "no variable "+token, "set it in front: {{ "+token+" := … }}"
	case badQuotes.MatchString(message):
		token = badQuotes.FindStringSubmatch(message)[1]
		message, hint = "text stands in single quotes", `write "`+strings.Trim(token, "'")+`"`
	case badCharacter.MatchString(message):
		token = badCharacter.FindStringSubmatch(message)[1]
		message, hint = "the character "+token+" cannot stand here", `for a field with such a name write index .payload "the-name"`
	case strings.HasSuffix(message, `number syntax: "+"`):
		token, message, hint = "+", "+ is not an operator here", "write "+templateOperators["+"]
	case strings.Contains(message, "number syntax"):
		message, hint = "something here begins like a number and is none", "put text in quotes"
	case message == "missing value for command", message == "empty command":
		message, hint = "a value or function is missing in this {{ }}", "write what is to be printed, such as {{ .payload.title }}"
	case strings.HasPrefix(message, "non executable"):
		message, hint = "a value stands behind | where a function is needed", "write a function, such as | upper"
	case unexpectedThing.MatchString(message):
		token = unexpectedThing.FindStringSubmatch(message)[1]
		message = "unexpected " + token
		if meant := templateOperators[token]; meant != "" {
			message, hint = token+" is not an operator here", "write "+meant
		}
	case missingValue.MatchString(message):
		token = missingValue.FindStringSubmatch(message)[1]
		message, hint = "there is nothing behind "+token, "write what it is about, such as {{ "+token+" .payload.title }}"
	case strings.Contains(message, "left paren"):
		token, message, hint = "(", "a ( is not closed", "write ) where it ends"
	case strings.Contains(message, "right paren"):
		token, message, hint = ")", "this ) closes nothing", "remove it, or add what it closes"
	}
	return message, hint, token
}

// byteOf finds a token of an action in a line of text, or else the action, or else the line.
func byteOf(text string, actions []action, line int, token string) int {
	start := 0
	for range line - 1 {
		start += strings.IndexByte(text[start:], '\n') + 1
	}
	for _, a := range actions {
		first := max(start, a.from)
		if first >= a.to {
			continue
		}
		if i := strings.Index(text[first:a.to], token); token != "" && i >= 0 {
			return first + i
		}
		if token == "" {
			return a.from
		}
	}
	return start
}

// positionOf turns an offset in bytes into a line and a column.
func positionOf(text string, at int) diag.Position {
	at = min(at, len(text))
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return diag.Position{Line: strings.Count(text[:at], "\n") + 1, Col: diag.Column(text[start:], at-start)}
}

// unknownFunctionHint says what may be meant by a template function that there is not.
func (s *Set) unknownFunctionHint(name string) string {
	if meant := foreignActions[name]; meant != "" {
		return "write {{ " + meant + " … }}"
	}
	if _, isName := catalog.Variables()[name]; isName || slices.Contains(ruleVariables, name) {
		return "in templates names begin with a dot: ." + name
	}
	if slices.Contains(catalog.PayloadFields(), name) {
		return "fields of the event stand in payload: write .payload." + name
	}
	if best := catalog.Nearest(name, slices.Collect(maps.Keys(s.funcs))); best != "" {
		return `did you mean "` + best + `"?`
	}
	return `the README lists them under "Functions in templates"; put text in quotes`
}
