// Package bulk sends many deliveries of a running relay again: it starts a job there, and says how far it is until it
// has ended. The job goes on without the command.
package bulk

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
)

const (
	// quietFor is how long nothing is said of a job that runs.
	quietFor = 2 * time.Second
	// askEvery is the longest time between two looks at a job.
	askEvery = time.Second
	// maxTable is how many deliveries are listed for people.
	maxTable = desk.MaxPage
)

// Relay asks the admin API of a relay; paths are below /api/v1.
type Relay struct {
	Get  func(ctx context.Context, path string, query url.Values, v any) error
	Post func(ctx context.Context, path string, body, v any) error
}

// Retry sends deliveries again.
type Retry struct {
	Relay   Relay
	Console *terminal.Console
	JSON    bool       // print the deliveries as JSON, all of them
	Filter  url.Values // which ones, as the list of deliveries takes it; state is dead or pending
	Verb    jobs.Verb
}

// Run runs the job and prints what was sent again. Its error is an exit code if the rules refuse some, or if the job did
// not end well.
func (r Retry) Run(ctx context.Context) error {
	list, more, err := r.list(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 && !more {
		return r.print(list, 0)
	}
	var j desk.Job
	if err := r.Relay.Post(ctx, "jobs", r.spec(), &j); err != nil {
		return err
	}
	if j, err = r.await(ctx, j); err != nil {
		return err
	}
	for _, p := range j.Problems {
		r.Console.Err.Printf("%s %s: %s\n", r.Console.Err.Bad("error:"), p.ID, terminal.OneLine(p.Error))
		list = slices.DeleteFunc(list, func(d desk.Delivery) bool { return d.ID == p.ID })
	}
	if left := j.Failed - len(j.Problems); left > 0 {
		r.Console.Err.Printf("and %s\n", terminal.Plural(left, "further error"))
	}
	if more || j.State != jobs.Done {
		list = nil // the job knows their number only
	}
	return errors.Join(r.print(asPending(list), j.Done), outcome(j))
}

// outcome returns the error of a job that has ended.
func outcome(j desk.Job) error {
	switch {
	case j.State == jobs.Failed:
		return fmt.Errorf("the job %s failed: %s", j.ID, j.Error)
	case j.State == jobs.Stopped:
		return terminal.Wrong(fmt.Errorf("the job %s was stopped after %s; run the command again for the rest", j.ID,
			terminal.Plural(j.Done, "delivery")))
	case j.Failed > 0:
		return terminal.Wrong(nil)
	}
	return nil
}

// spec is what the job is asked for.
func (r Retry) spec() desk.JobSpec {
	f := r.Filter
	return desk.JobSpec{Verb: r.Verb, State: store.State(f.Get("state")), Rule: f.Get("rule"), Notifier: f.Get("notifier"),
		Project: f.Get("project"), Event: f.Get("event"), Reason: f.Get("reason"),
		Since: f.Get("since"), Until: f.Get("until")}
}

// list returns the deliveries that the job is about to change: all for JSON, and otherwise those of one page. more says
// that there may be further ones.
func (r Retry) list(ctx context.Context) (all []desk.Delivery, more bool, err error) {
	q := url.Values{"limit": {strconv.Itoa(maxTable)}}
	for name, values := range r.Filter {
		q[name] = values
	}
	all = []desk.Delivery{}
	for {
		var page desk.DeliveryPage
		if err := r.Relay.Get(ctx, "deliveries", q, &page); err != nil {
			return nil, false, err
		}
		all = append(all, page.Deliveries...)
		if page.Next == "" || !r.JSON && len(all) > 0 {
			return all, page.Next != "", nil
		}
		q.Set("before", page.Next)
	}
}

// await returns the job once it has ended.
func (r Retry) await(ctx context.Context, j desk.Job) (desk.Job, error) {
	said, begun := "", time.Now()
	bar := terminal.Progress{Screen: r.Console.Err}
	for rest := 10 * time.Millisecond; !j.State.Ended(); rest = min(2*rest, askEvery) {
		select {
		case <-ctx.Done():
			return j, terminal.Hint(fmt.Errorf("interrupted; the job %s goes on", j.ID),
				"the console shows and stops it, below /jobs/%s", j.ID)
		case <-time.After(rest):
		}
		if err := r.Relay.Get(ctx, "jobs/"+url.PathEscape(j.ID), nil, &j); err != nil && ctx.Err() == nil {
			return j, terminal.Hint(err, "the job %s goes on in the relay", j.ID)
		}
		if time.Since(begun) < quietFor || j.State.Ended() {
			continue
		}
		if text := status(j); text != said && (said == "" || j.Waits != "") {
			said = text
			r.Console.Err.Printf("%s\n", text)
		}
		if bar.Terminal && j.Total != nil && *j.Total > 0 {
			bar.Want = *j.Total
			bar.Draw(min(*j.Total, j.Done+j.Skipped+j.Failed))
		}
	}
	if bar.Terminal && said != "" {
		bar.Clear()
	}
	return j, nil
}

// status says where a job stands that takes long.
func status(j desk.Job) string {
	text := "job " + j.ID
	switch {
	case j.Waits != "":
		text += " waits: " + terminal.OneLine(j.Waits)
	case j.State == jobs.Queued:
		text += " waits for the jobs before it"
	case j.Total != nil:
		text += " sends " + terminal.Plural(*j.Total, "delivery") + " again"
	default:
		text += " counts the deliveries"
	}
	return text + "; it goes on if this command is stopped"
}

// print prints the deliveries, and how many were sent again.
func (r Retry) print(list []desk.Delivery, n int) error {
	if r.JSON {
		if list == nil {
			list = []desk.Delivery{}
		}
		return r.Console.WriteJSON(list)
	}
	if len(list) > 0 {
		report.PrintDeliveries(r.Console.Out, list)
	}
	r.Console.Out.Printf("retried %s\n", terminal.Plural(n, "delivery"))
	return nil
}

// asPending returns deliveries in the state after a retry.
func asPending(list []desk.Delivery) []desk.Delivery {
	for i := range list {
		list[i].State, list[i].Attempts, list[i].Status, list[i].Error = store.Pending, 0, "", ""
	}
	return list
}
