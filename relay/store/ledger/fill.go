package ledger

import (
	"context"
	"encoding/json"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// FillKey is the key that holds how far the outlines and tallies of events are filled that an earlier release has
// stored. It exists until all are.
const FillKey = "ledger/filled"

const (
	// fillEvents is how many events one step fills at most, and fillBytes after how many bytes of bodies it ends.
	fillEvents = 64
	fillBytes  = 2 << 20
)

// FillState is the value of FillKey.
type FillState struct {
	Before store.ID `json:"before"` // all events from this one on are filled
	// Since is when the release first ran that fills, in milliseconds. Attempts after it were counted as they were made.
	Since int64 `json:"since,omitempty"`
}

// ReadFillState reads the value of FillKey.
func ReadFillState(value []byte) (s FillState, ok bool) {
	return s, json.Unmarshal(value, &s) == nil && s.Before != 0
}

// Encode returns the value of FillKey.
func (s FillState) Encode() []byte { return encode(s) }

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers always encode
	}
	return text
}

// Filled is what one step of filling writes.
type Filled struct {
	Outlines []store.Outlined
	Tallies  []TallyRow
	Seen     []store.Seen
	Next     FillState // its Before is 0 if nothing is left
}

// From returns the time from which on all is filled once the step is written.
func (f *Filled) From() time.Time {
	if f.Next.Before == 0 {
		return time.Time{}
	}
	return f.Next.Before.Time().UTC()
}

// filling gathers what one step writes.
type filling struct {
	*DB
	state   FillState
	tallies []store.Tally
	seen    Sums
}

// Fill reads the next events before those of a state, the newest first, and makes what is to be written.
func (db *DB) Fill(ctx context.Context, state FillState, outline func(*store.StoredEvent) store.Outline) (
	*Filled, error) {
	events, err := db.eventsBefore(ctx, state.Before)
	if err != nil {
		return nil, engine.Wrap(err, "reading events to outline them")
	}
	f := &filling{DB: db, state: state}
	done := &Filled{}
	var ids []store.ID
	for i := range events {
		ev := &events[i]
		o := store.Outlined{ID: ev.ID, Source: ev.Source, Name: ev.Name, Project: ev.Project, ReceivedAt: ev.ReceivedAt,
			Kind: ev.Kind, ReplayOf: ev.ReplayOf, Outline: outline(ev)}
		f.event(&o)
		ids, done.Outlines = append(ids, ev.ID), append(done.Outlines, o)
	}
	if err := f.deliveries(ctx, ids); err != nil {
		return nil, engine.Wrap(err, "counting deliveries and attempts")
	}
	if len(events) > 0 {
		done.Next = FillState{Before: events[len(events)-1].ID, Since: state.Since}
	}
	done.Tallies, done.Seen = RowsOf(f.tallies), f.seen.SeenRows()
	return done, nil
}

// eventsBefore returns the newest events before an id.
func (db *DB) eventsBefore(ctx context.Context, before store.ID) (events []store.StoredEvent, err error) {
	ids, err := list(ctx, db, query{"SELECT id FROM events WHERE id < ? ORDER BY id DESC LIMIT ?",
		[]any{before, fillEvents}}, func(r Row) store.ID { return r.ID(0) })
	size := 0
	const q = `SELECT id, source, name, project, body, received_at, decisions, replay_of, kind, facts FROM events
		WHERE id = ?`
	for _, id := range ids {
		if err != nil || size > fillBytes {
			break
		}
		err = db.Query(ctx, q, []any{id}, func(r Row) error {
			ev := store.StoredEvent{ID: r.ID(0), Source: r.Text(1), Name: r.Text(2), Project: r.Text(3), Body: r.Bytes(4),
				ReceivedAt: r.Time(5), Decisions: r.Bytes(6), ReplayOf: r.ID(7), Kind: r.Text(8), Facts: r.Bytes(9)}
			size += len(ev.Body) + len(ev.Decisions)
			events = append(events, ev)
			return nil
		})
	}
	return events, err
}

// event counts an event, in the hour and the minute in which it came.
func (f *filling) event(o *store.Outlined) {
	var one Sums
	one.Event(&store.Event{ID: o.ID, Source: o.Source, Name: o.Name, Project: o.Project, Kind: o.Kind,
		ReplayOf: o.ReplayOf}, &o.Outline)
	f.add(&one, o.ReceivedAt)
	for at, id := range one.seen {
		f.seen.See(at.kind, at.a, id)
	}
}

// add adds the tallies of sums at a time.
func (f *filling) add(s *Sums, at time.Time) {
	for minute, counts := range map[bool]map[pair]int64{true: s.minutes, false: s.hours} {
		if minute && at.UnixMilli() < f.state.Since-store.TallyMinutesKept.Milliseconds() {
			continue
		}
		for p, n := range counts {
			f.tallies = append(f.tallies, store.Tally{Kind: p.kind, Minute: minute, At: at, A: p.a, B: p.b, N: n})
		}
	}
}

// deliveries counts the deliveries of events, and their attempts.
func (f *filling) deliveries(ctx context.Context, events []store.ID) error {
	if len(events) == 0 {
		return nil
	}
	notifiers := map[store.ID]string{}
	q := "SELECT id, notifier, state, created_at, updated_at FROM " + f.Dialect.DeliveriesOf + " made"
	err := f.Query(ctx, q, []any{f.IDs(events)}, func(r Row) error {
		notifiers[r.ID(0)] = r.Text(1)
		state, made, changed := store.State(r.Text(2)), r.Time(3), r.Time(4)
		if changed.UnixMilli() >= f.state.Since || state == store.Pending || state == store.Sending {
			return nil
		}
		var one Sums
		one.Add(store.TallyDelivery, r.Text(1), string(state))
		if state == store.Delivered {
			one.Add(store.TallySent, r.Text(1), store.LatencyBucket(changed.Sub(made)))
		}
		f.add(&one, changed)
		return nil
	})
	if err != nil || len(notifiers) == 0 {
		return err
	}
	ids := make([]store.ID, 0, len(notifiers))
	for id := range notifiers {
		ids = append(ids, id)
	}
	return f.Query(ctx, "SELECT delivery_id, at, took, reason FROM attempts WHERE delivery_id "+f.AnyOf,
		[]any{f.IDs(ids)}, func(r Row) error {
			notifier, at := notifiers[r.ID(0)], r.Time(1)
			if at.UnixMilli() >= f.state.Since {
				return nil
			}
			var one Sums
			one.Add(store.TallyAttempt, notifier, store.LatencyBucket(time.Duration(r.Int(2))))
			if r.Text(3) != "" {
				one.Add(store.TallyReason, notifier, r.Text(3))
			}
			f.add(&one, at)
			return nil
		})
}
