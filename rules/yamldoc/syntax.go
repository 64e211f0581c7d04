package yamldoc

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
)

// reportSyntax reports an error of the YAML parser, which has a line in its text and no column.
func (d *Document) reportSyntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := diag.Problem{File: d.Name, Severity: diag.Error, Line: 1, Message: "not valid YAML: " + text}
	if m := regexp.MustCompile(`^line (\d+): (.*)`).FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Message = "not valid YAML: " + m[2]
	}
	p.Hint = "look at the indentation, colons and quotes here and on the lines before"
	suspect := d.suspectLine(err)
	if suspect == nil {
		p.Line = max(p.Line, d.firstUnreadable())
	}
	p.Col = 0
	switch {
	case suspect != nil:
		p.Line, p.Col, p.Hint = suspect.line, suspect.col, suspect.hint
	case strings.Contains(indentation(d.line(p.Line)), "\t"):
		p.Hint = "YAML is indented with spaces, never with tabs"
	case strings.Contains(text, "a second document starts here"):
		p.Hint = "a line with three dashes begins another document"
	case strings.Contains(text, "mapping values are not allowed"):
		p.Hint = "a colon and a space begin a new value: put the value in quotes, and look at the indentation"
	}
	d.show(&p)
	if p.Col == 0 {
		p.Col = len(indentation(p.Source)) + 1
	}
	d.reader.Problems = append(d.reader.Problems, p)
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

const bareTemplateHint = `put {{ … }} in quotes: "{{ … }}"`

// suspect is a pattern of lines that YAML reads differently than people mean them. Its first group is what stays of the
// line if it is the cause, its second one the place of the fault; without it that is the beginning of the line.
type suspect struct {
	pattern *regexp.Regexp
	instead string // what stands in place of the rest of the line; "" means x
	hint    func(match []string) string
}

