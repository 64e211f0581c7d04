package people_test

import (
	"testing"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/people"
)

func TestOnlyTheMemberZeroIsAutomation(t *testing.T) {
	for member, want := range map[string]struct {
		name       string
		automation bool
	}{
		`"team_member_id": 0,`:     {"automation", true},
		`"team_member_id": "0",`:   {"automation", true},
		`"team_member_id": 7,`:     {"member 7", false},
		`"team_member_id": null,`:  {"someone", false},
		`"team_member_id": "me",`:  {"someone", false},
		`"team_member_id": [0],`:   {"someone", false},
		`"team_member_id": true,`:  {"someone", false},
		`"team_member_id": "",`:    {"someone", false},
		``:                         {"someone", false},
		`"team_member_id": 41.0, `: {"member 41", false},
	} {
		body := `{` + member + `"event_name":"run.completed","payload":{"id":2}}`
		ev, err := event.Parse("qase", []byte(body), time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		actor := people.New(nil).Actor(ev, nil).Vars()
		if actor["name"] != want.name || actor["automation"] != want.automation {
			t.Errorf("%s: got %v", member, actor)
		}
	}
}
