package desk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/value"
)

// Waiting is what waits for its time: messages in a digest, messages that are held, what a rule or a source waits for, or
// events that are not decided yet.
type Waiting struct {
	ID       string     `json:"id"`
	Kind     string     `json:"kind"` // digest, hold, wait, feed or event
	Rule     string     `json:"rule,omitempty"`
	Source   string     `json:"source,omitempty"` // of a feed, and of events
	Key      string     `json:"key"`              // the values of by, the entity, or the project of a feed
	Since    *time.Time `json:"since,omitempty"`
	Due      time.Time  `json:"due"`
	Count    int        `json:"count"`              // messages, or events
	Notifier string     `json:"notifier,omitempty"` // of a digest
	Title    string     `json:"title,omitempty"`    // of the entity that a wait or events are about
	Event    string     `json:"event_id,omitempty"` // the event that has started a wait, or the first that waits
	Sent     int        `json:"sent,omitempty"`     // messages that a wait has sent
	Silenced *time.Time `json:"silenced_until,omitempty"`
	Tries    int        `json:"tries,omitempty"` // that failed
	Error    string     `json:"error,omitempty"` // of the last try
	Members  []Member   `json:"events,omitempty"`
}

// Member is a message in a digest.
type Member struct {
	Event      string     `json:"event_id"`
	Name       string     `json:"event"`
	Project    string     `json:"project"`
	ReceivedAt *time.Time `json:"received_at,omitempty"`
	Title      string     `json:"title"`
	Level      string     `json:"level"`
	URL        string     `json:"url,omitempty"`
}

// WaitingFilter selects what waits. Empty fields select all.
type WaitingFilter struct {
	Kind, Rule string
	After      string // the Next of the page before
}

// WaitingPage is a page of what waits, the first due first.
type WaitingPage struct {
	Waiting []Waiting `json:"waiting"`
	// Next is the after of the next page, and empty on the last one. A page that would take long to fill ends early.
	Next string `json:"next,omitempty"`
}

// Ended is the answer to a request that sends or drops what waits.
type Ended struct {
	ID       string        `json:"id"`
	Outcome  rules.Outcome `json:"outcome"`
	Event    string        `json:"event_id,omitempty"` // the event that the messages belong to
	Messages []Message     `json:"deliveries"`
}

// ErrNotWaiting says that nothing that waits has an id.
var ErrNotWaiting = errors.New("nothing that waits has this id; it may have been sent, or have ended")

// ErrNotListed says that nothing with an id was found in a while among very many that wait.
var ErrNotListed = fmt.Errorf("%w; very many wait, and not all were looked at: list them first (qase-relay waiting list), "+
	"which makes their ids known", ErrNotWaiting)

// maxMembers is how many messages of a digest are shown.
const maxMembers = 100

// Waiting returns a page of at most limit.
func (d *Desk) Waiting(ctx context.Context, f WaitingFilter, limit int) (WaitingPage, error) {
	if f.Kind != "" && !slices.Contains(flow.OpenKinds(), f.Kind) {
		return WaitingPage{}, &InputError{fmt.Sprintf("kind: want one of %s, not %q", strings.Join(flow.OpenKinds(), ", "),
			value.Shorten(f.Kind, 40))}
	}
	after, ok := parsePlace(f.After)
	if !ok {
		return WaitingPage{}, &InputError{"after: want the next of the page before"}
	}
	kinds, owners := flow.KindsOf(f.Kind), []string{f.Rule}
	if f.Rule != "" {
		owners = append(owners, d.o.Config().Rules.FormerNames(f.Rule)...)
	}
	slots, next, err := d.o.Store.OpenSlots(ctx, store.SlotFilter{Dry: d.o.Status().DryRun, After: after, Limit: limit,
		Match: func(key string) bool {
			name, ok := flow.Parse(key)
			return ok && slices.Contains(kinds, name.Kind) &&
				(f.Rule == "" || name.Kind != flow.Feed && name.Kind != flow.Event && slices.Contains(owners, name.Owner))
		}})
	if err != nil {
		return WaitingPage{}, failed("listing what waits", err)
	}
	page := WaitingPage{Waiting: []Waiting{}, Next: placeText(next)}
	for i := range slots {
		if w, ok := d.waitingOf(&slots[i]); ok && (f.Kind == "" || w.Kind == f.Kind) {
			d.slots.Add(w.ID, slots[i].Key)
			page.Waiting = append(page.Waiting, w)
		}
	}
	return page, nil
}

