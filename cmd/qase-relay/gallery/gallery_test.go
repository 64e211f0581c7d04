package gallery

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

var pagesInto = flag.String("pages", "", "write the previews of all events as pages into this folder")

// someNotifiers is a rules file with notifiers that get each event. everyNotifier adds one of each further kind.
const someNotifiers = `
sources: [{name: qase, secrets: [s]}]
people: [{name: Ana López, email: ana@example.com, member_id: 40, slack: U024BE7LH}]
notifiers:
  - {name: slack, type: slack, token: t, channel: "#qa", mention: ["{{ .actor.email }}"]}
  - {name: email, type: email, host: localhost, tls: none, from: Qase <qase@example.com>, to: [qa@example.com]}
  - {name: http, type: http, url: "http://127.0.0.1/hook?key=s3cret", bearer: s3cret,
     headers: {X-Key: s3cret, Accept: application/json}}
  - {name: teams, type: teams, webhook_url: "https://example.com/s3cret", mention: [qa-lead@example.com]}
  - {name: discord, type: discord, webhook_url: "https://example.com/s3cret", mention: ["@here"]}
  - {name: telegram, type: telegram, token: "1:s3cret", chat_id: "-100123"}
  - {name: space, type: googlechat, webhook_url: "https://example.com/s3cret"}
  - {name: mattermost, type: mattermost, webhook_url: "https://example.com/s3cret", mention: ["@qa-lead"]}
  - {name: pager, type: pagerduty, routing_key: 00000000000000000000000000s3cret}
  - {name: phones, type: ntfy, topic: qa, token: s3cret}
`

// everyNotifier returns rules with a notifier of each kind, which all get each event.
func everyNotifier(t *testing.T) *rulefile.File {
	t.Helper()
	type rules struct {
		Sources, People, Rules any
		Notifiers              []map[string]any
	}
	var all rules
	if err := yaml.Unmarshal([]byte(someNotifiers), &all); err != nil {
		t.Fatal(err)
	}
	var names []any
	for _, k := range builtin.Kinds() {
		i := slices.IndexFunc(all.Notifiers, func(n map[string]any) bool { return n["type"] == k.Type })
		if i < 0 {
			var own rules
			if err := yaml.Unmarshal([]byte(k.Example), &own); err != nil {
				t.Fatal(err)
			}
			i, all.Notifiers = len(all.Notifiers), append(all.Notifiers, own.Notifiers[0])
		}
		names = append(names, all.Notifiers[i]["name"])
	}
	all.Rules = []any{map[string]any{"name": "everything", "when": "true", "notify": names}}
	summaries := []any{map[string]any{"name": "qa-day", "at": "09:00", "project": "ID", "notify": names},
		map[string]any{"name": "qa-week", "at": "mon 09:00", "project": "ID", "notify": names}}
	text, err := yaml.Marshal(map[string]any{"sources": all.Sources, "people": all.People, "notifiers": all.Notifiers,
		"rules": all.Rules, "summaries": summaries})
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: text}},
		rulefile.Options{Kinds: config.Kinds(builtin.Kinds())})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestEveryEventHasAPreviewInEveryChannel draws the example of each event as each kind of notifier would send it.
func TestEveryEventHasAPreviewInEveryChannel(t *testing.T) {
	cfg := everyNotifier(t)
	unsafeHTML := regexp.MustCompile(`(?i)s3cret|<script|<link|<img|@import|url\(|ZgotmplZ`)
	for _, e := range catalog.All() {
		var out bytes.Buffer
		g := drawn(t, cfg, &terminal.Screen{Writer: &out, Columns: 80}, e.Example)
		if len(g.pages) != len(builtin.Kinds()) {
			t.Errorf("%s: %d previews:\n%s", e.Name, len(g.pages), &out)
		}
		for _, p := range g.pages {
			if unsafe := unsafeHTML.FindString(p.HTML); unsafe != "" {
				t.Errorf("%s, %s: the page has %s:\n%s", e.Name, p.Notifier, unsafe, p.HTML)
			}
			if *pagesInto != "" {
				writePage(t, e.Name+"-"+p.Notifier+".html", p.HTML)
			}
		}
		if strings.Contains(out.String(), "s3cret") {
			t.Errorf("%s: a secret:\n%s", e.Name, &out)
		}
	}
}

func writePage(t *testing.T, name, page string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(*pagesInto, name), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPreviewsOnATerminal compares the previews of some events with golden files: plain and in color, wide and narrow.
func TestPreviewsOnATerminal(t *testing.T) {
	comment := `{"event_name":"review.commented","team_member_id":40,"project_code":"WEB","payload":{"id":2,` +
		`"title":"Login <b>*works*</b>",` +
		`"comment":"Please see\n<!channel> \u001b[31mred\u202e and https://evil.example/"}}`
	cfg := everyNotifier(t)
	run, _ := catalog.Lookup("run.completed")
	defect, _ := catalog.Lookup("defect.created")
	for name, tt := range map[string]struct {
		event  []byte
		screen terminal.Screen
	}{
		"run.completed":    {run.Example, terminal.Screen{Columns: 80}},
		"defect.created":   {defect.Example, terminal.Screen{Columns: 40}},
		"review.commented": {[]byte(comment), terminal.Screen{Columns: 80}},
		"in colour":        {[]byte(comment), terminal.Screen{Columns: 80, Color: true, Terminal: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tt.screen.Writer = &out
			g := drawn(t, cfg, &tt.screen, tt.event)
			for _, p := range g.pages {
				if strings.Contains(p.HTML, "<!channel>") || strings.Contains(p.HTML, "<b>*works") {
					t.Errorf("%s: what an event says is markup:\n%s", p.Notifier, p.HTML)
				}
			}
			file := filepath.Join("testdata", "pictures", strings.ReplaceAll(name, " ", "-")+".txt")
			rulefiletest.Golden(t, file, out.String())
		})
	}
}

// drawn decides about an event and draws its messages.
func drawn(t *testing.T, cfg *rulefile.File, s *terminal.Screen, body []byte) *Gallery {
	t.Helper()
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ev, err := event.Parse("qase", body, at)
	if err != nil {
		t.Fatal(err)
	}
	g := New(s, cfg, ev, "")
	for _, n := range cfg.Rules.Decide(ev, rules.State{Now: at}).Notifications {
		s.Printf("    → %s\n", n.Notifier)
		g.Show(n, at)
	}
	return g
}

func TestATerminalIsFilledToItsWidth(t *testing.T) {
	long := markup.Line{Runs: []markup.Run{{Text: strings.Repeat("word ", 40)}, {Text: strings.Repeat("日", 60)}}}
	for _, wide := range []int{20, 40, 80, 200} {
		var out bytes.Buffer
		s := &terminal.Screen{Writer: &out, Columns: wide, Terminal: true}
		code := markup.Line{Runs: long.Runs, Pre: true}
		s.PrintPreview(&preview.Layout{Channel: "Slack", Facts: []preview.Fact{{Text: strings.Repeat("#qa ", 99)}},
			Lines: []markup.Line{long, code}})
		lines := strings.Split(out.String(), "\n")
		if i := slices.IndexFunc(lines, func(l string) bool { return terminal.Columns(l) > max(wide, 20) }); i >= 0 {
			t.Errorf("%d columns: %q", wide, lines[i])
		}
	}
}
