package rules

import (
	"sync"
	"sync/atomic"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// maxIndexed is how many kinds of events the index remembers before it starts anew.
const maxIndexed = 4096

// index finds the rules that can match an event, so that the others need not be evaluated. It folds each condition
// once for each event name, and what is left once for each project and source. It may be used from many goroutines.
type index struct {
	rules []*Rule
	All   []int // the numbers of all rules
	names lists // by event name
	Kinds lists // by event name, project and source
}

// eventKind is what the index knows an event by.
type eventKind struct{ Name, Project, Source string }

// candidates returns the numbers of the rules that can match ev, in file order. It is shared: do not change it.
func (x *index) candidates(ev *event.Event) []int {
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.Kinds.get(kind); found {
		return list
	}
	f := condition.FactsOf(ev.Name)
	byName, found := x.names.get(eventKind{Name: ev.Name})
	if !found {
		byName = x.filter(x.All, f)
		x.names.Put(eventKind{Name: ev.Name}, byName)
	}
	f["project_code"], f["source"] = ev.Project, ev.Source
	list := x.filter(byName, f)
	x.Kinds.Put(kind, list)
	return list
}

// Build takes the rules that are to be found.
func (x *index) Build(rules []*Rule) {
	x.rules, x.All = rules, make([]int, len(rules))
	for i := range rules {
		x.All[i] = i
	}
}

// filter returns those of the numbered rules that can match under f.
func (x *index) filter(numbers []int, f condition.Facts) []int {
	kept := []int{}
	for _, i := range numbers {
		if condition.CanMatch(x.rules[i].When.Tree, f) {
			kept = append(kept, i)
		}
	}
	return kept
}

// lists is a map of bounded size. Names of events and projects come from outside, so there may be any number of them.
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

func (l *lists) Put(k eventKind, list []int) {
	if l.size.Add(1) > maxIndexed {
		l.entries.Clear()
		l.size.Store(1)
	}
	l.entries.Store(k, list)
}
