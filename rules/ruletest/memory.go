package ruletest

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/silence"
)

// Memory holds the values between the events of a simulation, as a store does: values expire, and slots fire when they
// are due. It is bounded: beyond 64 MiB it drops the values that were neither read nor written for longest, but no slot
// that is to fire. The zero value is empty. It is for one goroutine.
type Memory struct {
	// Dropped reports whether values were dropped that had not expired.
	Dropped bool
	// Silences hold messages back. Nil has none.
	Silences *silence.List

	fresh, stale map[string]rules.Change // fresh was used since stale was filled
	size         int                     // bytes of fresh

	armed  map[string]rules.Change // slots with a due time
	queue  dueQueue                // their times, also earlier ones
	items  map[string][]item       // of slots
	events map[string]*event.Event // that slots are about, by id
	ids    int                     // of events so far
}

// item is an entry in the list of a slot.
type item struct {
	event string
	data  []byte
}

// Wake is the decision about a slot that was due.
type Wake struct {
	At       time.Time
	Slot     flow.Name
	Decision rules.Decision
}

const (
	maxFresh      = 32 << 20
	entryOverhead = 150 // approximate bytes of an entry beside its key and value
	maxItems      = 1000
	// spareEvents is how many events are kept that no slot is about any more.
	spareEvents = 1000
)

// Decide lets an event happen at a time: slots that are due by then fire, the rules decide, and the changes are stored.
// Slots that are due at once because of the event fire too. wakes are in the order of their times.
func (m *Memory) Decide(set *rules.Set, ev *event.Event, now time.Time) (d rules.Decision, wakes []Wake) {
	wakes = m.Pass(set, now)
	state := m.State(now)
	d = set.Decide(ev, state)
	m.ids++
	m.apply(state.EventID, ev, &d)
	return d, append(wakes, m.Pass(set, now)...)
}

// Arm stores the slots that the rules need without any event, from a time on. It is called once, before the first event.
func (m *Memory) Arm(set *rules.Set, now time.Time) {
	for _, c := range set.Armed(now, false) {
		m.put(c)
	}
}

// State returns the state for a decision about the next event, at a time.
func (m *Memory) State(now time.Time) rules.State {
	return rules.State{Now: now, Exact: true, Silences: m.Silences, EventID: fmt.Sprintf("event-%d", m.ids+1),
		Get: func(key string) ([]byte, error) { return m.get(key, now), nil }}
}

// clone returns a copy, for a look at the state that a later event changes.
func (m *Memory) clone() *Memory {
	c := *m
	c.fresh, c.stale, c.armed = maps.Clone(m.fresh), maps.Clone(m.stale), maps.Clone(m.armed)
	return &c
}

// maxWakes bounds the slots that fire in one call of Pass: rules whose slots are due again at once would never end.
const maxWakes = 100_000

// Pass lets time pass: the slots that are due until a time fire, in the order of their times and keys.
func (m *Memory) Pass(set *rules.Set, until time.Time) (wakes []Wake) {
	for range maxWakes {
		c, found := m.nextDue(until)
		if !found {
			break
		}
		if w, known := m.fire(set, c); known {
			wakes = append(wakes, w)
		}
	}
	return wakes
}

// nextDue returns the first slot that is due until a time.
func (m *Memory) nextDue(until time.Time) (next rules.Change, found bool) {
	for len(m.queue) > 0 && !m.queue[0].Due.After(until) {
		next = heap.Pop(&m.queue).(rules.Change)
		if armed, is := m.armed[next.Key]; is && armed.Due.Equal(next.Due) { // it was not moved since
			return armed, true
		}
	}
	return next, false
}

// dueQueue is a heap of slots by their times and keys.
type dueQueue []rules.Change

