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
	"qaserelay/rules/rulefile/rulefiletest"
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

// TestSlotsOfRandomRulesEndOrMove lets random events happen to random rules. Each slot that is due has to end or to move,
// and in the end none is left that is due for ever.
func TestSlotsOfRandomRulesEndOrMove(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := "notifiers:\n  - {name: ops, type: chat, channel: a}\n  - {name: qa, type: chat, channel: \"#{{ .project_code }}\"}\n" +
			"sources: [{name: qase, secrets: [s], expect_every: 26h}]\nrules:\n"
		for i := range 1 + r.IntN(3) {
			text += randomRule(r, fmt.Sprint("r", i))
		}
		file := rulefiletest.Parse(t, text)
		var m Memory
		now := time.Date(2026, 3, 27, 8, 0, 0, 0, time.UTC)
		m.Arm(file.Rules, now)
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
		for range 60 {
			now = now.Add(time.Duration(r.IntN(7_000)) * time.Second / 2)
			name := []string{"run.started", "run.completed", "run.completed", "run.aborted", "run.deleted"}[r.IntN(5)]
			body := fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"project_code":%q,"payload":{"id":%d,"failed":%d}}`, name,
				now.Unix(), []string{"WEB", "API"}[r.IntN(2)], r.IntN(4), r.IntN(3))
			ev, err := event.Parse("qase", []byte(body), now)
			if err != nil {
				t.Fatal(err)
			}
			d, wakes := m.Decide(file.Rules, ev, now)
			check(wakes)
			if i := slices.IndexFunc(d.Notifications, func(n rules.Notification) bool { return n.Title == "" }); i >= 0 {
				t.Fatalf("seed %d: a message without a title: %+v", seed, d.Notifications[i])
			}
		}
		check(m.Pass(file.Rules, now.Add(40*24*time.Hour)))
	}
}
