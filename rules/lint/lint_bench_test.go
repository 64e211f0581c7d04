package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/relay/config"
)

// rulesOf returns a file with n rules of the usual kinds: a condition, a title, a body and options with templates, and now
// and then a stop.
func rulesOf(n int) string {
	events := []string{`event_name == "run.completed"`, `event_type == "run"`, `event_type == "defect"`,
		`event_name in ["run.completed", "run.aborted"]`}
	parts := []string{`payload.failed > %d`, `entity.title contains "T%d"`, `actor.email != "a%d@example.com"`,
		`project_code == "P%d"`, `entity.environment == "E%d"`}
	var out strings.Builder
	out.WriteString("rules:\n")
	for i := range n {
		part := fmt.Sprintf(parts[i%len(parts)], i)
		fmt.Fprintf(&out, "  - name: r%d\n    when: '%s && (%s or project_code == \"Z%d\")'\n", i, events[i%len(events)], part, i)
		fmt.Fprintf(&out, "    title: \"{{ .entity.title }} %d in {{ .project_code }}\"\n", i)
		out.WriteString("    body: \"by {{ .actor.name }}{{ range .entity.reviewers }} {{ .name }}{{ end }}\"\n")
		fmt.Fprintf(&out, "    notify: [{notifier: slack, channel: \"#c%d\", thread: \"t-{{ .payload.id }}\"}]\n", i)
		fmt.Fprintf(&out, "    stop: %v\n", i%10 == 0)
	}
	return out.String()
}

// BenchmarkLoad measures what check and serve do for rules with texts of their own, and for rules of three lines.
func BenchmarkLoad(b *testing.B) {
	var short strings.Builder
	short.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&short, "  - name: r%d\n    when: 'event_name == \"run.completed\" and project_code == \"P%d\"'\n", i, i)
		short.WriteString("    notify: [slack]\n")
	}
	b.Run("texts=1000", func(b *testing.B) { benchLoad(b, rulesOf(1000)) })
	b.Run("texts=10000", func(b *testing.B) { benchLoad(b, rulesOf(10_000)) })
	b.Run("short=10000", func(b *testing.B) { benchLoad(b, short.String()) })
}

func benchLoad(b *testing.B, text string) {
	base, err := filepath.Abs("testdata/base.yaml")
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := config.Load([]string{base, name}, config.LoadOptions{AllowUnset: true}); problems.Err() != nil {
			b.Fatal(problems)
		}
	}
}
