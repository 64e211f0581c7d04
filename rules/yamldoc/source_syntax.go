package yamldoc

import (
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
)

// syntaxError reports an error of the YAML parser, which has a line in its text and no column.
func (s *Source) syntaxError(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := diag.Problem{File: s.Name, Severity: diag.Error, Line: 1, Message: "not valid YAML: " + text}
	if m := regexp.MustCompile(`^line (\d+): (.*)`).FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Message = "not valid YAML: " + m[2]
	}
	p.Hint = "look at the indentation, colons and quotes here and on the lines before"
	line, hint := s.culprit(err)
	if line == 0 {
		p.Line = max(p.Line, s.firstUnreadable())
	}
	switch {
	case line > 0:
		p.Line, p.Hint = line, hint
	case strings.Contains(indentation(s.line(p.Line)), "\t"):
		p.Hint = "YAML is indented with spaces, never with tabs"
	case strings.Contains(text, "mapping values are not allowed"):
		p.Hint = "put a value that holds a colon in quotes, and look at the indentation"
	}
	p.Source = s.line(p.Line)
	p.Col = len(indentation(p.Source)) + 1
	*s.problems = append(*s.problems, p)
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

const bareTemplateHint = `put {{ … }} in quotes: "{{ … }}"`

// suspects are lines that YAML reads otherwise than they are meant, with their key, and what to do about each.
var suspects = []struct {
	pattern *regexp.Regexp
	hint    string
}{
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+\{\{`), bareTemplateHint},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+"[^"]*"\s*[^\s#]`), "YAML takes the first quotes for the whole value: put all of it in single quotes, or write | and the value on the next line"},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+'[^']*'\s*[^\s#]`), "YAML takes the first quotes for the whole value: write | and the value on the next line"},
	{regexp.MustCompile("^(\\s*(?:- )?[\\w-]+:)\\s+[@`%]"), "put a value that begins like this in quotes"},
	{regexp.MustCompile(`^(\s*(?:- )?[\w-]+:)\s+[“”„‘’]`), `YAML knows straight quotes only: write " or ' in place of these`},
}

const maxSuspects = 20

// culprit finds a suspicious line without which the error would not be as it is, since the parser often names a line far before it.
func (s *Source) culprit(err error) (line int, hint string) {
	tried := 0
	for i, text := range s.lines {
		for _, suspect := range suspects {
			key := suspect.pattern.FindStringSubmatch(text)
			if key == nil || tried == maxSuspects {
				continue
			}
			tried++
			lines := append([]string{}, s.lines...)
			lines[i] = key[1] + " x"
			if _, now := ParseYAML(strings.Join(lines, "\n")); now == nil || now.Error() != err.Error() {
				return i + 1, suspect.hint
			}
		}
	}
	return 0, ""
}

// maxRead bounds in bytes what is read to find a line.
const maxRead = 8 << 20

// firstUnreadable returns the first line from which on no beginning of the file can be read, or 0 if that takes too long to find. For
// a list whose entry stands too far to the left, the parser names the line where the list begins.
func (s *Source) firstUnreadable() int {
	for n, left := len(s.lines)-1, maxRead; n > 0; n-- {
		beginning := strings.Join(s.lines[:n], "\n")
		if left -= len(beginning); left < 0 {
			return 0
		}
		if _, err := ParseYAML(beginning); err == nil {
			return n + 1
		}
	}
	return 0
}

// TemplateHint says what to do about a template without quotes, which YAML reads as a mapping within a mapping.
func TemplateHint(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode {
		return bareTemplateHint
	}
	return ""
}
