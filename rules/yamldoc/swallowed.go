package yamldoc

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// swallowed finds text that YAML takes for something else, and drops: comments, tags and anchors.
type swallowed struct {
	*Document
	anchors map[string]*yaml.Node // scalars with an anchor
	aliases map[string]bool
}

// checkSwallowed reports text of the document that YAML drops. Keys for anchors (x-…) may hold anything.
func (d *Document) checkSwallowed() {
	s := &swallowed{Document: d, anchors: map[string]*yaml.Node{}, aliases: map[string]bool{}}
	for key, v := range Pairs(d.Root) {
		if !IsExtension(key.Value) {
			s.check(key.Value, v)
		} else {
			s.gather(v)
		}
	}
	for name, n := range s.anchors {
		if !s.aliases[name] {
			d.Report(n, diag.Warning, "YAML takes &"+name+" for an anchor, which nothing uses",
				"put the value in quotes if it belongs to the text")
		}
	}
}

// IsExtension reports whether a key at the top is ignored, so that it can hold anchors.
func IsExtension(key string) bool { return strings.HasPrefix(key, "x-") }

// gather notes the aliases of a part that is not checked.
func (s *swallowed) gather(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		s.aliases[n.Value] = true
		return
	}
	for _, inner := range n.Content {
		s.gather(inner)
	}
}

// check checks the value of a key, and those within it.
func (s *swallowed) check(key string, n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		s.aliases[n.Value] = true
		return
	}
	if written := s.rest(n); strings.HasPrefix(written, "!") && !strings.HasPrefix(written, "!!") {
		s.tag(key, n)
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		s.scalar(key, n)
	case yaml.MappingNode:
		for inner, v := range Pairs(n) {
			s.check(inner.Value, v)
		}
	default:
		for _, item := range n.Content {
			s.check(key, item)
		}
	}
}

// tag reports a tag, which YAML drops. The node gets back the text as it is written.
func (s *swallowed) tag(key string, n *yaml.Node) {
	written := s.rest(n)
	hint := "put the value in quotes"
	name, _, _ := strings.Cut(written, " ")
	message := "YAML takes " + name + " for a tag, and drops it"
	switch {
	case key == "when":
		message, hint = "a value that begins with ! needs quotes in YAML; or write "+negation(written), ""
	case name == "!include":
		hint = "files are included at the top: include: [FILE]"
	case name == "!env" && n.Value != "":
		hint = "write ${" + n.Value + "}"
	case name == "!file" || name == "!secret" || name == "!vault":
		hint = "a secret is read from a file by " + key + "_file: NAME"
	}
	s.Report(n, diag.Error, message, hint)
	if n.Kind == yaml.ScalarNode {
		n.Value, n.Tag, n.Style = written, "!!str", 0
	}
	s.silence(n)
}

// negation returns a condition that begins with ! as one that begins with not.
func negation(written string) string {
	inner := strings.TrimLeft(written, "! ")
	if strings.HasPrefix(inner, "(") {
		return "not (…)"
	}
	if first, _, found := strings.Cut(inner, " "); found && !regexp.MustCompile(`^\S+ (?:[=!<>]|in |contains |matches )`).
		MatchString(inner) {
		inner = first
	} else if found {
		inner = "(" + inner + ")"
	}
	return "not " + inner
}

// comment matches the beginning of a comment behind a value.
var comment = regexp.MustCompile(`^\s+(#.*)$`)

// scalar checks a text for a comment right behind it, and for an anchor and curved quotes.
func (s *swallowed) scalar(key string, n *yaml.Node) {
	if n.Anchor != "" {
		s.anchors[n.Anchor] = n
		return
	}
	if n.Style != 0 {
		return
	}
	line := s.line(n.Line)
	runes := []rune(line)
	end := n.Column - 1 + utf8.RuneCountInString(n.Value)
	if n.Column < 1 || end > len(runes) || string(runes[n.Column-1:end]) != n.Value {
		return // of several lines
	}
	if m := comment.FindStringSubmatch(string(runes[end:])); m != nil {
		at := &yaml.Node{Line: n.Line, Column: end + strings.IndexByte(string(runes[end:]), '#') + 1}
		s.comment(key, n, at, strings.TrimSpace(m[1]))
	} else {
		s.curved(key, n)
	}
}

// comment reports a comment that is probably part of the value in front of it.
func (s *swallowed) comment(key string, n, at *yaml.Node, text string) {
	quoted := quoteYAML(strings.TrimSpace(n.Value + " " + text))
	switch joined := len(text) > 1 && text[1] != ' ' && text[1] != '#' && text[1] != '!'; {
	case n.Value == "" && (joined || strings.Contains(text, "{{")):
		s.Report(at, diag.Error, "# begins a comment in YAML: write "+key+": "+quoteYAML(text), "")
		n.Value, n.Tag = text, "!!str"
		s.silence(n)
	case n.Value == "":
	case key == "when" && open(n.Value):
		s.Report(at, diag.Error, "a space and # begin a comment in YAML",
			"put the condition in single quotes, or leave out the #")
		n.Value += " " + text
		s.silence(n)
	case strings.Contains(text, "{{"):
		s.Report(at, diag.Error, "YAML takes "+value.Quote(text)+" for a comment", "put the value in quotes: "+quoted)
	case joined:
		s.Report(at, diag.Warning, "YAML takes "+value.Quote(text)+" for a comment",
			"put the value in quotes, or write a space behind the #")
	}
}

// open reports whether a bracket of a condition is not closed.
func open(condition string) bool {
	return strings.Count(condition, "(") > strings.Count(condition, ")") ||
		strings.Count(condition, "[") > strings.Count(condition, "]")
}

// quoteYAML returns a text in the quotes that need no escaping, as far as possible.
func quoteYAML(text string) string {
	if strings.Contains(text, `"`) && !strings.Contains(text, "'") {
		return "'" + text + "'"
	}
	return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
}

// curvedQuotes are the pairs of quotes that YAML does not know.
var curvedQuotes = regexp.MustCompile(`^([“”„‟‘’«»＂])(.*)[“”‘’«»＂]$`)

// curved reports a value within curved quotes, which become part of it.
func (s *swallowed) curved(key string, n *yaml.Node) {
	m := curvedQuotes.FindStringSubmatch(n.Value)
	if m == nil || key == "when" { // the condition says it better
		return
	}
	severity := diag.Error
	if key == "title" || key == "body" || key == "description" {
		severity = diag.Warning
	}
	s.Report(n, severity, "a curved quote "+m[1]+" is used in place of a straight one", `write `+quoteYAML(m[2]))
	s.silence(n)
}

// rest returns the text of the line from a node on, without a comment.
func (d *Document) rest(n *yaml.Node) string {
	runes := []rune(d.line(n.Line))
	if n.Column < 1 || n.Column > len(runes) {
		return n.Value + " "
	}
	text, _, _ := strings.Cut(string(runes[n.Column-1:]), " #")
	return strings.TrimSpace(text)
}

// silence drops later problems of a node whose text was swallowed.
func (d *Document) silence(n *yaml.Node) {
	if d.silent == nil {
		d.silent = map[*yaml.Node]bool{}
	}
	d.silent[n] = true
}
