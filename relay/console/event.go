package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"qaserelay/notifiers/preview"
	"qaserelay/relay"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/console/payload"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

const (
	// maxMessages is the number of messages of an event that its page shows.
	maxMessages = 30
	// maxAttempts is the number of attempts of a message that it shows, the last ones.
	maxAttempts = 50
)

// eventPage is what the page of one event shows.
type eventPage struct {
	desk.Event
	Size     int
	Steps    []step
	Messages []message
	Left     int // messages that are not shown
	Decision decision
	Tree     *payload.Node // nil if the body cannot be read as JSON
	Raw      string
	RawCut   bool
	Facts    *payload.Node // what the Qase API said of it
}

// SilenceQuery fills the form for a silence about the same thing.
func (p *eventPage) SilenceQuery() template.URL {
	return silenceQuery(p.Entity, p.Project, p.Event.Event)
}

// silenceQuery fills the form for a silence about an entity, or else about events of a name and project.
func silenceQuery(entity, project, event string) template.URL {
	v := url.Values{"entity": {entity}}
	if entity == "" {
		v = url.Values{"project": {project}, "event": {event}}
	}
	return template.URL(v.Encode())
}

// message is a delivery with its picture.
type message struct {
	desk.Delivery
	Picture *preview.Layout
	NoShow  string // why there is no picture
}

// CanRetry reports whether a person may send the message again.
func (m message) CanRetry() bool { return m.State == store.Dead || m.State == store.Pending }

// IsDryRun reports whether the message was recorded only.
func (m message) IsDryRun() bool { return m.State == store.Cancelled && m.Error == store.DryRun }

// decision is what the rules decided about an event, as it is stored.
type decision struct {
	Results    []rules.Result
	NotMatched int `json:"not_matched"`
}

// count returns the number of rules, of those that matched and of those that failed.
func (d *decision) count() (all, matched, failed int) {
	all = d.NotMatched
	for _, r := range d.Results {
		switch {
		case r.Outcome.IsMatch():
			matched++
			all++
		case r.Outcome == rules.Failed:
			failed++
			all++
		case r.Outcome != rules.NotMatched:
			all++
		}
	}
	return all, matched, failed
}

func (c *Console) event(r *http.Request) (*frame.View, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	p, err := c.eventPage(r.Context(), id)
	if err != nil {
		return nil, err
	}
	title := strings.TrimSpace(p.Event.Event + " " + p.Project + " " + p.Subject)
	return &frame.View{Template: "event", Title: title, Data: &struct {
		*eventPage
		Rules explained
	}{p, c.explain(r, id, p)}, JSON: "api/v1/events/" + id.String(), Live: true}, nil
}

// eventPage collects what the page shows, without what the current rules would decide.
func (c *Console) eventPage(ctx context.Context, id store.ID) (*eventPage, error) {
	e, err := c.o.Desk.Event(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, c.noEvent(id)
	}
	if err != nil {
		return nil, err
	}
	p := &eventPage{Event: e, Size: len(e.Body)}
	_ = json.Unmarshal(e.Decisions, &p.Decision) // a decision that cannot be read has matched nothing
	p.Tree, _ = payload.Tree(e.Body)             // Raw shows one that cannot be read
	p.Raw, p.RawCut = payload.Raw(e.Body)
	if e.Facts != nil {
		p.Facts, _ = payload.Tree(e.Facts)
	}
	for i, d := range e.Deliveries {
		if i == maxMessages {
			p.Left = len(e.Deliveries) - i
			break
		}
		m, err := c.message(ctx, d)
		if err != nil {
			return nil, err
		}
		p.Messages = append(p.Messages, m)
	}
	deeds, err := c.deeds(ctx, p)
	if err != nil {
		return nil, err
	}
	p.Steps = stepsOf(p, deeds)
	return p, nil
}

// noEvent says that no event has an id.
func (c *Console) noEvent(id store.ID) error {
	return &frame.Problem{Status: http.StatusNotFound, Title: "No such event",
		Text: "No event has the id " + id.String() + ". It may have been deleted: " + c.kept()}
}

