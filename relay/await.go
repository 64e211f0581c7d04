package relay

import (
	"context"
	"slices"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/asker"
	"qaserelay/relay/config"
	"qaserelay/relay/qaseapi"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

const (
	// namesWait is how long an event waits for the title of its entity and the person who acted.
	namesWait = time.Second
	// askLease is how long this relay has for its questions before another one asks too.
	askLease = 5 * time.Second
)

// awaited is what an event waits for before it is decided.
type awaited struct {
	key    string
	slot   flow.EventSlot // with the event
	event  *flow.WaitingEvent
	behind bool // an earlier event of the entity waits
}

// sourceOf returns the source of an event if it has a token for the Qase API, or nil.
func sourceOf(cfg *config.Config, ev *event.Event) *rules.Source {
	i := slices.IndexFunc(cfg.Sources, func(s rules.Source) bool { return s.Name == ev.Source })
	if i < 0 || cfg.Sources[i].APIToken() == "" {
		return nil
	}
	return &cfg.Sources[i]
}

// awaitKey returns the key of the slot in which events of an entity wait, or "" if they never do.
func (e *Engine) awaitKey(cfg *config.Config, p *pendingEvent) string {
	entity := p.event.EntityKey()
	if p.replayOf != 0 || entity == "" || sourceOf(cfg, p.event) == nil || !cfg.Rules.MayMatch(p.event) {
		return ""
	}
	return flow.Name{Dry: e.DryRun, Kind: flow.Event, Owner: p.event.Source, Hash: flow.Hash(entity)}.Key()
}

// awaits returns what an event waits for, or nil if it is decided now. Then it has what is known of it. A failure to
// read fails the plan.
func (e *Engine) awaits(cfg *config.Config, p *pendingEvent, get func(string) ([]byte, error)) *awaited {
	p.question = nil
	w := &awaited{key: e.awaitKey(cfg, p)}
	if w.key == "" {
		return nil
	}
	value, _ := get(w.key)
	now := p.event.ReceivedAt
	w.event = &flow.WaitingEvent{ID: p.id.String(), Since: now.UnixMilli(), Keys: p.keys}
	if w.slot, w.behind = flow.ReadEvents(value); !w.behind {
		w.slot = flow.EventSlot{Entity: p.event.EntityKey(), Title: entityText(p.event)}
	}
	e.askFor(cfg, p, w, get)
	switch {
	case !w.behind && w.event.Until == 0 && w.event.Named == 0:
		return nil
	case e.asker.IsFull() || !w.slot.Add(w.event):
		e.Metrics.Asked(p.event.Source, "full", 0)
		if w.event.Results {
			p.facts = unknownResults(p.facts, p.event, asker.TooMany)
		}
		return nil
	}
	return w
}

// askFor sets what the event waits for by itself, and keeps what is known already.
func (e *Engine) askFor(cfg *config.Config, p *pendingEvent, w *awaited, get func(string) ([]byte, error)) {
	q := queryOf(cfg, p.event, get)
	entity, member, complete := e.qase.Known(q)
	if p.facts = nil; entity != nil || member != nil {
		p.facts = &failures.Facts{AskedAt: e.Now().UnixMilli(), Entity: entity, Member: member}
	}
	now := p.event.ReceivedAt
	if !complete && cfg.Rules.ReadsNames(p.event) {
		w.event.Named = now.Add(namesWait).UnixMilli()
	}
	s := q.Source
	if s.Failures.Off || s.Failures.Wait == 0 || !cfg.Rules.Asks(p.event) {
		return
	}
	failed, st := event.Int(p.event.Payload["failed"]), rules.State{Now: now, Get: get, Facts: p.facts}
	seriesKnown := complete && (q.Entity || knowsSeries(p.event, get)) // by the start of the run, or by Qase
	if failed == 0 && seriesKnown && !cfg.Rules.WasRed(p.event, st) {
		return
	}
	until := now.Add(s.Failures.Wait)
	if why := e.qase.WhyNot(s, p.event.Project, until); why != "" {
		p.facts = unknownResults(p.facts, p.event, why)
		return
	}
	w.event.Results, w.event.Until = true, until.UnixMilli()
}

// knowsSeries reports whether events have brought the plan and the environment of a run.
func knowsSeries(ev *event.Event, get func(string) ([]byte, error)) bool {
	stored, err := get(memory.EntityPrefix + ev.EntityKey())
	return err != nil || memory.HasStart(stored)
}

// unknownResults returns the facts about the end of a run, which may be nil, with the reason why the failing tests
// are not known.
func unknownResults(facts *failures.Facts, ev *event.Event, why string) *failures.Facts {
	return facts.WithRun(&failures.Run{Failed: event.Int(ev.Payload["failed"]), Error: why})
}

// queryOf returns what is asked about the names of an event: the title of its entity, if no event has brought it, and
// the person who acted, if the event does not say and people: does not know.
func queryOf(cfg *config.Config, ev *event.Event, get func(string) ([]byte, error)) qaseapi.Query {
	q := qaseapi.Query{Source: sourceOf(cfg, ev), Event: ev, EntityKey: ev.EntityKey()}
	q.Member = ev.MemberID != 0 && !cfg.Rules.KnowsPerson(ev.MemberID) && (ev.MemberAssumed || people.EventUser(ev) == nil)
	if _, given := ev.Payload["title"]; !given {
		stored, err := get(memory.EntityPrefix + q.EntityKey)
		q.Entity = err == nil && !memory.HasTitle(stored)
	}
	return q
}

// entityText names an entity for people: run 7 in WEB.
func entityText(ev *event.Event) string {
	text := ev.Type()
	if id := ev.EntityID(); id != "" {
		text += " " + id
	}
	if ev.Project != "" {
		text += " in " + ev.Project
	}
	return text
}

// decideFirst decides as much of an event as can be decided before the facts are there, and puts it into its slot.
func (e *Engine) decideFirst(cfg *config.Config, p *pendingEvent, w *awaited, st rules.State) rules.Decision {
	d := rules.Decision{}
	if !w.behind && w.event.Named == 0 {
		if d = e.decide(cfg.Rules, p.event, st); len(d.Awaiting) == 0 { // no rule waits after all
			st.Await = false
			return e.decide(cfg.Rules, p.event, st)
		}
		w.slot.Events[0].Partly = true
	}
	d.Waits = true
	if !w.behind {
		w.slot.LookAt(p.event.ReceivedAt.Add(askLease))
	}
	d.Changes = append(d.Changes, rules.Change{Key: w.key, Value: flow.Encode(w.slot), Due: w.slot.DueAt()})
	d.Items = append(d.Items, rules.Item{Key: w.key})
	p.question = questionOf(w.key, p.event, w.event)
	return d
}

// askAbout begins to ask about an event that was stored undecided.
func (e *Engine) askAbout(p *pendingEvent) {
	if p.question != nil && p.receipt.Err == nil && !p.receipt.Duplicate {
		e.asker.Ask(*p.question)
	}
}

// questionOf returns the question about an event that waits, or nil if it waits for others alone.
func questionOf(slot string, ev *event.Event, w *flow.WaitingEvent) *asker.Question {
	if w.Until == 0 && w.Named == 0 {
		return nil
	}
	return &asker.Question{Slot: slot, ID: w.ID, Event: withoutBody(ev), Since: w.SinceAt(), Named: w.NamedAt(),
		Until: w.UntilAt(), Results: w.Results}
}

// maxAskedText is how many bytes a text has that is kept of an event that waits.
const maxAskedText = 500

// withoutBody returns an event with those fields alone that questions are made of, since many may wait at once.
func withoutBody(ev *event.Event) *event.Event {
	less := *ev
	less.Body, less.Facts = nil, nil
	less.Payload = map[string]any{"id": ev.EntityID(), "failed": event.Int(ev.Payload["failed"])}
	for _, key := range []string{"title", "environment"} {
		if text, given := ev.Payload[key]; given {
			less.Payload[key] = notifiers.CutBytes(value.PlainText(text), maxAskedText)
		}
	}
	if plan, given := ev.Payload["plan"]; given {
		fields, _ := plan.(map[string]any)
		less.Payload["plan"] = map[string]any{"id": notifiers.CutBytes(event.IDText(fields["id"]), maxAskedText)}
	}
	if people.EventUser(ev) != nil { // the event names the person who acted
		less.Payload[people.ActorFields()[0]] = map[string]any{}
	}
	return &less
}

// asks asks the Qase API about events that wait. It implements [asker.API].
type asks struct {
	*Engine
	again bool // a person asks about runs as they are now
}

// Names implements asker.API.
func (a asks) Names(ctx context.Context, ev *event.Event) (entity, member map[string]any) {
	cfg := a.Config()
	if sourceOf(cfg, ev) == nil { // it was taken out of the rules meanwhile
		return nil, nil
	}
	return a.qase.Find(ctx, queryOf(cfg, ev, func(key string) ([]byte, error) { return a.Store.Get(ctx, key) }))
}

// Results implements asker.API.
func (a asks) Results(ctx context.Context, ev *event.Event) (*failures.Run, map[string]any, time.Duration) {
	s := sourceOf(a.Config(), ev)
	if s == nil || s.Failures.Off {
		return &failures.Run{Failed: event.Int(ev.Payload["failed"]), Cause: failures.CauseOff,
			Error: "the source " + ev.Source + " does not ask the Qase API any more"}, nil, 0
	}
	q := runQuery(s, ev)
	q.Series, q.Again = a.seriesOf(ev), a.again
	return a.qase.Results(ctx, q)
}

// runQuery returns the question which tests failed in the run of an event.
func runQuery(s *rules.Source, ev *event.Event) qaseapi.RunQuery {
	return qaseapi.RunQuery{Source: s, Project: ev.Project, RunID: ev.EntityID(),
		Failed: event.Int(ev.Payload["failed"]), Event: ev}
}

// askAgainWait is how long a replay waits for answers about one event.
const askAgainWait = 15 * time.Second

// factsOf returns what is known of an event that is decided again: what was stored with it, or else, or if it is to be
// asked again, what the Qase API says now.
func (e *Engine) factsOf(ctx context.Context, ev *event.Event, again bool) *failures.Facts {
	stored := failures.ReadFacts(ev.Facts)
	if stored != nil && !again {
		return stored
	}
	s := sourceOf(e.Config(), ev)
	if again && s != nil {
		e.qase.Anew(runQuery(s, ev))
	}
	brief, cancel := context.WithTimeout(ctx, namesWait)
	defer cancel()
	entity, member := asks{Engine: e}.Names(brief, ev)
	facts := &failures.Facts{AskedAt: e.Now().UnixMilli(), Entity: entity, Member: member}
	if again && s != nil && !s.Failures.Off && e.Config().Rules.Asks(ev) {
		long, cancel := context.WithTimeout(ctx, askAgainWait)
		defer cancel()
		run, more, _ := asks{e, again}.Results(long, ev)
		facts.Run, facts.Entity = run, asker.Merged(entity, more)
		if stored != nil && stored.Run != nil && (run == nil || stored.Run.Known && !run.Known) { // what was known stays
			facts.Run = stored.Run
		}
	}
	if facts.Entity == nil && facts.Member == nil && facts.Run == nil {
		return stored
	}
	return facts
}
