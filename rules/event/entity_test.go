package event

import (
	"net/url"
	"strings"
	"testing"
)

func TestEveryEntityHasAPage(t *testing.T) {
	const base = "https://app.qase.io"
	tests := []struct {
		name, event, project, id string
		fields                   map[string]any
		want                     string
	}{
		{"a run has a dashboard", "run.completed", "WEB", "7", nil, "/run/WEB/dashboard/7"},
		{"the type alone will do", "run", "WEB", "7", nil, "/run/WEB/dashboard/7"},
		{"a deleted run leads to the list", "run.deleted", "WEB", "7", nil, "/run/WEB"},
		{"a run without an id leads to the list", "run.completed", "WEB", "", nil, "/run/WEB"},
		{"a case is named by project and number", "case.created", "WEB", "25", nil, "/case/WEB-25"},
		{"a deleted case leads to the repository", "case.deleted", "WEB", "25", nil, "/project/WEB"},
		{"a suite is a part of the repository", "suite.updated", "WEB", "12", nil, "/project/WEB?suite=12"},
		{"a deleted suite leads to the repository", "suite.deleted", "WEB", "12", nil, "/project/WEB"},
		{"a plan has a page", "plan.created", "WEB", "3", nil, "/plan/WEB/3"},
		{"a deleted plan leads to the list", "plan.deleted", "WEB", "3", nil, "/plan/WEB"},
		{"a defect has a page", "defect.resolved", "WEB", "1", nil, "/defect/WEB/view/1"},
		{"a deleted defect leads to the list", "defect.deleted", "WEB", "1", nil, "/defect/WEB"},
		{"a review leads to its case", "review.created", "WEB", "2", map[string]any{"case_id": 25}, "/case/WEB-25"},
		{"a deleted review leads to its case too", "review.deleted", "WEB", "2", map[string]any{"case_id": 25},
			"/case/WEB-25"},
		{"a review of an unknown case leads to the project", "review.merged", "WEB", "2", nil, "/project/WEB"},
		{"a result leads to its run", "result.created", "WEB", "", map[string]any{"run_id": 7}, "/run/WEB/dashboard/7"},
		{"a result may call it run", "result.created", "WEB", "", map[string]any{"run": "7"}, "/run/WEB/dashboard/7"},
		{"a result of an unknown run leads to the runs", "result.created", "WEB", "a1b2",
			map[string]any{"run": []any{}}, "/run/WEB"},
		{"custom fields belong to the workspace", "custom_field.updated", "WEB", "208", nil, "/workspace/fields"},
		{"a milestone leads to the project", "milestone.created", "WEB", "7", nil, "/project/WEB"},
		{"a shared step leads to the project", "shared_step.created", "WEB", "678ec0e6", nil, "/project/WEB"},
		{"an unknown kind leads to the project", "rocket.launched", "WEB", "1", nil, "/project/WEB"},
		{"an id stays in its part of the path", "run.completed", "WEB", "7/../../x?y#z", nil,
			"/run/WEB/dashboard/7%2F..%2F..%2Fx%3Fy%23z"},
		{"an id stays in its query", "suite.created", "WEB", "1&case=2#x", nil, "/project/WEB?suite=1%26case%3D2%23x"},
		{"a code stays in its part of the path", "case.created", "//evil.example/", "1", nil,
			"/case/%2F%2Fevil.example%2F-1"},
		{"dots are no id", "plan.created", "WEB", "..", nil, "/plan/WEB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Entity{tt.event, tt.project, tt.id, tt.fields}.URL(base)
			if got != base+tt.want {
				t.Errorf("got  %s\nwant %s", got, base+tt.want)
			}
			if u, err := url.Parse(got); err != nil || u.Host != "app.qase.io" ||
				strings.Contains(u.EscapedPath(), "/../") {
				t.Errorf("%s leads elsewhere: %v", got, err)
			}
		})
	}
	for _, project := range []string{"", ".", ".."} {
		if got := (Entity{"run.completed", project, "7", nil}).URL(base); got != "" {
			t.Errorf("project %q: got %s, want nothing", project, got)
		}
	}
}