// suspects are tried in this order.
var suspects = []suspect{
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+\{\{`), "", hintOf(bareTemplateHint)},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+"[^"]*"\s*[^\s#]`), "",
		hintOf("YAML takes the first quotes for the whole value: put all of it in single quotes, or write | and the " +
			"value on the next line")},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+'[^']*'\s*[^\s#]`), "",
		hintOf("YAML takes the first quotes for the whole value: write | and the value on the next line")},
	{regexp.MustCompile("^(\\s*(?:- )?[\\w-]+:)\\s+[@`%]"), "", hintOf("put a value that begins like this in quotes")},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+[“”„‘’]`), "",
		hintOf(`YAML knows only straight quotes: write " or ' in place of these`)},
	{regexp.MustCompile(`^(\s*(?:- )?when:\s+)(!.*)$`), "", func(m []string) string {
		return "a value that begins with ! needs quotes in YAML; or write " + negation(m[2])
	}},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:\s+)(!\S*.*)$`), "", func(m []string) string {
		return "YAML takes " + firstWord(m[2]) + " for a tag: put the value in quotes"
	}},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:\s+)(\*[\w-]+)\s*$`), "", func(m []string) string {
		return "there is no anchor &" + m[2][1:] + ": write it at the value that is meant, or put text in quotes"
	}},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:\s+)(\*.*)$`), "", func(m []string) string {
		return "YAML takes " + firstWord(m[2]) + " for an alias: put the value in quotes"
	}},
	{regexp.MustCompile(`^(\s*(?:- )?([\w-]+):)\s+- (.*)$`), "", func(m []string) string {
		if m[2] == "notify" || m[2] == "to" || m[2] == "include" {
			return "write " + m[2] + ": [" + m[3] + "], or the dash on a line of its own"
		}
		return "put a value that begins like this in quotes"
	}},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+(?:\? |& |[>|][-+\d]*\s*[^\s#])`), "",
		hintOf("put a value that begins like this in quotes")},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+(?:"[^"]*|'[^']*)$`), "", hintOf("a quote is not closed: write the same " +
		"quote at the end of the text")},
	{regexp.MustCompile(`^(.*[\[{].*[:,\[]\s*[^\s"'#][^"'#\]},:]*)(\s+#[^\]}]*)([\]}].*)$`), "", hintOf("a space and # begin a " +
		"comment in YAML: put the value in quotes")},
	{regexp.MustCompile("^(.*[\\[{].*[:,\\[]\\s*)([@`%][^,\\]}\"']*)([,\\]}].*)$"), "", func(m []string) string {
		return "put a value that begins like this in quotes: " + quoteYAML(strings.TrimSpace(m[2]))
	}},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+((?:\[[^\]]*\]|\{[^{}]*\})\s*[^\s#,].*)$`), "", func(m []string) string {
		return "put all of it in quotes: " + quoteYAML(m[2])
	}},
	{regexp.MustCompile(`^(\s*)(-)([A-Za-z][\w-]*):(\s.*|)$`), "- x: y", func(m []string) string {
		return `a dash needs a space after it: write "- ` + m[3] + `:"`
	}},
	{regexp.MustCompile(`^(\s*(?:- )?)(([A-Za-z_]\w*):([^\s/].*))$`), "x: y", func(m []string) string {
		return `a colon needs a space after it: write "` + m[3] + ": " + m[4] + `"`
	}},
	{regexp.MustCompile(`^(\s*(?:- )?)((\w+)\s*=\s+(.*))$`), "x: y", func(m []string) string {
		return "a key and its value are separated by a colon: write " + m[3] + ": " + m[4]
	}},
	{regexp.MustCompile(`^(.*[\[{].*[:,\[]\s+)(#[\w-]+)([\]},].*)$`), "", func(m []string) string {
		return "# begins a comment in YAML: put " + quoteYAML(m[2]) + " in quotes"
	}},
	{regexp.MustCompile(`^(.*\{.*\bwhen: +)([^'"].*)$`), "", hintOf("within { } a comma or bracket ends the condition: " +
		"put the condition in single quotes")},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+[^\s'"\[{|>&*!%@#].*:\s`), "",
		hintOf("a colon and a space begin a new value: put the value in quotes")},
}

func hintOf(text string) func([]string) string { return func([]string) string { return text } }

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

const maxSuspects = 20

// blamed is a line that makes a document unreadable.
type blamed struct {
	line, col int // col is 0 for the beginning of the line
	hint      string
}

// suspectLine returns the first suspicious line whose change changes the error. The parser often names a line far
// before it.
func (d *Document) suspectLine(err error) *blamed {
	tried := 0
	for i, text := range d.lines {
		for _, s := range suspects {
			m := s.pattern.FindStringSubmatchIndex(strings.TrimRight(text, "\r"))
			if m == nil || tried == maxSuspects {
				continue
			}
			tried++
			if d.explains(i, text[:m[3]], s, err) {
				groups := s.pattern.FindStringSubmatch(strings.TrimRight(text, "\r"))
				b := &blamed{line: i + 1, hint: s.hint(groups)}
				if masked([]string{text})[0] != text { // the hint may repeat a secret
					b.hint, _, _ = strings.Cut(b.hint, ": \"")
				}
				if len(m) > 4 && !strings.HasSuffix(groups[1], ":") {
					b.col = diag.Column(text, m[4]) + 1
				}
				return b
			}
		}
	}
	return nil
}

// explains reports whether the error is gone, or another one, if a line is changed.
func (d *Document) explains(line int, kept string, s suspect, err error) bool {
	lines := slices.Clone(d.lines)
	lines[line] = kept + " x"
	if s.instead != "" {
		lines[line] = kept + s.instead
	}
	opened := strings.Count(kept, "{") - strings.Count(kept, "}")
	listed := strings.Count(kept, "[") - strings.Count(kept, "]")
	if opened+listed > 0 && strings.HasSuffix(strings.TrimSpace(d.lines[line]), closers(kept)) {
		lines[line] += closers(kept)
	}
	_, now := parse(strings.Join(lines, "\n"))
	return now == nil || now.Error() != err.Error()
}

// closers returns the brackets that close those that a text leaves open.
func closers(text string) string {
	out := ""
	for _, r := range text {
		switch r {
		case '{':
			out = "}" + out
		case '[':
			out = "]" + out
		case '}', ']':
			out = strings.TrimPrefix(out, string(r))
		}
	}
	return out
}

// maxReparse is how many bytes firstUnreadable parses at most.
const maxReparse = 8 << 20

// firstUnreadable returns the line after the longest beginning of the file that is valid YAML, or 0 if the search takes
// too long. The parser names the beginning of a list when an entry stands too far to the left.
func (d *Document) firstUnreadable() int {
	for n, left := len(d.lines)-1, maxReparse; n > 0; n-- {
		beginning := strings.Join(d.lines[:n], "\n")
		if left -= len(beginning); left < 0 {
			return 0
		}
		if _, err := parse(beginning); err == nil {
			return n + 1
		}
	}
	return 0
}

// TemplateHint returns a hint for a template without quotes, which YAML reads as a mapping within a mapping, or "".
func TemplateHint(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode {
		return bareTemplateHint
	}
	return ""
}
