package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
	"qaserelay/relay/telemetry"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
)

// turn is one call of Store.Wake. Its methods are called by the store, maybe also after the caller has left, so only a
// turn whose call has succeeded is read.
type turn struct {
	*sweep
	cfg   *config.Config
	now   time.Time // not before the time of a slot that is due
	fault error     // the reason why the slots of this turn are moved; nil decides about them
	ask   *Ask      // what a person wants of the only slot; nil if slots are due
	fired []firedSlot
	again time.Time // when a slot that was left or moved may fire
}

// firedSlot is what was decided about a slot.
type firedSlot struct {
	name    flow.Name
	row     store.ID // the event that it made, or zero
	kind    string   // of that event
	about   string   // the name of that event
	made    []store.NewDelivery
	results []rules.Result
	count   int // of messages in a digest
	moved   bool
	ended   bool  // the slot is gone
	gone    bool  // the event that it is about was deleted
	err     error // why it was moved or set aside
	leaving bool
	resumed *resumed // the event that was decided, for a slot of events
	traces  []string // of the events that it is about
	work    *telemetry.Work
}

// woken returns a slot as the rules take it, without its items.
func (t *turn) woken(s *store.Slot) rules.Woken {
	return rules.Woken{Key: s.Key, Value: s.Value, Due: s.Due}
}

// needs returns what the rules will read for a slot.
func (t *turn) needs(s *store.Slot) (n rules.Needs) {
	defer func() { _ = recover() }() // the decision panics again, with the reason
	if name, ok := flow.Parse(s.Key); ok && t.waker.rules.needs != nil && t.waker.rules.knows(t.cfg.Rules, name) {
		n = t.waker.rules.needs(t.cfg.Rules, t.woken(s))
	}
	return n
}

func (t *turn) keys(s *store.Slot) []string {
	keys := t.needs(s).Keys
	if name, _ := flow.Parse(s.Key); name.Kind == flow.Event {
		if slot, ok := flow.ReadEvents(s.Value); ok {
			keys = append(keys, slot.Events[0].Keys...)
		}
	}
	return keys
}

