package template

import (
	"cmp"
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

// diagnose explains why the parser refuses text. The parser reports the first fault, and its line. Actions that are not
// closed, and blocks without an end, are found here instead, all of them and with their columns.
func diagnose(text string, err error) []diag.Finding {
	actions, faults := splitActions(text)
	if len(faults) == 0 {
		faults = checkBlocks(text, actions)
	}
	if len(faults) == 0 {
		faults = []diag.Finding{explainParseError(text, actions, err)}
	}
	return faults[:min(len(faults), diag.MaxFindings)]
}

// action is one {{ … }} of a template, from its first byte to the one behind its last.
type action struct {
	from, to int
	inside   string
}

// splitActions returns the actions of a template, and a fault for each that is not closed.
func splitActions(text string) (actions []action, faults []diag.Finding) {
	for at := 0; ; {
		i := strings.Index(text[at:], "{{")
		if i < 0 {
			return actions, faults
		}
		from := at + i
		length, fault := actionLength(text[from+2:])
		at = from + 2 + length
		if fault != nil {
			fault.At = positionOf(text, from)
			faults = append(faults, *fault)
			continue
		}
		inside := strings.TrimSuffix(strings.TrimPrefix(text[from+2:at-2], "-"), "-")
		if !strings.HasPrefix(strings.TrimSpace(inside), "/*") {
			actions = append(actions, action{from, at, strings.TrimSpace(inside)})
		}
	}
}

// actionLength returns the length of the rest of an action up to the byte behind its }}. For an action that is not
// closed it returns the fault, and the length of the text to skip.
func actionLength(text string) (length int, fault *diag.Finding) {
	if strings.HasPrefix(strings.TrimLeft(text, "- \t\n"), "/*") {
		end := strings.Index(text, "*/")
		if closed := strings.Index(text[max(end, 0):], "}}"); end >= 0 && closed >= 0 {
			return end + closed + 2, nil
		}
		return len(text), &diag.Finding{Message: "this comment is not closed", Hint: "write */}} where it ends"}
	}
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "}}"):
			return i + 2, nil
		case strings.HasPrefix(text[i:], "{{"):
			return i, notClosed()
		case strings.IndexByte("\"`'", text[i]) >= 0:
			length := quotedLength(text[i:])
			if length == 0 {
				hint := "write the same quote at the end of the text"
				return i + 1, &diag.Finding{Message: "a " + text[i:i+1] + " is not closed", Hint: hint}
			}
			i += length - 1
		}
	}
	return len(text), notClosed()
}

func notClosed() *diag.Finding {
	return &diag.Finding{Message: "this {{ is not closed", Hint: "write }} where it ends"}
}

// quotedLength returns the length of the quoted text at the start of text, or 0 if it is not closed.
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

