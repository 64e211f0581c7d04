package lint

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

var (
	markdownEscape = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")
	actionOrText   = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
)

// garbagePatterns match what templates print by mistake.
var garbagePatterns = []struct {
	pattern *regexp.Regexp
	onlyURL bool // elsewhere it may be meant
	hint    string
}{
	{regexp.MustCompile(`%!(\w|[^\w\s])?\([^)]*\)?`), false,
		"printf cannot format this value so: %d takes whole numbers, %.1f fractions, %s text; %v takes any value"},
	{regexp.MustCompile(`<no value>`), false, "the value is missing; give it a default"},
	{regexp.MustCompile(`map\[[^\]]{0,40}`), false, "this is an object; name one of its fields"},
	{regexp.MustCompile(`\{"[\w-]+":.{0,30}`), true, "this is an object; name one of its fields"},
	{regexp.MustCompile(`YYYY|yyyy[-/.]|HH:mm|%[YmdHM][-/.: ]%?[YmdHMS]?`), false,
		`a layout is written as the date 2 January 2006, 15:04:05: {{ date "2006-01-02 15:04" .time }}`},
}

// findGarbage returns a finding about what a template printed in place of what was meant, or nil. reads are the paths
// that the template reads.
func findGarbage(t rulefile.TextSource, text string, one trial, reads []string) *diag.Finding {
	inURL := t.Form == template.FormURL
	if !inURL && !strings.ContainsAny(text, "%<[{YH") {
		return nil // as most texts
	}
	plain := markdownEscape.ReplaceAllString(text, "$1")
	if unescaped, err := url.PathUnescape(text); inURL && err == nil {
		plain = unescaped
	}
	for _, p := range garbagePatterns {
		found := p.pattern.FindString(plain)
		if found == "" || p.onlyURL && !inURL ||
			p.pattern.MatchString(actionOrText.ReplaceAllString(t.Text, "\x00")) {
			continue
		}
		hint := p.hint
		if object := one.object(reads); p.onlyURL && object != "" {
			hint = fmt.Sprintf("%s is an object; name one of its fields, such as %s.id", object, object)
		}
		return &diag.Finding{Message: fmt.Sprintf(`the result has "%s" in it, for %s`, found, one.name), Hint: hint}
	}
	return nil
}

// object returns the first of the paths that are read that leads to an object, with its dot, or "".
func (t trial) object(reads []string) string {
	for _, path := range reads {
		var v any = t.Context().Vars
		for key := range strings.SplitSeq(path, ".") {
			object, _ := v.(map[string]any)
			v = object[key]
		}
		if _, isObject := v.(map[string]any); isObject {
			return "." + path
		}
	}
	return ""
}
