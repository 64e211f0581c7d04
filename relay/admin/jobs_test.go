package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
)

// ended waits until a job has ended.
func (d *testAPI) ended(t *testing.T, id string) (j desk.Job) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !j.State.Ended(); time.Sleep(2 * time.Millisecond) {
		if status, wrong := d.send(t, "GET", "/api/v1/jobs/"+id, "", &j); status != http.StatusOK {
			t.Fatalf("%d %s", status, wrong)
		}
		if time.Now().After(end) {
			t.Fatalf("after a minute the job is %+v", j)
		}
	}
	return j
}

func TestAJobIsPreviewedStartedAndListed(t *testing.T) {
	d := open(t, "")
	d.killAll(t)
	var preview desk.JobPreview
	if status, wrong := d.send(t, "POST", "/api/v1/jobs", `{"verb":"retry","notifier":"ops","preview":true}`, &preview); status != 200 {
		t.Fatalf("%d %s", status, wrong)
	}
	if preview.Total != 3 || preview.More || len(preview.Notifiers) != 1 || preview.Notifiers[0].Name != "ops" ||
		!preview.Notifiers[0].Configured || preview.Oldest == nil || preview.Deliveries != "state dead, notifier ops" ||
		len(preview.Groups) == 0 {
		t.Errorf("the preview is %+v", preview)
	}
	if got := d.inState(t, store.Pending); got != "" {
		t.Errorf("the preview has retried %s", got)
	}
	var j desk.Job
	if status, wrong := d.send(t, "POST", "/api/v1/jobs", `{"verb":"retry","notifier":"ops"}`, &j); status != 200 ||
		j.State != jobs.Queued || j.Who != "local" {
		t.Fatalf("%d %s: %+v", status, wrong, j)
	}
	j = d.ended(t, j.ID)
	if j.State != jobs.Done || j.Done != 3 || j.Total == nil || *j.Total != 3 || j.Touched["ops"] != 3 ||
		j.Filter.Notifier != "ops" || j.Filter.State != store.Dead || j.EndedAt == nil {
		t.Errorf("the job is %+v", j)
	}
	var second desk.Job
	d.send(t, "POST", "/api/v1/jobs", `{"verb":"cancel","state":"dead"}`, &second)
	d.ended(t, second.ID)
	if got := d.inState(t, store.Cancelled); got != "1 3" {
		t.Errorf("%q are cancelled", got)
	}
	var list desk.Jobs
	if d.send(t, "GET", "/api/v1/jobs", "", &list); len(list.Jobs) != 2 || list.Jobs[0].ID != second.ID {
		t.Errorf("listed: %+v", list)
	}
	want := strings.ReplaceAll(`local retry-many JOB: ok
local retry-many JOB: ok
local job-end JOB: ok`, "JOB", j.ID)
	if got := d.trail(t, "&object="+j.ID); got != want {
		t.Errorf("the trail is\n%s\nwant\n%s", got, want)
	}
}

func TestAWrongJobIsRefused(t *testing.T) {
	d := open(t, "")
	id := d.deliveries[2].String()
	for body, want := range map[string]string{
		``:                                    "verb: want one of retry, retry-rerender, cancel",
		`{"verb":"resend","state":"dead"}`:    "verb: want one of",
		`{"verb":"retry"}`:                    "say which deliveries",
		`{"verb":"retry","preview":true}`:     "say which deliveries",
		`{"verb":"cancel","state":"sending"}`: "only dead and pending",
		`{"verb":"cancel","ids":["x"]}`:       "13 characters",
		`{"verb":"cancel","ids":["` + id + `"],"rule":"done"}`:                          "not both",
		`{"verb":"retry","ids":[` + strings.Repeat(`"`+id+`",`, 500) + `"` + id + `"]}`: "at most 500",
		`{"verb":"retry","since":"soon"}`:                                               "since: want a time",
		`{"verb":"retry","until":"soon"}`:                                               "until: want a time",
		`{"verb":"retry","colour":"red"}`:                                               "unknown field",
	} {
		var j desk.Job
		if status, wrong := d.send(t, "POST", "/api/v1/jobs", body, &j); status != http.StatusBadRequest ||
			!strings.Contains(wrong, want) {
			t.Errorf("%.60s: %d %s; want %s", body, status, wrong, want)
		}
	}
	var list desk.Jobs
	if d.send(t, "GET", "/api/v1/jobs", "", &list); len(list.Jobs) != 0 {
		t.Errorf("there are jobs: %+v", list)
	}
	if got := d.trail(t, ""); got != "" {
		t.Errorf("the trail is %s", got)
	}
}

func TestAJobThatHasEndedIsNotStopped(t *testing.T) {
	d := open(t, "")
	var j desk.Job
	d.send(t, "POST", "/api/v1/jobs", `{"verb":"retry","ids":["`+d.deliveries[2].String()+`"]}`, &j)
	if j = d.ended(t, j.ID); j.Done != 1 || j.Deliveries != "1 chosen delivery" {
		t.Errorf("the job is %+v", j)
	}
	if status, text, _ := d.call(t, "DELETE", "/api/v1/jobs/"+j.ID); status != http.StatusConflict ||
		!strings.Contains(text, "ended already") {
		t.Errorf("%d %s", status, text)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if status, text, _ := d.call(t, method, "/api/v1/jobs/"+d.events[0].String()); status != http.StatusNotFound ||
			!strings.Contains(text, "no job has this id") {
			t.Errorf("%s: %d %s", method, status, text)
		}
	}
}
