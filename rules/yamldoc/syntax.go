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
	line, hint := d.suspectLine(err)
	if line == 0 {
		p.Line = max(p.Line, d.firstUnreadable())
	}
	switch {
	case line > 0:
		p.Line, p.Hint = line, hint
	case strings.Contains(indentation(d.line(p.Line)), "\t"):
		p.Hint = "YAML is indented with spaces, never with tabs"
	case strings.Contains(text, "mapping values are not allowed"):
		p.Hint = "put a value that holds a colon in quotes, and look at the indentation"
	}
	p.Source = d.line(p.Line)
	p.Col = len(indentation(p.Source)) + 1
	d.reader.Problems = append(d.reader.Problems, p)
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

const bareTemplateHint = `put {{ … }} in quotes: "{{ … }}"`

// suspects are patterns of lines whose meaning in YAML differs from the intended one. Each pattern captures the key.
var suspects = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+\{\{`), bareTemplateHint},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+"[^"]*"\s*[^\s#]`),
		"YAML takes the first quotes for the whole value: put all of it in single quotes, or write | and the value " +
			"on the next line"},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+'[^']*'\s*[^\s#]`),
		"YAML takes the first quotes for the whole value: write | and the value on the next line"},
	{regexp.MustCompile("^(\\s*(?:- )?[\\w-]+:)\\s+[@`%]"), "put a value that begins like this in quotes"},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+[“”„‘’]`),
		`YAML knows only straight quotes: write " or ' in place of these`},
}

const maxSuspects = 20

// suspectLine returns the first suspicious line whose removal changes the error, with a hint. The parser often names
// a line far before it.
func (d *Document) suspectLine(err error) (line int, hint string) {
	tried := 0
	for i, text := range d.lines {
		for _, suspect := range suspects {
			key := suspect.pattern.FindStringSubmatch(text)
			if key == nil || tried == maxSuspects {
				continue
			}
			tried++
			lines := slices.Clone(d.lines)
			lines[i] = key[1] + " x"
			if _, now := parse(strings.Join(lines, "\n")); now == nil || now.Error() != err.Error() {
				return i + 1, suspect.hint
			}
		}
	}
	return 0, ""
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
