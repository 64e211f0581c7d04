package console

import (
	"net/http"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
)

// sources is what the page of sources shows.
type sources struct {
	Feeds   []desk.Feed
	Refused []refusedSum
	Days    int // of which calls that were refused are shown
	Drift   []relay.Drift
}

// refusedDays is how long calls that were refused are shown.
const refusedDays = 7

func (c *Console) sources(r *http.Request) (*frame.View, error) {
	p := &sources{Days: refusedDays, Drift: c.o.Desk.Drift()}
	var err error
	if p.Feeds, err = c.o.Desk.Feeds(r.Context()); err != nil {
		return nil, err
	}
	all, err := c.o.Desk.Refusals(r.Context())
	if err != nil {
		return nil, err
	}
	p.Refused = sumRefused(all, c.o.Desk.Now().Add(-refusedDays*24*time.Hour))
	return &frame.View{Template: "sources", Title: "Sources", Data: p, JSON: "api/v1/feeds", Live: true}, nil
}
