package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/rules/flow"
)

// waitingList is what the page of what waits shows.
type waitingList struct {
	Kind, Rule string
	Notes      []string
	Kinds      []string
	Rules      []string
	Rows       []desk.Waiting
	Next       string // the query of the next page, or empty
	Filtered   bool
	Paged      bool
}

func (c *Console) waiting(r *http.Request) (*frame.View, error) {
	q := r.URL.Query()
	list := &waitingList{Kind: q.Get("kind"), Rule: q.Get("rule"), Kinds: flow.OpenKinds(), Paged: q.Get("after") != ""}
	list.Filtered = list.Kind != "" || list.Rule != ""
	for _, rule := range c.o.Desk.Rules() {
		list.Rules = append(list.Rules, rule.Name)
	}
	f := desk.WaitingFilter{Kind: list.Kind, Rule: list.Rule, After: q.Get("after")}
	page, err := c.o.Desk.Waiting(r.Context(), f, pageSize)
	var input *desk.InputError
	if errors.As(err, &input) {
		list.Notes = append(list.Notes, "Not filtered by "+input.Message+".")
		page, err = c.o.Desk.Waiting(r.Context(), desk.WaitingFilter{Rule: list.Rule}, pageSize)
	}
	if err != nil {
		return nil, err
	}
	if list.Rows = page.Waiting; page.Next != "" {
		v := url.Values{"after": {page.Next}}
		for name, text := range map[string]string{"kind": list.Kind, "rule": list.Rule} {
			if text != "" {
				v.Set(name, text)
			}
		}
		list.Next = "?" + v.Encode()
	}
	return &frame.View{Template: "waiting", Title: "Waiting", Data: list, JSON: "api/v1/waiting", Live: !list.Paged}, nil
}

// waitingOne shows what waits under an id, with the messages of a digest.
func (c *Console) waitingOne(r *http.Request) (*frame.View, error) {
	id := mux.Vars(r)["id"]
	one, err := c.o.Desk.WaitingOne(r.Context(), id)
	if err != nil {
		return nil, waitingProblem(id, err)
	}
	return &frame.View{Template: "waiting-one", Title: "Waiting: " + one.ID, Data: one,
		JSON: "api/v1/waiting/" + url.PathEscape(one.ID), Live: true}, nil
}

// waitingKind says in words what waits.
func waitingKind(w desk.Waiting) string {
	return map[string]string{"digest": "a digest gathers messages", "hold": "messages wait until their hours begin",
		"wait": "a rule waits for a later event", "feed": "a source is expected to send an event",
		"event": "an event waits for the names of its tests"}[w.Kind]
}

func (c *Console) flush(r *http.Request) (to string, v *frame.View, err error) {
	return c.end(r, c.o.Desk.Flush)
}

func (c *Console) drop(r *http.Request) (to string, v *frame.View, err error) {
	return c.end(r, c.o.Desk.Drop)
}

// end sends or drops what waits, and goes on with the event that its messages belong to.
func (c *Console) end(r *http.Request, end func(ctx context.Context, id, author string) (desk.Ended, error)) (string,
	*frame.View, error) {
	id := mux.Vars(r)["id"]
	done, err := end(r.Context(), id, access.From(r.Context()).Name)
	if err != nil {
		return "", nil, waitingProblem(id, err)
	}
	if done.Event != "" {
		return "events/" + done.Event, nil, nil
	}
	return "waiting", nil, nil
}

// waitingProblem returns an error for people.
func waitingProblem(id string, err error) error {
	var input *desk.InputError
	var state *desk.StateError
	switch {
	case errors.Is(err, desk.ErrNotWaiting):
		return &frame.Problem{Status: http.StatusNotFound, Title: "Not waiting", Text: "The id " + id + ": " + err.Error() + "."}
	case errors.As(err, &input), errors.As(err, &state):
		return &frame.Problem{Status: http.StatusConflict, Title: "Not done", Text: err.Error()}
	}
	return err
}
