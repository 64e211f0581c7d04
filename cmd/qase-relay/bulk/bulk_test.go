package bulk_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/cmd/qase-relay/bulk"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
)

// relay answers as one with some dead deliveries does, whose job takes some time and ends in a state.
type relay struct {
	pages []desk.DeliveryPage
	ends  desk.Job
	takes time.Duration
	waits string
	gone  error // of each look at the job

	asked []desk.JobSpec
	begun time.Time
}

func (r *relay) get(ctx context.Context, path string, query url.Values, v any) error {
	if page, ok := v.(*desk.DeliveryPage); ok {
		at := 0
		if query.Get("before") != "" {
			at = 1
		}
		*page = r.pages[at]
		return nil
	}
	if path != "jobs/j1" {
		return errors.New("no such path: " + path)
	}
	j := v.(*desk.Job)
	total := r.ends.Done + r.ends.Failed
	if *j = (desk.Job{ID: "j1", State: jobs.Running, Total: &total, Waits: r.waits}); time.Since(r.begun) >= r.takes {
		*j = r.ends
	}
	return errors.Join(r.gone, ctx.Err())
}

func (r *relay) post(_ context.Context, _ string, body, v any) error {
	r.asked, r.begun = append(r.asked, body.(desk.JobSpec)), time.Now()
	v.(*desk.Job).ID, v.(*desk.Job).State = "j1", jobs.Queued
	return nil
}

func deliveries(ids ...string) (p desk.DeliveryPage) {
	for _, id := range ids {
		p.Deliveries = append(p.Deliveries, desk.Delivery{ID: id, State: store.Dead, Error: "404", Rule: "r", Notifier: "ops"})
	}
	return p
}

func TestAJobIsFollowedUntilItEnds(t *testing.T) {
	two := []desk.DeliveryPage{deliveries("d1", "d2")}
	many := []desk.DeliveryPage{deliveries("d1", "d2"), deliveries("d3")}
	many[0].Next = "d2"
	done := func(n int, problems ...string) desk.Job {
		j := desk.Job{ID: "j1", State: jobs.Done, Done: n, Failed: len(problems)}
		for _, id := range problems {
			j.Problems = append(j.Problems, jobs.Problem{ID: id, Error: "not rendered again"})
		}
		return j
	}
	for name, c := range map[string]struct {
		relay
		json, interrupted bool
		code              int // of the exit
		out, err          []string
		never             string // in both
	}{
		"nothing to do":        {relay: relay{pages: []desk.DeliveryPage{{}}}, out: []string{"retried 0 deliveries\n"}},
		"a quick one":          {relay: relay{pages: two, ends: done(2)}, out: []string{"d1", "d2", "pending", "retried 2 deliveries\n"}, never: "j1"},
		"for programs":         {relay: relay{pages: many, ends: done(3)}, json: true, out: []string{`"id": "d1"`, `"id": "d3"`, `"state": "pending"`}, never: "404"},
		"more than are listed": {relay: relay{pages: many, ends: done(3)}, out: []string{"retried 3 deliveries\n"}, never: "d1"},
		"one that takes long": {relay: relay{pages: two, ends: done(2), takes: time.Minute},
			out: []string{"retried 2 deliveries\n"}, err: []string{"job j1 sends 2 deliveries again; it goes on if this command is stopped\n"}},
		"one that waits": {relay: relay{pages: two, ends: done(2), takes: time.Minute, waits: "the backlog is full"},
			err: []string{"job j1 waits: the backlog is full; it goes on"}},
		"some are refused": {relay: relay{pages: two, ends: done(1, "d2")}, code: 1, out: []string{"d1", "retried 1 delivery\n"},
			err: []string{"error: d2: not rendered again\n"}},
		"the store fails": {relay: relay{pages: two, ends: desk.Job{ID: "j1", State: jobs.Failed, Error: "the store failed"}}, code: 2,
			err: []string{"the job j1 failed: the store failed"}},
		"a person stops it": {relay: relay{pages: two, ends: desk.Job{ID: "j1", State: jobs.Stopped, Done: 1}}, code: 1,
			out: []string{"retried 1 delivery\n"}, err: []string{"the job j1 was stopped after 1 delivery; run the command again"}},
		"interrupted": {relay: relay{pages: two, ends: done(2), takes: time.Hour}, interrupted: true, code: 2,
			err: []string{"interrupted; the job j1 goes on"}, never: "retried"},
		"the relay is gone": {relay: relay{pages: two, takes: time.Hour, gone: errors.New("no answer")}, code: 2,
			err: []string{"no answer"}, never: "retried"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, text strings.Builder
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.interrupted {
					time.AfterFunc(10*time.Second, cancel)
				}
				err := bulk.Retry{Relay: bulk.Relay{Get: c.get, Post: c.post}, JSON: c.json, Verb: jobs.Rerender,
					Filter:  url.Values{"state": {"dead"}, "notifier": {"ops"}},
					Console: &terminal.Console{Out: &terminal.Screen{Writer: &out, Columns: 80}, Err: &terminal.Screen{Writer: &text, Columns: 80}},
				}.Run(ctx)
				code := 0
				var exit *terminal.ExitError
				switch {
				case errors.As(err, &exit):
					code = exit.Code
				case err != nil:
					code = 2
				}
				if err != nil {
					text.WriteString(err.Error())
				}
				if code != c.code {
					t.Errorf("exit %d, want %d: %v", code, c.code, err)
				}
				check(t, "stdout", out.String(), c.out)
				check(t, "stderr", text.String(), c.err)
				if c.never != "" && strings.Contains(out.String()+text.String(), c.never) {
					t.Errorf("says %s: %s%s", c.never, out.String(), text.String())
				}
				if len(c.asked) > 0 && (c.asked[0].Verb != jobs.Rerender || c.asked[0].State != store.Dead || c.asked[0].Notifier != "ops") {
					t.Errorf("asked for %+v", c.asked[0])
				}
			})
		})
	}
}

func check(t *testing.T, what, text string, want []string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q: %s", what, part, text)
		}
	}
}
