package rules

import (
	"slices"
	"sync"
	"sync/atomic"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// maxIndexed is the most kinds of events that the index holds; then it is cleared.
const maxIndexed = 4096

// index finds the rules that can match an event, so that the others need not be evaluated. It evaluates the constant
// parts of each condition once for each event name, and the rest once for each project and source. Many goroutines may
// use it.
type index struct {
	rules  []*Rule
	all    []int // the numbers of all rules
	byName lists // by event name
	byKind lists // by event name, project and source

	waiting []int // the numbers of the rules that wait
	ending  lists // of those whose waits events of this kind can end
	timing  bool  // some rule has keys of time
	slots   lists // of those that may read slots for events of this kind
}

// eventKind is the key of the index.
type eventKind struct{ name, project, source string }

// build sets the rules.
func (x *index) build(rules []*Rule) {
	x.rules, x.all = rules, make([]int, len(rules))
	for i := range rules {
		x.all[i] = i
		x.timing = x.timing || rules[i].hasTiming()
		if rules[i].After != nil {
			x.waiting = append(x.waiting, i)
		}
	}
}

// enders returns the numbers of the rules whose waits ev can end, in file order. Callers must not change the list.
func (x *index) enders(ev *event.Event) []int {
	if len(x.waiting) == 0 {
		return nil
	}
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.ending.get(kind); found {
		return list
	}
	f := condition.FactsOf(ev.Name)
	f["project_code"], f["source"] = ev.Project, ev.Source
	list := []int{}
	for _, i := range x.waiting {
		if r := x.rules[i]; isEnder(r, ev, func() bool { return r.After.Unless.CanMatch(f) }) {
			list = append(list, i)
		}
	}
	x.ending.put(kind, list)
	return list
}

// timed returns the numbers of the rules that may read slots for ev. Callers must not change the list.
func (x *index) timed(ev *event.Event) []int {
	if !x.timing {
		return nil
	}
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.slots.get(kind); found {
		return list
	}
	list := slices.Clone(x.enders(ev))
	for _, i := range x.candidates(ev) {
		if x.rules[i].hasTiming() && x.rules[i].Enabled && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	x.slots.put(kind, list)
	return list
}

// candidates returns the numbers of the rules that can match ev, in file order. Callers must not change the list.
func (x *index) candidates(ev *event.Event) []int {
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.byKind.get(kind); found {
		return list
	}
	f := condition.FactsOf(ev.Name)
	byName, found := x.byName.get(eventKind{name: ev.Name})
	if !found {
		byName = x.filter(x.all, f)
		x.byName.put(eventKind{name: ev.Name}, byName)
	}
	f["project_code"], f["source"] = ev.Project, ev.Source
	list := x.filter(byName, f)
	x.byKind.put(kind, list)
	return list
}

// filter returns the numbers of the rules that can match under f.
func (x *index) filter(numbers []int, f condition.Facts) []int {
	kept := []int{}
	for _, i := range numbers {
		if x.rules[i].Condition.CanMatch(f) {
			kept = append(kept, i)
		}
	}
	return kept
}

// lists is a map of bounded size: names of events and projects come from outside, in any number.
type lists struct {
	entries sync.Map // eventKind → []int
	size    atomic.Int64
}

func (l *lists) get(k eventKind) ([]int, bool) {
	v, found := l.entries.Load(k)
	if !found {
		return nil, false
	}
	return v.([]int), true
}

func (l *lists) put(k eventKind, list []int) {
	if l.size.Add(1) > maxIndexed {
		l.entries.Clear()
		l.size.Store(1)
	}
	l.entries.Store(k, list)
}
