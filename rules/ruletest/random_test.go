package ruletest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/silence"
)

// randomRule returns a rule with random keys of time, which matches runs that have failed or have started.
func randomRule(r *rand.Rand, name string) string {
	some := func(all ...string) string { return all[r.IntN(len(all))] }
	keys := []string{"name: " + name, some(`when: event_name == "run.completed"`, `when: event_name == "run.started"`),
		"notify: [" + some("ops", "qa", "ops, qa") + "]"}
	if r.IntN(3) == 0 {
		keys = append(keys, fmt.Sprintf("throttle: {by: [%s], every: %s, at_most: %d, send_last: %t}",
			some("payload.id", "project_code", "payload.nope"), some("10s", "1m", "1h"), 1+r.IntN(2), r.IntN(2) == 0))
	}
	if r.IntN(3) == 0 {
		keys = append(keys, "group: {by: ["+some("project_code", "payload.id")+"], "+some("wait: 30s", "wait: 10m, quiet: 1m",
			"wait: 1h, first: send", "wait: 1h, max: 2, overflow: send", `at: "mon-fri 09:00"`, `at: "12:00", empty: send`)+"}")
	}
	if r.IntN(3) == 0 {
		keys = append(keys, `active: {days: [mon-fri], hours: "09:00-18:00", otherwise: `+some("hold", "drop")+"}")
	}
	if r.IntN(3) == 0 {
		keys = append(keys, "after: {wait: "+some("1m", "4h")+some("", ", from: last")+some("", ", repeat: {every: 1h, at_most: 2}")+
			some("", ", resolved: true")+some("", ", escalate: [{after: 5h, notify: [qa]}]")+"}",
			`unless: event_name == "run.aborted"`)
	}
	return "  - {" + strings.Join(keys, ", ") + "}\n"
}

const randomHead = `
notifiers:
  - {name: ops, type: chat, channel: a}
  - {name: qa, type: chat, channel: "#{{ .project_code }}"}
sources: [{name: qase, secrets: [s], expect_every: 26h}]
rules:
`

// randomSilences returns up to two silences within some days.
func randomSilences(t *testing.T, r *rand.Rand, from time.Time) *silence.List {
	t.Helper()
	var all []*silence.Silence
	for i := range r.IntN(3) {
		starts := from.Add(time.Duration(r.IntN(50)) * time.Hour)
		matcher := []string{"project=API", "rule=r0", "notifier=qa", `event=~"run\\.c.*"`, "level=error"}[r.IntN(5)]
		one, err := silence.New(silence.Spec{Matchers: []string{matcher}, StartsAt: starts,
			EndsAt: starts.Add(time.Duration(1+r.IntN(40)) * time.Hour)}, from, 0)
		if err != nil {
			t.Fatal(err)
		}
		one.ID = fmt.Sprint("silence-", i)
		all = append(all, one)
	}
	return silence.NewList(all)
}

