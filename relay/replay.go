package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/relay/store"
	"qaserelay/relay/telemetry"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// replayChunk is the number of replays that wait for the disk at once, so that webhook events find a place beside them.
const replayChunk = 100

// Replay is the outcome of a stored event that was decided again.
type Replay struct {
	Event    store.ID // the event to replay
	New      store.ID // the event that repeats it, or zero if nothing was stored
	Matched  []string // rules that match now
	Gained   []string // those of them that did not match the first time
	Lost     []string // rules that matched the first time and do not now
	Silenced []string // rules of which silences hold messages back
	Messages []MadeMessage
	Err      error // the reason why it was not replayed
}

// MadeMessage is a delivery that a person's request made, or would make.
type MadeMessage struct {
	ID                    store.ID // zero if nothing was stored
	Rule, Notifier, Title string
}

// ReplayOptions say how events are replayed.
type ReplayOptions struct {
	Dry   bool // store and send nothing
	Force bool // send also what silences hold back
	// AskAgain asks the Qase API anew; otherwise an event is decided by what was known of it when it came.
	AskAgain bool

	request string // the same for all events of one request
}

// Replay decides stored events again, by the current rules and as if they came now, and sends the messages. It does not
// change the state of their entities, which newer events may have changed since. The results are in the order of ids.
func (e *Engine) Replay(ctx context.Context, ids []store.ID, o ReplayOptions) []Replay {
	replays := make([]Replay, 0, len(ids))
	o.request = e.IDs.Next(e.Now()).String()
	for chunk := range slices.Chunk(ids, replayChunk) {
		started := make([]*startedReplay, len(chunk))
		for i, id := range chunk {
			started[i] = e.startReplay(ctx, id, o)
		}
		for _, r := range started {
			replays = append(replays, r.result(ctx))
		}
	}
	return replays
}

// startedReplay is a replay that waits for its commit. Its event is nil if it could not be read.
type startedReplay struct {
	id    store.ID
	first rules.Decision
	event *pendingEvent
	dry   bool
	err   error
	work  *telemetry.Work
}

// startReplay reads the event, and decides it at once if the replay is dry or puts it into the inbox.
func (e *Engine) startReplay(ctx context.Context, id store.ID, o ReplayOptions) *startedReplay {
	r := &startedReplay{id: id, dry: o.Dry}
	stored, err := e.Store.Event(ctx, id)
	if err != nil {
		r.err = err
		return r
	}
	ev, err := parseReceived(&stored)
	if err != nil {
		r.err = err
		return r
	}
	_ = json.Unmarshal(stored.Decisions, &r.first) // a decision that cannot be read has matched nothing
	ev.ReceivedAt = e.Now()
	if !o.Dry {
		r.work = e.Telemetry.Begin("replay "+ev.Name, []string{ev.Trace})
	}
	ev.Trace = r.work.Trace()
	r.event = &pendingEvent{event: ev, replayOf: id, request: o.request, forced: o.Force, done: make(chan struct{})}
	r.event.facts = e.factsOf(ctx, ev, o.AskAgain)
	if o.Dry {
		_, r.err = e.plan(e.Config(), r.event, func(key string) ([]byte, error) { return e.Store.Get(ctx, key) })
	} else {
		r.err = e.enqueue(r.event)
	}
	return r
}

// parseReceived reads a stored event that was received. One that the relay has made is not decided again.
func parseReceived(stored *store.StoredEvent) (*event.Event, error) {
	if stored.Kind != "" {
		return nil, fmt.Errorf("the relay has made this event (kind %s); replay the events that it is about, or retry its "+
			"deliveries", stored.Kind)
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return nil, fmt.Errorf("reading the stored event: %w", err)
	}
	return ev, nil
}

// result waits for the commit and compares the decisions.
func (r *startedReplay) result(ctx context.Context) Replay {
	if r.err == nil && !r.dry {
		r.err = r.event.wait(ctx)
	}
	if r.err != nil {
		return Replay{Event: r.id, Err: r.err}
	}
	before, now := matchedRules(r.first), matchedRules(r.event.decision)
	result := Replay{Event: r.id, Matched: now, Gained: without(now, before), Lost: without(before, now)}
	for _, one := range r.event.decision.Results {
		if len(one.Silenced) > 0 {
			result.Silenced = append(result.Silenced, one.Rule)
		}
	}
	if r.dry {
		for _, n := range r.event.decision.Notifications {
			result.Messages = append(result.Messages, MadeMessage{Rule: n.Rule, Notifier: n.Notifier,
				Title: n.Title})
		}
		return result
	}
	result.New = r.event.receipt.ID
	r.work.End(tracedEvent(result.New, r.event.event))
	for _, d := range r.event.plan.Deliveries {
		result.Messages = append(result.Messages, MadeMessage{d.ID, d.Rule, d.Notifier, d.Title})
	}
	return result
}

func matchedRules(d rules.Decision) (names []string) {
	for _, r := range d.Results {
		if r.Outcome.IsMatch() {
			names = append(names, r.Rule)
		}
	}
	return names
}

// without returns the names that are not among others.
func without(names, others []string) (rest []string) {
	for _, name := range names {
		if !slices.Contains(others, name) {
			rest = append(rest, name)
		}
	}
	return rest
}