func (t *turn) events(s *store.Slot) (ids []store.ID) {
	for _, text := range t.needs(s).Events {
		if id, err := store.ParseID(text); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// decide decides about the i-th slot of the turn.
func (t *turn) decide(i int, s *store.Slot, get func(string) ([]byte, error)) (store.Firing, error) {
	t.fired = append(t.fired[:i], firedSlot{})
	out := &t.fired[i]
	if t.ask == nil && t.only == nil && s.Due.After(t.now) { // it fell due while the store was at it
		t.now = s.Due
	}
	name, ok := flow.Parse(s.Key)
	if out.name = name; !ok || flow.Check(s.Value) != nil {
		out.err, out.ended = flow.ErrUnreadable, true
		return setAside(s, t.now), nil
	}
	removed := !t.waker.rules.knows(t.cfg.Rules, name)
	if t.ask != nil {
		w := t.woken(s)
		w.Removed = removed
		return t.answer(w, s, get, out)
	}
	if until := t.leaveUntil(name, s.Due, removed); until.After(t.now) {
		t.again, out.leaving = earlier(t.again, until), true
		return store.Firing{Leave: true}, nil
	}
	err := t.fault
	if err == nil {
		w := t.woken(s)
		w.Removed = removed
		var f store.Firing
		if f, err = t.fire(w, s, get, out); err == nil {
			err = f.Check(s)
		}
		if err == nil {
			out.ended = ends(&f, s.Key)
			return f, nil
		}
		var failed *readError
		if errors.As(err, &failed) {
			return f, err
		}
	}
	*out = firedSlot{name: name, err: err}
	return postpone(s, t.now, err)
}

// leaveUntil returns when a slot may fire: those that nothing here knows are left for a while, and those that may be
// ended by what was missed in a gap for the time of settings.catch_up.
func (t *turn) leaveUntil(name flow.Name, due time.Time, unknown bool) (until time.Time) {
	if unknown {
		until = due.Add(unknownFor)
	}
	if end := t.gap.To.Add(t.cfg.Settings.CatchUp); name.Kind.CatchesUp() && t.gap.Has(due) && end.After(until) {
		until = end
	}
	return until
}

// ends reports whether a slot is deleted.
func ends(f *store.Firing, key string) bool {
	return slices.ContainsFunc(f.Changes, func(c store.Change) bool { return c.Key == key && c.Value == nil })
}

// armAgain has a slot armed that the rules need without any event, if it has ended.
func (t *turn) armAgain(out *firedSlot) {
	if k := out.name.Kind; out.ended && (k == flow.Summary || k == flow.Feed) {
		t.waker.rearm.Store(true)
		t.waker.look()
	}
}

// readError is a failure to read the state, which fails the turn.
type readError struct{ error }

// fire lets the rules decide about a slot, and returns the rows that follow.
func (t *turn) fire(w rules.Woken, s *store.Slot, get func(string) ([]byte, error), out *firedSlot) (
	f store.Firing, err error) {
	if out.name.Kind == flow.Event {
		return t.resume(s, get, out)
	}
	for _, it := range s.Items {
		w.Items = append(w.Items, rules.Member{Event: parseStored(&it.Event), Data: it.Data})
	}
	for i := range s.Events {
		if ev := parseStored(&s.Events[i]); ev != nil {
			w.Events = append(w.Events, ev)
		}
	}
	var readErr error
	state := rules.State{Now: t.now, Dry: t.DryRun, Silences: t.silences.List()}
	state.Get = func(key string) ([]byte, error) {
		value, err := get(key)
		if err != nil && readErr == nil {
			readErr = &readError{fmt.Errorf("reading the state for a decision: %w", err)}
		}
		return value, err
	}
	d, err := t.wakeSafely(w, state)
	if err := errors.Join(readErr, err); err != nil {
		return f, err
	}
	slot, isDigest := flow.ReadDigest(s.Value)
	if isDigest = isDigest && out.name.Kind == flow.Digest; isDigest {
		out.count = slot.Count
	}
	out.traces = tracesOf(&w)
	if k := out.name.Kind; k == flow.Wait || k == flow.Throttle {
		out.gone = len(w.Events) < len(t.events(s))
	}
	f, err = t.firing(&d, s.Key, out)
	if isDigest && err == nil && out.row != 0 {
		f.Changes = append(f.Changes, store.DigestLink(slot.ID, out.row, t.now))
	}
	return f, err
}

// parseStored reads the body of a stored event, or returns nil.
func parseStored(stored *store.StoredEvent) *event.Event {
	if len(stored.Body) == 0 {
		return nil
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return nil
	}
	return ev
}

// wakeSafely turns a panic in the rules into an error.
func (t *turn) wakeSafely(w rules.Woken, st rules.State) (d rules.Decision, err error) {
	defer t.recoverRules(&event.Event{Name: w.Key}, func(panicked any) { err = slotError(panicked) })
	return t.waker.rules.wake(t.cfg.Rules, w, st), nil
}

// firing returns the rows of a decision about a slot.
func (t *turn) firing(d *rules.Decision, key string, out *firedSlot) (f store.Firing, err error) {
	if f.Decisions, err = json.Marshal(d); err != nil {
		return f, fmt.Errorf("encoding the decision: %w", err)
	}
	ev := &event.Event{}
	if r := d.Row; r != nil {
		ev = &event.Event{Source: r.Source, Name: r.Name, Project: r.Project, Body: r.Body, ReceivedAt: t.now}
		f.Event = &store.Event{ID: t.IDs.NextEvent(t.now), Source: r.Source, Name: r.Name, Project: r.Project, Kind: r.Kind,
			Body: r.Body, ReceivedAt: t.now}
		out.row, out.kind, out.about = f.Event.ID, r.Kind, r.Name
		out.work = t.Telemetry.Begin("fire "+r.Kind, out.traces)
		ev.Trace = out.work.Trace()
	}
	for _, c := range d.Changes {
		out.moved = out.moved || c.Key == key && !c.Due.IsZero()
	}
	err = t.addRows(&f, ev, d)
	out.made, out.results = f.Deliveries, d.Results
	return f, err
}

// addRows adds the deliveries about an event, the changes and the items of a decision.
func (t *turn) addRows(f *store.Firing, ev *event.Event, d *rules.Decision) error {
	with := store.ID(0) // the event that they are made with
	if f.Event != nil {
		with = f.Event.ID
	}
	for i, n := range d.Notifications {
		delivery, _, err := t.newDelivery(t.cfg, t.IDs.NextDelivery(t.Now(), with, i), ev, n)
		if err != nil {
			return fmt.Errorf("encoding the message of rule %s for %s: %w", n.Rule, n.Notifier, err)
		}
		f.Deliveries = append(f.Deliveries, delivery)
	}
	for _, c := range d.Changes {
		f.Changes = append(f.Changes, store.Change(c))
		t.again = earlier(t.again, c.Due) // it may lie behind those that this sweep has passed
	}
	f.Items = itemsOf(d)
	if f.Of == 0 && ev != nil {
		f.Outline = outlineOf(d, ev)
	}
	return nil
}

// setAside keeps a slot that cannot be read under another key, with its items and without a time.
func setAside(s *store.Slot, now time.Time) (f store.Firing) {
	bad := flow.BadKey(s.Key)
	f.Changes = []store.Change{{Key: bad, Value: s.Value, Expires: now.Add(badFor)}, {Key: s.Key}}
	for _, it := range s.Items {
		f.Items = append(f.Items, store.Item{Key: bad, Event: it.Event.ID, Data: it.Data})
	}
	return f
}

// postpone moves a slot that could not be decided about, later each time.
func postpone(s *store.Slot, now time.Time, reason error) (f store.Firing, err error) {
	value, fault, err := flow.WithFault(s.Value, reason.Error())
	if err == nil {
		f.Changes = []store.Change{{Key: s.Key, Value: value, Due: now.Add(fault.Pause())}}
	}
	return f, err
}

// settle counts and logs what was fired, and wakes the lanes with new work.
func (t *turn) settle(woken store.Woken) {
	t.sweep.again = earlier(t.sweep.again, t.again)
	for i, fired := range woken.Fired {
		for _, notifier := range fired.Pending {
			t.dispatcher.Wake(notifier)
		}
		out := t.fired[i]
		if fired.Err != nil {
			out.err = fired.Err
		} else {
			t.armAgain(&out)
		}
		switch {
		case out.resumed != nil && out.err == nil:
			t.settleResumed(&out)
		case !out.leaving:
			t.observeSlot(fired.Key, &out)
		}
	}
}

// observeSlot counts and logs what became of a slot.
func (t *turn) observeSlot(key string, out *firedSlot) {
	kind := out.name.Kind.Text()
	if out.err != nil {
		t.Metrics.SlotFailed(kind)
		line := sampledlog.Line{Kind: "slot of " + out.name.Owner, Every: ruleLogInterval}
		if args, due := t.log.Admit(line, t.now, "slot", key, "rule", out.name.Owner, "error", out.err); due {
			t.Logger.Error("slot not fired, tried again later", args...)
		}
		return
	}
	outcome := "ended"
	switch {
	case out.row != 0:
		outcome = "sent"
	case out.moved:
		outcome = "moved"
	}
	t.observeFired(out, outcome)
	if out.gone && out.row == 0 {
		line := sampledlog.Line{Kind: "event of slot of " + out.name.Owner, Every: ruleLogInterval}
		if args, due := t.log.Admit(line, t.now, "kind", kind, "rule", out.name.Owner, "slot", key); due {
			t.Logger.Error("event deleted before its message was due: make settings.retention.events longer", args...)
		}
	}
	if leftOut, due := t.eventLines.Admit(t.now); due && out.row != 0 {
		args := t.slotArgs(key, out)
		if leftOut > 0 {
			args = append(args, "left_out", leftOut)
		}
		t.Logger.Info("slot fired", args...)
	}
}

// observeFired counts what followed from a slot.
func (t *turn) observeFired(out *firedSlot, outcome string) {
	t.Metrics.Fired(out.name.Kind.Text(), outcome)
	if out.name.Kind == flow.Digest && outcome == "sent" {
		t.Metrics.DigestSent(out.count)
	}
	t.observeResults(out.results, out.row, out.about, t.now)
	out.work.End(telemetry.Event{ID: out.row.String(), Name: out.about})
	t.logDryRun(out.row, out.made)
}

// slotArgs describe a slot that was fired, for the log.
func (t *turn) slotArgs(key string, out *firedSlot) []any {
	args := []any{"kind", out.name.Kind.Text(), "rule", out.name.Owner, "slot", key, "event", out.row.String(),
		"row", out.kind, "deliveries", len(out.made)}
	if out.count > 0 {
		args = append(args, "messages", out.count)
	}
	return args
}
