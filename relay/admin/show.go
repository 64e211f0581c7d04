package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// Event is one stored event.
type Event struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	Event      string    `json:"event"` // event_name
	Project    string    `json:"project"`
	ReceivedAt time.Time `json:"received_at"`
	ReplayOf   string    `json:"replay_of,omitempty"` // the event that this one repeats
	Matched    []string  `json:"matched,omitempty"`   // rules that matched
	// States counts its deliveries by state.
	States     map[store.State]int `json:"states,omitempty"`
	Body       json.RawMessage     `json:"body,omitempty"`       // as Qase sent it; only when one event is shown
	Decisions  json.RawMessage     `json:"decisions,omitempty"`  // what each rule did; likewise
	Deliveries []Delivery          `json:"deliveries,omitempty"` // likewise
}

// Delivery is one notification on its way.
type Delivery struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	// FallbackFor is the dead delivery that this one stands in for.
	FallbackFor string          `json:"fallback_for,omitempty"`
	Event       string          `json:"event"` // event_name
	Project     string          `json:"project"`
	Rule        string          `json:"rule"`
	Notifier    string          `json:"notifier"`
	Title       string          `json:"title"`
	State       store.State     `json:"state"`
	Attempts    int             `json:"attempts"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	NextAt      *time.Time      `json:"next_at,omitempty"` // when it is due, if pending
	Status      string          `json:"status,omitempty"`  // what the receiver said last
	Error       string          `json:"error,omitempty"`
	Message     json.RawMessage `json:"message,omitempty"` // only when one delivery is shown
	Log         []Attempt       `json:"log,omitempty"`     // likewise
	// Fallback is the delivery that stands in for this one, the last if there were several; likewise.
	Fallback *Delivery `json:"fallback,omitempty"`
}

// Attempt is one try to send a delivery.
type Attempt struct {
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	Status   string    `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Error    string    `json:"error,omitempty"`
	Response string    `json:"response,omitempty"`
}

func (s *server) event(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	if !ok {
		return
	}
	stored, err := s.Store.Event(r.Context(), id)
	if err != nil {
		s.fail(w, "reading an event", err)
		return
	}
	deliveries, _, err := s.Store.Deliveries(r.Context(), store.DeliveryFilter{Event: id, Limit: 1000})
	if err != nil {
		s.fail(w, "listing an event's deliveries", err)
		return
	}
	answer := eventOf(stored)
	answer.countStates(deliveries)
	for _, d := range deliveries {
		answer.Deliveries = append(answer.Deliveries, deliveryOf(d))
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r)
	if !ok {
		return
	}
	stored, attempts, err := s.Store.Delivery(r.Context(), id)
	if err != nil {
		s.fail(w, "reading a delivery", err)
		return
	}
	answer := deliveryOf(stored)
	if answer.Fallback, err = s.fallbackOf(r.Context(), stored); err != nil {
		s.fail(w, "looking for what stands in for a delivery", err)
		return
	}
	answer.Message = maskMessage(stored.Message)
	for _, a := range attempts {
		answer.Log = append(answer.Log, Attempt{At: a.At, Seconds: a.Took.Seconds(), Status: a.Status,
			Reason: a.Reason, Error: a.Error, Response: a.Response})
	}
	writeJSON(w, http.StatusOK, answer)
}

// fallbackOf returns the newest delivery that stands in for d, or nil.
func (s *server) fallbackOf(ctx context.Context, d store.Delivery) (*Delivery, error) {
	siblings, _, err := s.Store.Deliveries(ctx, store.DeliveryFilter{Event: d.EventID, Limit: maxLimit})
	for _, one := range siblings {
		if one.FallbackFor == d.ID {
			found := deliveryOf(one)
			return &found, nil
		}
	}
	return nil, err
}

func eventOf(e store.StoredEvent) Event {
	v := Event{ID: e.ID.String(), Source: e.Source, Event: e.Name, Project: e.Project, ReceivedAt: e.ReceivedAt, ReplayOf: idText(e.ReplayOf),
		Body: rawJSON(e.Body), Decisions: rawJSON(e.Decisions)}
	var decided struct{ Results []rules.Result }
	_ = json.Unmarshal(e.Decisions, &decided) // what cannot be read has matched nothing
	for _, r := range decided.Results {
		if r.Outcome == rules.Matched {
			v.Matched = append(v.Matched, r.Rule)
		}
	}
	return v
}

func (e *Event) countStates(deliveries []store.Delivery) {
	for _, d := range deliveries {
		if e.States == nil {
			e.States = map[store.State]int{}
		}
		e.States[d.State]++
	}
}

func deliveryOf(d store.Delivery) Delivery {
	v := Delivery{ID: d.ID.String(), EventID: d.EventID.String(), Event: d.EventName, Project: d.Project, Rule: d.Rule,
		Notifier: d.Notifier, FallbackFor: idText(d.FallbackFor), Title: d.Title, State: d.State, Attempts: d.Attempts, CreatedAt: d.CreatedAt,
		UpdatedAt: d.UpdatedAt, Status: d.Status, Error: d.Error}
	if d.State == store.Pending && !d.NextAt.IsZero() {
		v.NextAt = &d.NextAt
	}
	return v
}

// rawJSON keeps JSON as it is, but for bytes that are no UTF-8. What is not JSON is left out.
func rawJSON(b []byte) json.RawMessage {
	switch {
	case !json.Valid(b):
		return nil
	case !utf8.Valid(b):
		return json.RawMessage(string([]rune(string(b))))
	}
	return b
}