// placeText returns the place of a slot as the after of a page.
func placeText(r store.SlotRef) string {
	if r.Key == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(r.Due.UnixMilli(), 10) + " " + r.Key))
}

func parsePlace(text string) (r store.SlotRef, ok bool) {
	if text == "" {
		return r, true
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	ms, key, found := strings.Cut(string(plain), " ")
	due, wrong := strconv.ParseInt(ms, 10, 64)
	return store.SlotRef{Due: time.UnixMilli(due).UTC(), Key: key}, found && err == nil && wrong == nil
}

// waitingOf returns a slot as people see it. ok is false for one that they do not see.
func (d *Desk) waitingOf(s *store.Slot) (w Waiting, ok bool) {
	o, ok := flow.ReadOpen(s.Key, s.Value, s.Due)
	w = Waiting{ID: o.ID, Kind: o.Kind, Key: o.Key, Due: o.Due, Count: o.Count, Notifier: o.Notifier, Title: o.Title,
		Event: o.Event, Sent: o.Sent, Tries: o.Fault.Tries, Error: o.Fault.Error}
	if w.Kind == flow.Feed.Text() || w.Kind == flow.Event.Text() {
		w.Source = o.Owner
	} else {
		w.Rule = d.o.Config().Rules.CurrentName(o.Owner)
	}
	if !o.Since.IsZero() {
		w.Since = &o.Since
	}
	if o.Silenced.After(d.o.Store.Now()) {
		w.Silenced = &o.Silenced
	}
	return w, ok
}

// WaitingOne returns what waits under an id, with the oldest messages of a digest.
func (d *Desk) WaitingOne(ctx context.Context, id string) (Waiting, error) {
	key, err := d.findWaiting(ctx, id)
	if err != nil {
		return Waiting{}, err
	}
	slot, err := d.o.Store.OpenSlot(ctx, key, maxMembers)
	if errors.Is(err, store.ErrNotFound) {
		return Waiting{}, ErrNotWaiting
	}
	if err != nil {
		return Waiting{}, failed("reading what waits", err)
	}
	w, ok := d.waitingOf(&slot)
	if !ok || w.ID != id {
		return Waiting{}, ErrNotWaiting
	}
	for _, it := range slot.Items {
		w.Members = append(w.Members, memberOf(it))
	}
	return w, nil
}

// waitingEvent returns what an event waits for, or nil if that is not known, or it was decided a moment ago.
func (d *Desk) waitingEvent(ctx context.Context, stored *store.StoredEvent) *WaitingEvent {
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return nil
	}
	key := flow.Name{Dry: d.o.Status().DryRun, Kind: flow.Event, Owner: ev.Source, Hash: flow.Hash(ev.EntityKey())}.Key()
	slot, err := d.o.Store.OpenSlot(ctx, key, 0)
	if err != nil {
		return nil
	}
	events, _ := flow.ReadEvents(slot.Value)
	i := slices.IndexFunc(events.Events, func(e flow.WaitingEvent) bool { return e.ID == stored.ID.String() })
	if i < 0 {
		return nil
	}
	w := &WaitingEvent{ID: flow.ID(key), Results: events.Events[i].Results}
	if i > 0 {
		w.Behind = events.Events[i-1].ID
	}
	until := events.Events[i].UntilAt()
	if named := events.Events[i].NamedAt(); named.After(until) {
		until = named
	}
	if !until.IsZero() {
		w.Until = &until
	}
	return w
}

func memberOf(it store.SlotItem) Member {
	m := Member{Event: it.Event.ID.String(), Name: it.Event.Name, Project: it.Event.Project}
	if at := it.Event.ReceivedAt; !at.IsZero() {
		m.ReceivedAt = &at
	}
	var shown struct{ Title, Level, URL string }
	_ = json.Unmarshal(it.Data, &shown) // one that cannot be read has no title
	m.Title, m.Level, m.URL = shown.Title, shown.Level, shown.URL
	return m
}

