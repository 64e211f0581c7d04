package gallery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// digests returns the digests of runs that fail within ten minutes, with their events, to a notifier of each kind that
// joins messages.
func digests(t *testing.T, titles []string) (cfg *rulefile.File, wakes []ruletest.Wake) {
	t.Helper()
	var names []string
	for _, n := range everyNotifier(t).Notifiers {
		if n.Type != "pagerduty" {
			names = append(names, n.Name)
		}
	}
	text := someNotifiers + "rules:\n  - name: failed-run\n    when: event_name == \"run.completed\"\n" +
		"    title: \"{{ .entity.title }}\"\n    group: {by: [project_code], wait: 10m, max: 1000}\n    notify: [" +
		strings.Join(names, ", ") + "]\n"
	cfg, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}},
		rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var memory ruletest.Memory
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for i, title := range titles {
		for _, body := range []string{
			fmt.Sprintf(`{"event_name":"run.started","timestamp":%d,"project_code":"WEB","payload":{"id":%d,"title":%s}}`,
				at.Unix(), i+1, value.JSONText(title)),
			fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"team_member_id":40,"project_code":"WEB",`+
				`"payload":{"id":%d,"cases":9,"passed":%d,"failed":%d}}`, at.Unix(), i+1, 9-i%3, i%3),
		} {
			ev, err := event.Parse("qase", []byte(body), at)
			if err != nil {
				t.Fatal(err)
			}
			memory.Decide(cfg.Rules, ev, at)
		}
	}
	wakes = memory.Pass(cfg.Rules, at.Add(10*time.Minute))
	if len(wakes) != len(names) {
		t.Fatalf("%d digests, want %d", len(wakes), len(names))
	}
	return cfg, wakes
}

// rowOf returns the event of a digest, as it is stored.
func rowOf(t *testing.T, w ruletest.Wake) *event.Event {
	t.Helper()
	ev, err := event.Parse("qase", w.Decision.Row.Body, w.At)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// TestADigestOfManyLongTitlesIsCutAtWholeLines sends digests of up to 1,000 titles to each kind.
func TestADigestOfManyLongTitlesIsCutAtWholeLines(t *testing.T) {
	for name, text := range map[string]string{
		"several languages": `Größe "π" <b>&amp;</b>, [x](y) *z* 日本語 العربية 🚀; #1 @here | `,
		"markup":            `<&>*_~` + "`" + `[]()<@U1>`,
		"Chinese":           "夜间回归测试失败", "emoji": "👩‍👩‍👧🏳️‍🌈", "words": "nightly regression ",
		"few letters": " "} {
		t.Run(name, func(t *testing.T) {
			titles := make([]string, 150)
			if name == "several languages" {
				titles = make([]string, 1000)
			}
			for i := range titles {
				titles[i] = fmt.Sprintf("R%d %s", i+1, strings.Repeat(text, 1+600/max(1, len(text))))
			}
			cfg, wakes := digests(t, titles)
			for _, w := range wakes {
				n := w.Decision.Notifications[0]
				m := relay.NewMessage("d1", rowOf(t, w), n)
				checkDigestFits(t, cfg, &m, n, len(titles))
			}
		})
	}
}

var moreLine = regexp.MustCompile(`… and (\d+) more`)

// checkDigestFits fails unless all lines of the body are in the message that is sent.
func checkDigestFits(t *testing.T, cfg *rulefile.File, m *notifiers.Message, n rules.Notification, count int) {
	t.Helper()
	i := slices.IndexFunc(cfg.Notifiers, func(spec rulefile.Notifier) bool { return spec.Name == n.Notifier })
	spec := cfg.Notifiers[i]
	lines, more := strings.Count(n.Body, "\n- ")+1, moreLine.FindStringSubmatch(n.Body)
	if more == nil && lines == count {
		return // there is room for all of them
	}
	if lines < 4 || more == nil || more[1] != fmt.Sprint(count-lines) || !strings.HasSuffix(n.Body, more[0]) {
		t.Errorf("%s: %d lines, then %q:\n%.3000s", n.Notifier, lines, more, n.Body)
		return
	}
	made, _, err := newNotifier(spec)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := made.(interface {
		Preview(m *notifiers.Message) ([]byte, error)
	}).Preview(m)
	if err != nil {
		t.Errorf("%s: refused: %v", n.Notifier, err)
		return
	}
	if spec.Type == "email" {
		return // in quoted-printable; it has no limit
	}
	if !json.Valid(sent) || !strings.Contains(string(sent), more[0]) || !regexp.MustCompile(fmt.Sprintf(`R%d\b`, lines)).Match(sent) {
		t.Errorf("%s: %d lines; cut in: %s", n.Notifier, lines, sent)
	}
}

// TestDigestsOnATerminal compares the preview of a digest with a golden file.
func TestDigestsOnATerminal(t *testing.T) {
	cfg, wakes := digests(t, []string{"Nightly", "Smoke *all* <b>", "Checkout 日本語", "Login", "Search"})
	var out bytes.Buffer
	for _, w := range wakes {
		s := &terminal.Screen{Writer: &out, Columns: 80}
		g := New(s, cfg, rowOf(t, w), "")
		s.Printf("    → %s\n", w.Decision.Notifications[0].Notifier)
		g.Show(w.Decision.Notifications[0], w.At)
	}
	rulefiletest.Golden(t, filepath.Join("testdata", "pictures", "digest.txt"), out.String())
}