// message returns a delivery of an event with its attempts and its picture.
func (c *Console) message(ctx context.Context, d desk.Delivery) (m message, err error) {
	id, err := store.ParseID(d.ID)
	if err != nil {
		return m, err
	}
	if m.Delivery, err = c.o.Desk.Delivery(ctx, id); err != nil {
		return m, err
	}
	var refused *desk.StateError
	m.Picture, err = c.o.Desk.Picture(ctx, id)
	if errors.As(err, &refused) {
		m.NoShow, err = refused.Message, nil
	}
	return m, err
}

// mailPage answers with the HTML of an email, as it is sent, for a frame in which nothing runs or loads.
func (c *Console) mailPage(w http.ResponseWriter, r *http.Request) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	picture, err := c.o.Desk.Picture(r.Context(), id)
	if err != nil {
		return c.problem(err)
	}
	if picture.Page == "" {
		return &frame.Problem{Status: http.StatusNotFound, Title: "Not found", Text: "This message is not an email."}
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; "+
		"frame-ancestors 'self'")
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(picture.Page)) // a client that is gone needs no answer
	return nil
}

// deliveryAction returns the action of a form that changes one delivery. It goes back to the page that the form stood on:
// that of the delivery, or that of its event.
func (c *Console) deliveryAction(act func(context.Context, store.ID) error) frame.Action {
	return func(r *http.Request) (string, *frame.View, error) {
		id, err := idOf(r)
		if err != nil {
			return "", nil, err
		}
		if err := act(r.Context(), id); err != nil {
			return "", nil, c.problem(err)
		}
		if r.PostFormValue("from") == "delivery" {
			return "deliveries/" + id.String(), nil, nil
		}
		d, err := c.o.Desk.Delivery(r.Context(), id)
		return "events/" + d.EventID + "#d-" + d.ID, nil, err
	}
}

// problem returns an error of the desk as a page shows it.
func (c *Console) problem(err error) error {
	var state *desk.StateError
	var input *desk.InputError
	switch {
	case errors.As(err, &state):
		return &frame.Problem{Status: http.StatusConflict, Title: "Not possible", Text: state.Message}
	case errors.As(err, &input):
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Not possible", Text: input.Message}
	case errors.Is(err, store.ErrNotFound):
		return &frame.Problem{Status: http.StatusNotFound, Title: "Not found",
			Text: "No event and no delivery has this id. " + c.kept()}
	}
	return err
}

// replayPage is what is asked before a replay.
type replayPage struct {
	desk.Replay
	ID string
}

// replayForm shows what a replay would do.
func (c *Console) replayForm(r *http.Request) (*frame.View, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	dry, err := c.o.Desk.Replay(r.Context(), id, relay.ReplayOptions{Dry: true})
	if err != nil {
		return nil, c.replayProblem(err)
	}
	return &frame.View{Template: "replay", Title: "Replay", Data: replayPage{dry, id.String()}}, nil
}

// replay decides about the event again, and goes on with the page of the new event.
func (c *Console) replay(r *http.Request) (string, *frame.View, error) {
	id, err := idOf(r)
	if err != nil {
		return "", nil, err
	}
	done, err := c.o.Desk.Replay(r.Context(), id, relay.ReplayOptions{Force: r.PostFormValue("force") != ""})
	if err != nil {
		return "", nil, c.replayProblem(err)
	}
	return "events/" + done.ReplayID, nil, nil
}

// replayProblem returns the error of a replay: most say why the event cannot be decided again.
func (c *Console) replayProblem(err error) error {
	if shown := c.problem(err); shown != err { //nolint:errorlint // it is a new one or the same
		return shown
	}
	var failed *desk.OpError
	if errors.As(err, &failed) {
		return &frame.Problem{Status: http.StatusConflict, Title: "Not replayed", Text: failed.Err.Error()}
	}
	return err
}

// sizeText returns a number of bytes for people.
func sizeText(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1024:
		return fmt.Sprintf("%.1f KiB", float64(n)/1024)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