// maxFinding is how long a slot is looked for among all that wait.
const maxFinding = 2 * time.Second

// findWaiting returns the key of the slot with an id: of one that was listed before, or else by looking through all for a
// while. It reads the values of digests alone, since the id of the others follows from their key.
func (d *Desk) findWaiting(ctx context.Context, id string) (key string, err error) {
	if key, listed := d.slots.Get(id); listed {
		slot, err := d.o.Store.OpenSlot(ctx, key, 0)
		if o, ok := flow.ReadOpen(key, slot.Value, slot.Due); err == nil && ok && o.ID == id { // and not a later digest
			return key, nil
		}
	}
	end := time.Now().Add(maxFinding)
	f := store.SlotFilter{Dry: d.o.Status().DryRun, Limit: MaxPage, Match: func(key string) bool {
		name, ok := flow.Parse(key)
		return ok && (name.Kind == flow.Digest || flow.ID(key) == id)
	}}
	for {
		slots, next, err := d.o.Store.OpenSlots(ctx, f)
		if err != nil {
			return "", failed("looking for what waits", err)
		}
		for _, s := range slots {
			if o, ok := flow.ReadOpen(s.Key, s.Value, s.Due); ok && o.ID == id {
				return s.Key, nil
			}
		}
		switch f.After = next; {
		case next.Key == "":
			return "", ErrNotWaiting
		case time.Now().After(end):
			return "", ErrNotListed
		}
	}
}

// Flush sends what waits under an id now, also while the window of its rule is closed.
func (d *Desk) Flush(ctx context.Context, id, author string) (Ended, error) {
	return d.fireNow(ctx, id, relay.Ask{Author: author})
}

// Drop deletes what waits under an id, unsent.
func (d *Desk) Drop(ctx context.Context, id, author string) (Ended, error) {
	return d.fireNow(ctx, id, relay.Ask{Author: author, Drop: true})
}

// maxAuthor is how many bytes the name of a person may have.
const maxAuthor = 200

func (d *Desk) fireNow(ctx context.Context, id string, ask relay.Ask) (Ended, error) {
	if len(ask.Author) > maxAuthor {
		return Ended{}, &InputError{fmt.Sprintf("author: at most %d bytes", maxAuthor)}
	}
	ask.Author = value.OneLine(ask.Author)
	key, err := d.findWaiting(ctx, id)
	if err != nil {
		return Ended{}, err
	}
	if name, _ := flow.Parse(key); name.Kind == flow.Feed && !ask.Drop {
		return Ended{}, &StateError{"a feed has nothing to send: it waits for events"}
	}
	ask.Key = key
	if ask.Author == "" {
		ask.Author = access.From(ctx).Name
	}
	what := deed{verb: VerbFlush, object: id}
	if ask.Drop {
		what.verb = VerbDrop
	}
	var ended Ended
	err = d.do(ctx, what, func(ctx context.Context) (err error) {
		ended, err = d.fire(ctx, id, ask)
		return err
	})
	return ended, err
}

// fire sends or drops what waits under an id and a key.
func (d *Desk) fire(ctx context.Context, id string, ask relay.Ask) (Ended, error) {
	done, err := d.o.FireNow(ctx, ask)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Ended{}, ErrNotWaiting
	case err != nil:
		return Ended{}, failed("sending or dropping what waits", err)
	case len(done.Silences) > 0:
		return Ended{}, &StateError{"it is silenced, so it waits on; to end the silence: qase-relay silences expire " +
			done.Silences[0]}
	}
	e := Ended{ID: id, Outcome: done.Outcome, Event: idText(done.Event), Messages: []Message{}}
	if ask.Drop {
		e.Outcome = rules.Dropped
	}
	for _, m := range done.Messages {
		e.Messages = append(e.Messages, Message{ID: idText(m.ID), Rule: m.Rule, Notifier: m.Notifier, Title: m.Title})
	}
	return e, nil
}
