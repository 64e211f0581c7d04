package notifierstest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// previews checks the preview of each message, and compares some with their golden files.
func (s Suite) previews(t *testing.T) {
	n := s.sample(t)
	for name, m := range Messages() {
		if s.Kind.Type == "email" && name == "mentions" {
			continue // it has no recipient
		}
		t.Run(name, func(t *testing.T) {
			layout, err := preview.Of(n, m)
			if err != nil {
				t.Fatal(err)
			}
			text := Drawn(layout)
			switch name {
			case "rich", "fields", "hostile", "mentions", "failures", "hostile-failures":
				Golden(t, "previews/"+name+".txt", []byte(text))
			}
			page, err := layout.HTML()
			if err != nil || strings.Contains(page+text, Secret) || strings.Contains(page, "ZgotmplZ") ||
				strings.Contains(page, "<script") {
				t.Errorf("%v, a secret or a script: %s", err, page)
			}
			title, _, _ := strings.Cut(markup.Visible(notifiers.OneLine(m.Title)), " ")
			untitled := s.Kind.Type == "http" || s.Kind.Type == "pagerduty" && m.Level == "success"
			if !untitled && !strings.Contains(text, title) {
				t.Errorf("no title in\n%s", text)
			}
		})
	}
}

// Secret is the value that Suite.Sample should give to secrets. No preview may show it.
const Secret = "s3cret"

func (s Suite) sample(t *testing.T) notifiers.Notifier {
	t.Helper()
	if s.Sample != nil {
		return s.Sample(t)
	}
	n, err := s.Kind.New(s.Kind.Sample(), json.RawMessage(s.Options))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Drawn returns a layout as text, a line for each fact and line. The style of a line or run is in brackets before it.
func Drawn(l *preview.Layout) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, color %q\n", l.Channel, l.Level, l.Color)
	for _, f := range l.Facts {
		fmt.Fprintf(&b, "fact %s: %s\n", f.Name, f.Text)
	}
	for _, line := range l.Top {
		b.WriteString("top" + drawnLine(line) + "\n")
	}
	for _, line := range l.Lines {
		b.WriteString("line" + drawnLine(line) + "\n")
	}
	b.WriteString("button: " + DrawnRuns(l.Buttons) + "\n")
	return b.String()
}

func drawnLine(l markup.Line) string {
	s := flags(l) + ": " + DrawnRuns(l.Runs)
	for _, cell := range l.Cells {
		s += "{"
		for _, one := range cell {
			s += drawnLine(one)
		}
		s += " }"
	}
	return s
}

// DrawnRuns returns runs as text.
func DrawnRuns(runs []markup.Run) (s string) {
	for _, r := range runs {
		s += flags(r) + r.Text
	}
	return s
}

// flags lists the fields of v that are true, and its URL.
func flags(v any) string {
	var all []string
	rv := reflect.ValueOf(v)
	for i := range rv.NumField() {
		switch f := rv.Field(i); {
		case f.Kind() == reflect.Bool && f.Bool():
			all = append(all, strings.ToLower(rv.Type().Field(i).Name))
		case rv.Type().Field(i).Name == "URL" && f.String() != "":
			all = append(all, f.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, " ") + "]"
}
