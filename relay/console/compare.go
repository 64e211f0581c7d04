package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/console/payload"
	"qaserelay/relay/store"
)

// comparison is what the page shows that compares an event with an earlier one.
type comparison struct {
	Event, Earlier *desk.Event // Earlier is nil if there is none
	With           string      // the id that a person has given
	Fields         []payload.Difference
	Same           int       // fields that do not differ
	Left           int       // fields that differ and are not shown
	Back           time.Time // back to which an earlier one was looked for, if not to the oldest
	Wrong          string    // why they cannot be compared
	Raws           [2]string
}

// compare shows what differs between an event and another one, by default the one before about the same entity.
func (c *Console) compare(r *http.Request) (*frame.View, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	p := &comparison{With: r.URL.Query().Get("with")}
	if p.Event, err = c.eventToCompare(r.Context(), id); err != nil {
		return nil, err
	}
	with, err := c.comparedWith(r.Context(), p)
	if err != nil {
		return nil, err
	}
	if with != 0 {
		if p.Earlier, err = c.eventToCompare(r.Context(), with); err != nil {
			return nil, err
		}
		p.compare()
	}
	return &frame.View{Template: "compare", Title: "Compare " + p.Event.Event, Data: p}, nil
}

func (c *Console) eventToCompare(ctx context.Context, id store.ID) (*desk.Event, error) {
	e, err := c.o.Desk.Event(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = c.noEvent(id)
	}
	return &e, err
}

// comparedWith returns the id of the event that one is compared with, or zero.
func (c *Console) comparedWith(ctx context.Context, p *comparison) (store.ID, error) {
	if p.With == "" {
		id, back, err := c.o.Desk.EarlierEvent(ctx, p.Event)
		p.Back = back
		return id, err
	}
	id, err := store.ParseID(p.With)
	if err != nil {
		return 0, &frame.Problem{Status: http.StatusBadRequest, Title: "Not compared",
			Text: "with: " + err.Error()}
	}
	return id, nil
}

// compare compares the bodies of the two events.
func (p *comparison) compare() {
	var err error
	if p.Fields, p.Same, p.Left, err = payload.Diff(p.Earlier.Body, p.Event.Body); err != nil {
		p.Wrong = "They cannot be compared field by field: " + err.Error()
	}
	p.Raws[0], _ = payload.Raw(p.Earlier.Body)
	p.Raws[1], _ = payload.Raw(p.Event.Body)
}
