package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/relay/store"
	"qaserelay/rules"
	qaseevent "qaserelay/rules/event"
)

// replaySlice is how many replays wait for the disk at once, so that events from outside find room beside them.
const replaySlice = 100

// Replay says what came of one stored event that was decided about again.
type Replay struct {
	Event store.ID // the one that was asked for
	// New is the event that repeats it, or zero if nothing was stored.
	New     store.ID
	Matched []string // rules that match now
	Gained  []string // those of them that did not match then
	Lost    []string // rules that matched then and do not now
	// Messages are what follows now. Their ids are zero if nothing was stored.
	Messages []ReplayedMessage
	Err      error // why it could not be replayed
}

// ReplayedMessage is a delivery that a replay made, or would make.
type ReplayedMessage struct {
	ID                    store.ID
	Rule, Notifier, Title string
}

// Replay decides about stored events again, by the rules in force and as if they came now, and sends what follows. What they tell of
// their entities is not remembered once more, since newer events may have told otherwise. When dry is set, it only says what would
// follow. The answers are in the order of ids.
func (e *Engine) Replay(ctx context.Context, ids []store.ID, dry bool) []Replay {
	replays := make([]Replay, 0, len(ids))
	for slice := range slices.Chunk(ids, replaySlice) {
		waiting := make([]*replay, len(slice))
		for i, id := range slice {
			waiting[i] = e.startReplay(ctx, id, dry)
		}
		for _, r := range waiting {
			replays = append(replays, e.endReplay(ctx, r))
		}
	}
	return replays
}

// replay is one on its way. call is nil if it failed before it began; of a rehearsal, nobody else has the call.
type replay struct {
	id   store.ID
	then rules.Decision
	call *call
	dry  bool
	err  error
}

// startReplay reads the event and, unless it is a rehearsal, queues it for the disk.
func (e *Engine) startReplay(ctx context.Context, id store.ID, dry bool) *replay {
	r := &replay{id: id, dry: dry}
	stored, err := e.Store.Event(ctx, id)
	if err != nil {
		r.err = err
		return r
	}
	ev, err := qaseevent.ParseEvent(stored.Source, stored.Body, stored.ReceivedAt)
	if err != nil {
		r.err = fmt.Errorf("reading the stored event: %w", err)
		return r
	}
	_ = json.Unmarshal(stored.Decisions, &r.then) // what cannot be read has matched nothing
	ev.ReceivedAt = e.Now()
	r.call = &call{event: ev, replayOf: id, done: make(chan struct{})}
	r.call.entity, r.call.member = e.enrich.Find(ctx, e.Config(), ev)
	if dry {
		_, r.err = e.plan(e.Config(), r.call, func(key string) ([]byte, error) { return e.Store.Get(ctx, key) })
	} else {
		r.err = e.inbox.Put(r.call)
	}
	return r
}

// endReplay waits for the disk and says what is new.
func (e *Engine) endReplay(ctx context.Context, r *replay) Replay {
	if r.err == nil && !r.dry {
		select {
		case <-r.call.done:
			r.err = r.call.err
		case <-ctx.Done():
			r.err = fmt.Errorf("waiting for the disk: %w", ctx.Err())
		}
	}
	answer := Replay{Event: r.id, Err: r.err}
	if r.err != nil {
		return answer
	}
	answer.compare(r.then, r.call.decision)
	if r.dry {
		for _, n := range r.call.decision.Notifications {
			answer.Messages = append(answer.Messages, ReplayedMessage{Rule: n.Rule, Notifier: n.Notifier, Title: n.Title})
		}
		return answer
	}
	answer.New = r.call.receipt.ID
	for _, d := range r.call.plan.Deliveries {
		answer.Messages = append(answer.Messages, ReplayedMessage{d.ID, d.Rule, d.Notifier, d.Title})
	}
	return answer
}

// compare says which rules match now, and how that differs from then.
func (r *Replay) compare(then, now rules.Decision) {
	before := matchedRules(then)
	r.Matched = matchedRules(now)
	for _, rule := range r.Matched {
		if !slices.Contains(before, rule) {
			r.Gained = append(r.Gained, rule)
		}
	}
	for _, rule := range before {
		if !slices.Contains(r.Matched, rule) {
			r.Lost = append(r.Lost, rule)
		}
	}
}

func matchedRules(d rules.Decision) (names []string) {
	for _, r := range d.Results {
		if r.Outcome == rules.Matched {
			names = append(names, r.Rule)
		}
	}
	return names
}