// checkBlocks returns a fault for each block without an end, each end without a block, and each block keyword of
// another language.
func checkBlocks(text string, actions []action) (faults []diag.Finding) {
	add := func(a action, message, hint string) {
		faults = append(faults, diag.Finding{At: positionOf(text, a.from), Message: message, Hint: hint})
	}
	var open []action
	for _, a := range actions {
		word := append(strings.Fields(a.inside), "")[0]
		if meant := foreignKeywords[word]; meant != "" {
			add(a, fmt.Sprintf("templates have no keyword %q", word), "write "+example(meant))
			word, _, _ = strings.Cut(meant, " ")
		}
		switch word {
		case "if", "range", "with", "block", "define":
			open = append(open, a)
		case "else", "end":
			if len(open) == 0 {
				hint := "remove it, or add the missing {{ if … }} or {{ range … }}"
				add(a, "this {{ "+a.inside+" }} has no block", hint)
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

// foreignKeywords are block keywords of other languages, and the ones of templates.
var foreignKeywords = map[string]string{
	"endif": "end", "endfor": "end", "endrange": "end", "endwith": "end", "fi": "end", "/if": "end", "/each": "end",
	"elif": "else if", "elseif": "else if", "elsif": "else if",
	"foreach": "range", "for": "range", "each": "range", "#each": "range", "#if": "if", "unless": "if not",
}

// example writes an action that begins with a keyword.
func example(keyword string) string {
	if keyword == "end" {
		return "{{ end }}"
	}
	return "{{ " + keyword + " … }}"
}

// parseErrors are messages of the parser, and how they read here. $1, the first group, is also the part of the template
// to point at.
var parseErrors = []struct{ pattern, message, hint string }{
	{`^undefined variable "(.*)"$`, "no variable $1", "set it first: {{ $1 := … }}"},
	{`^malformed character constant: ('+(.*?)'*)$`, "text is in single quotes", `write "$2"`},
	{
		`bad character U\+\w+ '(.)'`,
		"the character $1 is not allowed here", `for a field with this name write index .payload "the-name"`,
	},
	{`^unrecognized character in action: U\+\w+ '([“”„‟‘’«»])'`,
		"a curved quote $1 is used in place of a straight one", `write "`},
	{`^invalid syntax$`, "the text in quotes has a backslash that means nothing here",
		"write two, as in \"\\\\d\", or put the text in backquotes: `\\d`"},
	{`^expected :=$`, "unexpected :", "an argument stands behind a space, without a colon: | default 0"},
	{`number syntax: "(\+)"$`, "unexpected $1", ""},
	{`number syntax`, "this begins like a number and is not one", "put text in quotes"},
	{
		`^(?:missing value for command|empty command)$`,
		"a value or function is missing in this {{ }}", "write what to print, such as {{ .payload.title }}",
	},
	{`^non executable`, "| needs a function behind it, not a value", "write a function, such as | upper"},
	{`^unexpected (?:bad character U\+\w+ )?["'<](.+?)["'>]`, "unexpected $1", ""},
	{`^missing value for (\w+)$`, "$1 needs a value", "add one, such as {{ $1 .payload.title }}"},
	{`^unclosed (\()`, "a ( is not closed", "write ) where it ends"},
	{`^unexpected (\))`, "this ) is not opened", "remove it, or write ( where it begins"},
}

// foreignOperators are operators of other languages, and the functions to write instead.
var foreignOperators = map[string]string{
	"=": "eq: {{ if eq .payload.failed 0 }}",
	"!": "ne or not: {{ if ne .payload.failed 0 }}",
	">": "gt: {{ if gt .payload.failed 0 }}",
	"<": "lt: {{ if lt .payload.failed 5 }}",
	"&": "and: {{ if and .payload.a .payload.b }}",
	"|": "or: {{ if or .payload.a .payload.b }}",
	"+": "add: {{ add .payload.passed .payload.failed }}",
	"*": "mul: {{ mul .payload.failed 2 }}",
	"/": "div: {{ div .payload.failed 2 }}",
	"%": "percent: {{ percent .payload.failed .payload.cases }}",
}

// explainParseError converts an error of the parser.
func explainParseError(text string, actions []action, err error) diag.Finding {
	line, reported := 1, err.Error()
	if m := regexp.MustCompile(`^template: .*?:(\d+): (.*)$`).FindStringSubmatch(reported); m != nil {
		line, _ = strconv.Atoi(m[1])
		reported = strings.NewReplacer("left paren", "(", "right paren", ")").Replace(m[2])
	}
	message, hint, token := describeParseError(reported)
	return diag.Finding{At: positionOf(text, offsetOf(text, actions, line, token)), Message: message, Hint: hint}
}

// describeParseError looks up a message of the parser. token is the part of the template that it is about, or "".
func describeParseError(reported string) (message, hint, token string) {
	for _, known := range parseErrors {
		pattern := regexp.MustCompile(known.pattern)
		m := pattern.FindStringSubmatchIndex(reported)
		if m == nil {
			continue
		}
		expand := func(s string) string { return string(pattern.ExpandString(nil, s, reported, m)) }
		message, hint, token = expand(known.message), expand(known.hint), expand("$1")
		if meant := foreignOperators[token]; meant != "" && message == "unexpected "+token {
			return token + " is not an operator here", "use the function " + meant, token
		}
		return message, hint, token
	}
	return reported, "", ""
}

// offsetOf returns the offset of a token in the actions from the given line on. Without a token it returns the first
// action there, and without an action the start of the line.
func offsetOf(text string, actions []action, line int, token string) int {
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

// positionOf converts an offset in bytes.
func positionOf(text string, at int) diag.Position {
	at = min(at, len(text))
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return diag.Position{Line: strings.Count(text[:at], "\n") + 1, Col: diag.Column(text[start:], at-start)}
}

// foreignFunctions are functions of other languages, and what to write instead.
var foreignFunctions = map[string]string{
	"now": "write .time, when the event happened", "today": `write date "2006-01-02" .time`,
	"in": `write eq .project_code "WEB" "API", or has ITEM LIST`, "env": "write ${NAME} for an environment variable",
	"getenv":   "write ${NAME} for an environment variable",
	"strftime": `write date "2006-01-02" .time`, "formatdate": `write date "2006-01-02" .time`,
	"format": `write printf "%d failed" .payload.failed, or date "2006-01-02" .time`,
	"length": "write len", "size": "write len", "count": "write len", "capitalize": "write title",
	"escape": "values are escaped for each service, so leave it out", "safehtml": "values are escaped for each service, so leave it out",
	"html": "values are escaped for each service, so leave it out", "markdown": "bodies are Markdown already, so leave it out",
	"substring": `write substr 0 5 .entity.title`, "truncate": `did you mean "trunc"?`,
	"if": "write {{ if … }}", "percentage": "write percent .payload.failed .payload.cases",
	"pluralize": `write plural .payload.failed "case" "cases"`,
}

// unknownFunctionHint suggests what to write in place of a function that does not exist.
func (s *Set) unknownFunctionHint(name string) string {
	if meant := foreignKeywords[name]; meant != "" {
		return "write " + example(meant)
	}
	if meant := foreignFunctions[strings.ToLower(name)]; meant != "" {
		return meant
	}
	if slices.Contains(VariableNames(), name) {
		return "in templates names begin with a dot: ." + name
	}
	if slices.Contains(catalog.PayloadFields(), name) {
		return "fields of the event are in payload: write .payload." + name
	}
	return cmp.Or(catalog.Similar(name, slices.Collect(maps.Keys(s.funcs))),
		`the README lists them under "Functions in templates"; put text in quotes`)
}
