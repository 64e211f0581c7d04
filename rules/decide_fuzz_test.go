package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
)

func FuzzDecide(f *testing.F) {
	c := rulefiletest.Parse(f, goodFile)
	f.Add("run.completed", `{"id":7,"failed":3,"plan":null}`)
	f.Add("review.reviewer_added", `{"id":"x","reviewer":{"email":"a@b"}}`)
	f.Add("shared_step.created", `{"hash":"abc","title":5}`)
	f.Fuzz(func(t *testing.T, name, payload string) {
		ev, err := event.Parse("qase", []byte(fmt.Sprintf(`{"event_name":%q,"payload":%s,"project_code":"WEB"}`, name, payload)), time.Unix(0, 0))
		if err != nil {
			return
		}
		kept := map[string][]byte{}
		for range 2 {
			d := c.Rules.Decide(ev, rules.State{Now: time.Unix(0, 0), Get: func(key string) ([]byte, error) { return kept[key], nil }})
			for _, change := range d.Changes {
				kept[change.Key] = change.Value
			}
			for _, n := range d.Notifications {
				if n.Title == "" || strings.ContainsAny(n.Title, "\r\n") {
					t.Errorf("title %q", n.Title)
				}
			}
		}
	})
}
