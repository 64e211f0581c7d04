package written

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/failures/mask"
	"qaserelay/rules/message"
	"qaserelay/rules/yamldoc"
)

// place says what a value is to those around it.
type place struct {
	path   string // of keys and entries from the top
	key    string // of the value, or of the list or mapping that it is an entry of
	above  string // the key around that one
	secret bool   // a key around it says that all of it is secret
}

// walk calls visit for each text that is a value, with its place. Aliases are not followed.
func walk(n *yaml.Node, at place, visit func(n *yaml.Node, at place)) {
	switch n.Kind {
	case yaml.MappingNode:
		at.path += identity(n)
		for key, v := range yamldoc.Pairs(n) {
			inner := place{path: at.path + "/" + key.Value, key: key.Value, above: at.key, secret: at.secret}
			if at.key == "headers" && at.secret {
				inner.secret = !isPublicHeader(key.Value)
			}
			inner.secret = inner.secret || holdsSecrets(inner, v)
			walk(v, inner, visit)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			inner := at
			inner.path += "/" + entryName(item, i)
			walk(item, inner, visit)
		}
	default:
		visit(n, at)
	}
}

// identity tells mappings apart of which the same text means another thing: by the type of a notifier, and the notifier of
// a message.
func identity(n *yaml.Node) string {
	out := ""
	for _, key := range []string{"type", "notifier"} {
		if v := yamldoc.ValueOf(n, key); v != nil && v.Kind == yaml.ScalarNode {
			out += "{" + key + "=" + strconv.Quote(v.Value) + "}"
		}
	}
	return out
}

// entryName names an entry of a list: by its name, or by its number.
func entryName(n *yaml.Node, i int) string {
	if name := yamldoc.ValueOf(n, "name"); name != nil && name.Kind == yaml.ScalarNode {
		return "[" + strconv.Quote(name.Value) + "]"
	}
	return strconv.Itoa(i)
}

// holdsSecrets reports whether a key says that its value is secret.
func holdsSecrets(at place, v *yaml.Node) bool {
	switch key := strings.ToLower(strings.ReplaceAll(at.key, "-", "_")); key {
	case "headers", "endpoint_params":
		return true
	case "basic_auth":
		return v.Kind == yaml.ScalarNode
	case "key":
		return at.above != "thread" && at.above != "update"
	default:
		return yamldoc.IsSecret(at.key)
	}
}

func isPublicHeader(name string) bool {
	return slices.Contains([]string{"accept", "accept-language", "content-type", "user-agent"}, strings.ToLower(name))
}

// publicURLs are keys of addresses without secrets.
var publicURLs = []string{"qase_url", "api_url", "token_url"}

func isURL(key string) bool {
	return (key == "url" || strings.HasSuffix(key, "_url")) && !slices.Contains(publicURLs, key)
}

var (
	filled   = regexp.MustCompile(`\$\{\w+\}|\{\{[^"'` + "`" + `{}]*\}\}`)
	fallback = regexp.MustCompile(`^\$\{(\w+):-.+\}$`)
	scheme   = regexp.MustCompile(`^(?i:bearer|basic|token|digest)?\s*$`)
	host     = regexp.MustCompile(`^(https?://[\w.-]+(?::\d+)?)(/?)(.*)$`)
)

// shown returns what is shown of the text of a value.
func shown(text string, at place) string {
	isSecret := at.secret && !isURL(at.key)
	switch {
	case strings.TrimSpace(text) == "":
		return text
	case isSecret || isURL(at.key):
		if scheme.MatchString(filled.ReplaceAllString(text, "")) {
			return text
		}
		if m := fallback.FindStringSubmatch(text); m != nil {
			return "${" + m[1] + ":-" + message.Hidden + "}"
		}
		if m := host.FindStringSubmatch(text); m != nil && !isSecret {
			if m[3] == "" {
				return text
			}
			return m[1] + "/" + message.Hidden
		}
		return message.Hidden
	}
	return mask.Text(text)
}

// edit replaces a part of a file by a text of one line.
type edit struct {
	line, col, endLine, endCol int
	text                       string
}

// maskAll returns the lines of a document with its secrets masked.
func maskAll(d *yamldoc.Document, lines []string) []string {
	var edits []edit
	covered := make([][][2]int, len(lines)) // the columns of texts, by line
	for p := range d.At(d.Root).Nodes {
		if p.IsText() {
			cover(covered, lines, p)
		}
	}
	walk(d.Root, place{}, func(n *yaml.Node, at place) {
		if n.Kind != yaml.ScalarNode {
			return
		}
		if text := shown(n.Value, at); text != n.Value {
			e := edit{line: n.Line, col: n.Column, text: quoted(n, text)}
			e.endLine, e.endCol = d.At(n).End()
			edits = append(edits, e)
		}
	})
	out := slices.Clone(lines)
	for i := range out {
		out[i] = maskComment(out[i], covered[i])
	}
	for _, e := range slices.Backward(edits) {
		e.apply(out)
	}
	return out
}

// quoted returns the masked text of a value as YAML.
func quoted(n *yaml.Node, text string) string {
	anchor := ""
	if n.Anchor != "" {
		anchor = "&" + n.Anchor + " "
	}
	plain := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if plain && !strings.ContainsAny(text, "\n\"'#{}[],&*!|>%@`:") || text == message.Hidden {
		return anchor + text
	}
	return anchor + strconv.Quote(text)
}

// apply makes the replacement. The number of lines stays.
func (e edit) apply(lines []string) {
	first, last := []rune(lines[e.line-1]), []rune(lines[e.endLine-1])
	rest := string(last[min(e.endCol-1, len(last)):])
	for n := e.line; n < e.endLine; n++ {
		lines[n] = ""
	}
	lines[e.line-1] = string(first[:e.col-1]) + e.text + rest
}

// cover notes where a text stands.
func cover(covered [][][2]int, lines []string, p yamldoc.Place) {
	endLine, endCol := p.End()
	for n := p.Line(); n <= endLine && n <= len(lines); n++ {
		from, to := 0, utf8.RuneCountInString(lines[n-1])
		if n == p.Line() {
			from = p.Column() - 1
		}
		if n == endLine {
			to = endCol - 1
		}
		covered[n-1] = append(covered[n-1], [2]int{from, to})
	}
}

// maskComment masks what looks like a secret in the comment of a line.
func maskComment(line string, texts [][2]int) string {
	runes := []rune(line)
	for i, r := range runes {
		begins := r == '#' && (i == 0 || runes[i-1] == ' ' || runes[i-1] == '\t')
		if !begins || slices.ContainsFunc(texts, func(t [2]int) bool { return t[0] <= i && i < t[1] }) {
			continue
		}
		return string(runes[:i+1]) + yamldoc.ShownLine(mask.Text(string(runes[i+1:])))
	}
	return line
}