// TestSlotsOfRandomRulesEndOrMove lets random events happen to random rules, which are replaced by other ones in the
// middle, under random silences. Each slot that is due has to end or to move, and in the end none is left that is due
// for ever.
func TestSlotsOfRandomRulesEndOrMove(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := ""
		var m Memory
		now := time.Date(2026, 3, 27, 8, 0, 0, 0, time.UTC)
		load := func() *rules.Set {
			text += randomHead
			rest := ""
			for i := range 1 + r.IntN(3) {
				rest += randomRule(r, fmt.Sprint("r", i))
			}
			text += rest
			set := rulefiletest.Parse(t, randomHead+rest).Rules
			m.Arm(set, now)
			return set
		}
		set := load()
		if seed%2 == 1 {
			m.Silences = randomSilences(t, r, now)
		}
		check := func(wakes []Wake) {
			for _, w := range wakes {
				key := w.Slot.Key()
				ends := false
				for _, c := range w.Decision.Changes {
					ends = ends || c.Key == key && (c.Due.IsZero() || c.Due.After(w.At))
				}
				if !ends || len(w.Decision.Notifications) > 0 && w.Decision.Row == nil {
					t.Fatalf("seed %d: %s neither ends nor moves, or its messages have no row: %+v\n%s", seed, key, w.Decision, text)
				}
			}
		}
		for i := range 60 {
			if i == 30 && seed%3 == 1 {
				set = load()
			}
			now = now.Add(time.Duration(r.IntN(7_000)) * time.Second / 2)
			name := []string{"run.started", "run.completed", "run.completed", "run.aborted", "run.deleted"}[r.IntN(5)]
			body := fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"project_code":%q,"payload":{"id":%d,"failed":%d}}`, name,
				now.Unix(), []string{"WEB", "API"}[r.IntN(2)], r.IntN(4), r.IntN(3))
			ev, err := event.Parse("qase", []byte(body), now)
			if err != nil {
				t.Fatal(err)
			}
			d, wakes := m.Decide(set, ev, now)
			check(wakes)
			if i := slices.IndexFunc(d.Notifications, func(n rules.Notification) bool { return n.Title == "" }); i >= 0 {
				t.Fatalf("seed %d: a message without a title: %+v", seed, d.Notifications[i])
			}
		}
		check(m.Pass(set, now.Add(40*24*time.Hour)))
	}
}

// randomGroup returns a rule that loses no message: with group, and perhaps with a window of time that holds.
func randomGroup(r *rand.Rand, name, was string) string {
	some := func(all ...string) string { return all[r.IntN(len(all))] }
	keys := []string{"name: " + name, `when: event_name == "run.completed"`, "notify: [ops, qa]",
		`title: "{{ .payload.number }}"`, "group: {by: [" + some("project_code", "payload.id", "payload.id, project_code", "") + "], " +
			some("wait: 30s", "wait: 10m, quiet: 1m", "wait: 1h, first: send", "wait: 3h, max: 2, overflow: send", `at: "mon-fri 09:00"`,
				`at: "12:00", empty: send`) + `, title: "several", body: "{{ range .events }}{{ .payload.number }} {{ end }}"}`}
	if was != "" {
		keys = append(keys, "was: ["+was+"]")
	}
	if r.IntN(2) == 0 {
		keys = append(keys, `active: {days: [mon-fri], hours: "09:00-18:00", otherwise: hold}`)
	}
	return "  - {" + strings.Join(keys, ", ") + "}\n"
}

// tally counts messages of rules with group.
type tally struct {
	t        *testing.T
	context  string
	sent     map[string]int // by notifier and number of the event
	silenced map[string]int // by notifier
}

// add counts the messages of a decision, of an event or of a slot of some kind.
func (y *tally) add(d *rules.Decision, kind flow.Kind) {
	for _, n := range d.Notifications {
		numbers := []string{n.Title}
		if n.Title == "several" {
			numbers = strings.Fields(n.Body)
		}
		for _, number := range numbers {
			if kind == flow.Summary {
				y.t.Fatalf("%s: a summary without messages has %q", y.context, number)
			}
			y.sent[n.Notifier+" "+number]++
		}
	}
	if kind == flow.Summary {
		return
	}
	for _, result := range d.Results {
		for _, one := range result.Silenced {
			y.silenced[one.Notifier]++
		}
	}
}

// TestEachMessageOfAGroupIsSentOnceOrSilenced lets random events happen to a rule whose messages are grouped, which gets
// another name and other keys in the middle.
func TestEachMessageOfAGroupIsSentOnceOrSilenced(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		now := time.Date(2026, 3, 26, 8, 0, 0, 0, time.UTC)
		before, after := randomGroup(r, "r0", ""), randomGroup(r, "heir", "r0")
		var m Memory
		if seed%2 == 1 {
			m.Silences = randomSilences(t, r, now)
		}
		set := rulefiletest.Parse(t, randomHead+before).Rules
		m.Arm(set, now)
		y := &tally{t, fmt.Sprintf("seed %d:\n%s%s", seed, before, after), map[string]int{}, map[string]int{}}
		number := 0
		for range 60 {
			if number == 30 && seed%3 > 0 {
				set = rulefiletest.Parse(t, randomHead+after).Rules
				m.Arm(set, now)
			}
			now = now.Add(time.Duration(r.IntN(5_000)) * time.Second / 2)
			body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"project_code":%q,"payload":{"id":%d,"failed":%d,"number":%d}}`,
				now.Unix(), []string{"WEB", "API"}[r.IntN(2)], r.IntN(4), r.IntN(3), number)
			ev, err := event.Parse("qase", []byte(body), now)
			if err != nil {
				t.Fatal(err)
			}
			number++
			d, wakes := m.Decide(set, ev, now)
			for _, w := range wakes {
				y.add(&w.Decision, w.Slot.Kind)
			}
			y.add(&d, "")
		}
		for _, w := range m.Pass(set, now.Add(10*24*time.Hour)) {
			y.add(&w.Decision, w.Slot.Kind)
		}
		for _, notifier := range []string{"ops", "qa"} {
			missing := 0
			for i := range number {
				switch n := y.sent[fmt.Sprint(notifier, " ", i)]; {
				case n > 1:
					t.Fatalf("%s\nmessage %d is sent to %s %d times", y.context, i, notifier, n)
				case n == 0:
					missing++
				}
			}
			if missing != y.silenced[notifier] {
				t.Fatalf("%s\n%d messages to %s are neither sent nor silenced", y.context, missing-y.silenced[notifier], notifier)
			}
		}
	}
}
