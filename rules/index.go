package rules

import (
	"sync"
	"sync/atomic"
)

// maxIndexed is how many kinds of events the index remembers before it starts anew.
const maxIndexed = 4096

// index finds the rules that can match an event, so that the others need not be evaluated. It folds each condition
// once for each event name, and what is left once for each project and source. It may be used from many goroutines.
type index struct {
	rules []*rule
	all   []int // the numbers of all rules
	names lists // by event name
	kinds lists // by event name, project and source
}

// eventKind is what the index knows an event by.
type eventKind struct{ name, project, source string }

// candidates returns the numbers of the rules that can match ev, in file order. It is shared: do not change it.
func (x *index) candidates(ev *Event) []int {
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.kinds.get(kind); found {
		return list
	}
	f := factsOf(ev.Name)
	byName, found := x.names.get(eventKind{name: ev.Name})
	if !found {
		byName = x.filter(x.all, f)
		x.names.put(eventKind{name: ev.Name}, byName)
	}
	f["project_code"], f["source"] = ev.Project, ev.Source
	list := x.filter(byName, f)
	x.kinds.put(kind, list)
	return list
}

// build takes the rules that are to be found.
func (x *index) build(rules []*rule) {
	x.rules, x.all = rules, make([]int, len(rules))
	for i := range rules {
		x.all[i] = i
	}
}

// filter returns those of the numbered rules that can match under f.
func (x *index) filter(numbers []int, f facts) []int {
	kept := []int{}
	for _, i := range numbers {
		if canMatch(x.rules[i].when.tree, f) {
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

func (l *lists) put(k eventKind, list []int) {
	if l.size.Add(1) > maxIndexed {
		l.entries.Clear()
		l.size.Store(1)
	}
	l.entries.Store(k, list)
}
