package relay

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/people"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
)

// feedRules expect an event in an hour, and send each event of the relay to ops.
func feedRules(t *testing.T) *rules.Set {
	t.Helper()
	when, faults := condition.Compile(`event_type == "relay"`)
	title, more := template.New(nil, template.Options{}).Compile("title", "{{ .event_action }} {{ .project_code }}",
		template.FormText)
	if faults != nil || more != nil {
		t.Fatal(faults, more)
	}
	return rules.NewSet(rules.Options{People: people.New(nil), Settings: rules.Settings{Location: time.UTC, NoEmoji: true,
		Retention: rules.Retention{Entities: 24 * time.Hour}},
		Feeds: []flow.Expected{{Source: "qase", Every: time.Hour, Projects: []string{"API"}}}},
		[]*rules.Rule{{RuleInfo: rules.RuleInfo{Name: "feed", When: when.Source, Enabled: true}, Condition: when,
			Title:   title,
			Targets: []*rules.Target{target.New("ops", nil)}}})
}

func TestAFeedThatFallsSilentIsToldOnceAndSoIsItsReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := &dispatchtest.Arrivals{}
		r := newRigWith(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(r *rig) {
			r.decide, r.waker.rules = (*rules.Set).Decide, ownSlotRules()
		},
			func(o *Options) { o.Config.Rules = feedRules(t) })
		time.Sleep(30 * time.Minute)
		r.accept(t, "1", "a") // of WEB, which is expected from now on
		time.Sleep(30*time.Minute + time.Second)
		arrived(t, got, "silent API") // is expected from the start
		time.Sleep(25 * time.Minute)
		r.accept(t, "2", "b")
		time.Sleep(59 * time.Minute)
		arrived(t, got, "silent API")
		r.accept(t, "2", "b") // a repeated body is a sign of life too
		time.Sleep(59 * time.Minute)
		arrived(t, got, "silent API")
		time.Sleep(5 * time.Minute) // at most 5 % late
		arrived(t, got, "silent API", "silent WEB")
		time.Sleep(24 * time.Hour)
		r.accept(t, "3", "c")
		time.Sleep(time.Second)
		arrived(t, got, "silent API", "silent WEB", "resumed WEB")
		time.Sleep(50 * time.Minute)
		arrived(t, got, "silent API", "silent WEB", "resumed WEB")
		for project, silent := range map[string]int{"API": 1, "WEB": 0} {
			line := fmt.Sprintf(`qase_relay_source_silent{project=%q,source="qase"} %d`, project, silent)
			if text := r.series(); !strings.Contains(text, line) {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
		last := r.memory.Stored[len(r.memory.Stored)-1]
		if last.Kind != "resumed" || last.Name != rules.ResumedEvent || last.Project != "WEB" {
			t.Errorf("the last event is %+v", last)
		}
	})
}

func TestFewEventsStoreTheirFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, changed := &dispatchtest.Arrivals{}, 0
		r := newRigWith(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(r *rig) {
			r.decide = func(s *rules.Set, ev *event.Event, st rules.State) rules.Decision {
				d := s.Decide(ev, st)
				for _, c := range d.Changes {
					if n, ok := flow.Parse(c.Key); ok && n.Kind == flow.Feed && st.EventID != "" {
						changed++
					}
				}
				return d
			}
		}, func(o *Options) { o.Config.Rules = feedRules(t) })
		for i := range 60 {
			r.accept(t, fmt.Sprint(i), "t")
			time.Sleep(time.Minute)
		}
		if changed /= 2; changed > 21 || changed < 19 { // the store calls twice
			t.Errorf("60 events in an hour have stored their feed %d times", changed)
		}
	})
}
