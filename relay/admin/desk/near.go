package desk

import (
	"context"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// NearMiss is an event that a rule did not match by one part of its condition.
type NearMiss struct {
	ID         string           `json:"id"`
	Event      string           `json:"event"`
	Project    string           `json:"project"`
	Subject    string           `json:"subject,omitempty"`
	ReceivedAt time.Time        `json:"received_at"`
	Part       *condition.Trace `json:"part"` // the one that is not true
}

// NearMisses are events of the last 24 hours, the newest first.
type NearMisses struct {
	Misses []NearMiss
	Parts  int       // of the condition; with a single one there are no near misses
	Looked int       // events that were looked at
	Back   time.Time // back to which events were looked at; zero is all of the 24 hours
	Next   string    // the before of a further look, or empty
}

const (
	// maxMisses is how many near misses are named at a time, and nearTime how long a look for them takes at most.
	maxMisses = 10
	nearTime  = 25 * time.Millisecond
	nearPage  = 100
)

// NearMisses looks for events of the last 24 hours before an id, or the newest ones, that a rule did not match by one part
// of its condition. For an unknown rule it returns ErrNoRule.
func (d *Desk) NearMisses(ctx context.Context, rule string, before store.ID) (NearMisses, error) {
	set := d.o.Config().Rules
	for _, r := range set.All() {
		if r.Name == rule && r.Condition != nil {
			near := &nearLook{desk: d, set: set, whole: r.Condition, parts: r.Condition.Conjuncts(), names: map[string]bool{}}
			near.Parts = len(near.parts)
			if near.Parts < 2 {
				return near.NearMisses, nil
			}
			err := near.look(ctx, before)
			return near.NearMisses, failed("looking for events that nearly matched", err)
		}
	}
	return NearMisses{}, ErrNoRule
}

// nearLook is one look for near misses.
type nearLook struct {
	NearMisses
	desk  *Desk
	set   *rules.Set
	whole *condition.Condition
	parts []*condition.Condition
	names map[string]bool // whether the rule can match events of a name
}

// look goes through the events.
func (n *nearLook) look(ctx context.Context, before store.ID) error {
	f := store.EventFilter{Name: n.onlyName(), Before: before, Limit: nearPage,
		After: store.FirstID(n.desk.o.Store.Now().Add(-day)) - 1}
	began := time.Now()
	var ids []store.ID
	for {
		page, next, err := n.desk.o.Store.Events(ctx, f)
		if err != nil {
			return err
		}
		for i := range page {
			if n.examine(ctx, &page[i]) {
				ids = append(ids, page[i].ID)
			}
			if n.Looked++; len(ids) == maxMisses || time.Since(began) > nearTime {
				n.Next, n.Back = page[i].ID.String(), page[i].ReceivedAt
				return n.name(ctx, ids)
			}
		}
		switch f.Before = next; {
		case next == 0:
			return n.name(ctx, ids)
		case time.Since(began) > nearTime:
			n.Next, n.Back = next.String(), next.Time()
			return n.name(ctx, ids)
		}
	}
}

// onlyName returns the name of the only event of the catalog that the rule can match, or "" if there are more.
func (n *nearLook) onlyName() (name string) {
	if n.whole.CanMatchUnknown() {
		return ""
	}
	for _, e := range catalog.All() {
		if n.whole.CanMatch(condition.FactsOf(e.Name)) {
			if name != "" {
				return ""
			}
			name = e.Name
		}
	}
	return name
}

// examine adds an event if one part is not true for it, and reports whether it did.
func (n *nearLook) examine(ctx context.Context, stored *store.StoredEvent) bool {
	can, known := n.names[stored.Name]
	if !known {
		can = n.whole.CanMatch(condition.FactsOf(stored.Name))
		n.names[stored.Name] = can
	}
	if !can || stored.Kind != "" {
		return false
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return false
	}
	env := n.set.SilenceScope(ev, rules.State{Now: stored.ReceivedAt,
		Get: func(key string) ([]byte, error) { return n.desk.o.Store.Get(ctx, key) }}).Env
	var missing *condition.Condition
	for _, part := range n.parts {
		if is, err := part.Match(env); is && err == nil {
			continue
		}
		if missing != nil {
			return false
		}
		missing = part
	}
	if missing == nil {
		return false
	}
	trace := missing.Trace(env)
	n.Misses = append(n.Misses, NearMiss{ID: stored.ID.String(), Event: stored.Name, Project: stored.Project,
		ReceivedAt: stored.ReceivedAt, Part: trace})
	return true
}

// name adds what the events are about.
func (n *nearLook) name(ctx context.Context, ids []store.ID) error {
	rows, err := n.desk.o.Store.OutlinesOf(ctx, ids)
	for i, id := range ids {
		n.Misses[i].Subject = rows[id].Subject
	}
	return err
}