func (q dueQueue) Len() int { return len(q) }
func (q dueQueue) Less(i, j int) bool {
	return cmp.Or(q[i].Due.Compare(q[j].Due), cmp.Compare(q[i].Key, q[j].Key)) < 0
}
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(c any)   { *q = append(*q, c.(rules.Change)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// fire lets the rules decide about a slot that is due.
func (m *Memory) fire(set *rules.Set, c rules.Change) (w Wake, known bool) {
	name, ok := flow.Parse(c.Key)
	if !ok || !set.Knows(name) {
		delete(m.armed, c.Key)
		return w, false
	}
	woken := rules.Woken{Key: c.Key, Value: c.Value, Due: c.Due}
	for _, it := range m.items[c.Key] {
		woken.Items = append(woken.Items, rules.Member{Event: m.events[it.event], Data: it.data})
	}
	for _, id := range set.Needs(woken).Events {
		if ev := m.events[id]; ev != nil {
			woken.Events = append(woken.Events, ev)
		}
	}
	d := set.Wake(woken, m.State(c.Due))
	if !slices.ContainsFunc(d.Changes, func(own rules.Change) bool { return own.Key == c.Key }) {
		delete(m.armed, c.Key) // it would fire for ever
	}
	m.apply("", nil, &d)
	return Wake{c.Due, name, d}, true
}

// apply stores what was decided.
func (m *Memory) apply(id string, ev *event.Event, d *rules.Decision) {
	isSlot := false
	for _, c := range d.Changes {
		m.put(c)
		_, named := flow.Parse(c.Key)
		isSlot = isSlot || named
	}
	for _, it := range d.Items {
		isSlot = true
		if m.items == nil {
			m.items = map[string][]item{}
		}
		if len(m.items[it.Key]) < maxItems {
			m.items[it.Key] = append(m.items[it.Key], item{cmp.Or(it.Event, id), it.Data})
		}
	}
	if isSlot && ev != nil {
		m.keep(id, ev)
	}
}

// keep keeps an event for the slots that are about it, and drops those that no slot is about.
func (m *Memory) keep(id string, ev *event.Event) {
	if m.events == nil {
		m.events = map[string]*event.Event{}
	}
	if len(m.events) > 2*(len(m.armed)+spareEvents) {
		needed := map[string]bool{}
		for _, list := range m.items {
			for _, it := range list {
				needed[it.event] = true
			}
		}
		for _, c := range m.armed {
			_, ids := flow.NeedsOf(c.Key, c.Value)
			for _, id := range ids {
				needed[id] = true
			}
		}
		for id := range m.events {
			if !needed[id] {
				delete(m.events, id)
			}
		}
	}
	m.events[id] = ev
}

// Open returns how many slots of each kind are to fire.
func (m *Memory) Open() map[flow.Kind]int {
	open := map[flow.Kind]int{}
	for key := range m.armed {
		if name, ok := flow.Parse(key); ok {
			open[name.Kind]++
		}
	}
	return open
}

func (m *Memory) get(key string, now time.Time) []byte {
	if c, ok := m.armed[key]; ok {
		return c.Value
	}
	c, ok := m.fresh[key]
	if !ok {
		if c, ok = m.stale[key]; ok {
			m.put(c)
		}
	}
	if !ok || !c.Expires.IsZero() && !c.Expires.After(now) {
		return nil
	}
	return c.Value
}

func (m *Memory) put(c rules.Change) {
	if c.Value == nil {
		delete(m.items, c.Key)
	}
	if delete(m.armed, c.Key); c.Value != nil && !c.Due.IsZero() {
		if m.armed == nil {
			m.armed = map[string]rules.Change{}
		}
		m.armed[c.Key] = c
		heap.Push(&m.queue, rules.Change{Key: c.Key, Due: c.Due})
		c.Value = nil // in fresh and stale
	}
	if m.fresh == nil {
		m.fresh = map[string]rules.Change{}
	}
	m.size += sizeOf(c)
	if old, ok := m.fresh[c.Key]; ok {
		m.size -= sizeOf(old)
	}
	m.fresh[c.Key] = c
	if m.size > maxFresh {
		m.Dropped = m.Dropped || len(m.stale) > 0
		m.stale, m.fresh, m.size = m.fresh, nil, 0
	}
}

func sizeOf(c rules.Change) int { return len(c.Key) + len(c.Value) + entryOverhead }
