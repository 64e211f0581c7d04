package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
)

func FuzzDecide(f *testing.F) {
	c := rulefiletest.Parse(f, rulefiletest.GoodFile)
	f.Add("run.completed", `{"id":7,"failed":3,"plan":null}`)
	f.Add("review.reviewer_added", `{"id":"x","reviewer":{"email":"a@b"}}`)
	f.Add("shared_step.created", `{"hash":"abc","title":5}`)
	f.Fuzz(func(t *testing.T, name, payload string) {
		ev, err := event.Parse("qase", fmt.Appendf(nil, `{"event_name":%q,"payload":%s,"project_code":"WEB"}`, name,
			payload), time.Unix(0, 0))
		if err != nil {
			return
		}
		w := rulefiletest.NewWorld()
		for range 2 {
			d := w.DecideEvent(c.Rules, ev)
			for _, n := range d.Notifications {
				if n.Title == "" || strings.ContainsAny(n.Title, "\r\n") {
					t.Errorf("title %q", n.Title)
				}
			}
		}
	})
}
