package console

import (
	"net/http"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
)

// statusPage is what the page of the relay's state shows.
type statusPage struct {
	desk.Status
	Notifiers []desk.Notifier
	Rules     int
	Kept      string
}

func (c *Console) status(r *http.Request) (*frame.View, error) {
	p := &statusPage{Status: c.o.Desk.Status(), Rules: len(c.o.Desk.Rules()), Kept: c.kept()}
	var err error
	if p.Notifiers, err = c.o.Desk.Notifiers(r.Context()); err != nil {
		return nil, err
	}
	return &frame.View{Template: "status", Title: "Status", Data: p, JSON: "api/v1/status"}, nil
}

// kept says how long events are kept.
func (c *Console) kept() string {
	events, dead := c.o.Desk.Retention()
	return "Events are deleted after " + frame.Duration(events) + ", those with dead letters after " + frame.Duration(dead) + "."
}
