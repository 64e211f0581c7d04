// Package index finds the rules that can match an event.
package index

import (
	"slices"
	"strings"
	"sync"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// maxIndexed is the most kinds of events that the index holds; then it is cleared.
const maxIndexed = 4096

// Rule is what the index knows of a rule.
type Rule struct {
	Condition *condition.Condition
	Enabled   bool
	Timed     bool // it has keys of time
	Waits     bool
	Unless    *condition.Condition // ends its waits; nil for none
	OfEntity  bool                 // its waits end when the entity is deleted
	Summary   bool                 // an entry of summaries makes it; no other rule matches their events
	// Asks is set if it reads which tests failed, and UnlessAsks if the end of its wait does.
	Asks, UnlessAsks bool
	// Names is set if it reads the names of the entity or of the person who acted, and UnlessNames if the end of its wait
	// does.
	Names, UnlessNames bool
}

// Index finds the rules that can match an event, so that the others need not be evaluated. It evaluates the constant
// parts of each condition once for each event name, and the rest once for each project and source. Many goroutines may
// use it.
type Index struct {
	rules  []Rule
	all    []int // the numbers of all rules
	byName lists // by event name
	byKind lists // by event name, project and source

	waiting []int // the numbers of the rules that wait
	ending  lists // of those whose waits events of this kind can end
	timed   bool  // some rule has keys of time
	slots   lists // of those that may read slots for events of this kind
	asking  lists // of those that read which tests failed
	naming  lists // of those that read names
}

// eventKind is the key of the index.
type eventKind struct{ name, project, source string }

// Build sets the rules.
func (x *Index) Build(rules []Rule) {
	x.rules, x.all = rules, make([]int, len(rules))
	for i := range rules {
		x.all[i] = i
		x.timed = x.timed || rules[i].Timed
		if rules[i].Waits {
			x.waiting = append(x.waiting, i)
		}
	}
}

// All returns the numbers of all rules. Callers must not change the list.
func (x *Index) All() []int { return x.all }

// Enders returns the numbers of the rules whose waits ev can end, in file order. Callers must not change the list.
func (x *Index) Enders(ev *event.Event) []int {
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
		if x.rules[i].isEnder(ev, f) {
			list = append(list, i)
		}
	}
	x.ending.put(kind, list)
	return list
}

// isEnder reports whether events of this kind can end waits of the rule.
func (r *Rule) isEnder(ev *event.Event, f condition.Facts) bool {
	if !r.Enabled || ev.IsSummary() {
		return false
	}
	return r.OfEntity && strings.HasSuffix(ev.Name, ".deleted") || r.Unless != nil && r.Unless.CanMatch(f)
}

// Timed returns the numbers of the rules that may read slots for ev. Callers must not change the list.
func (x *Index) Timed(ev *event.Event) []int {
	if !x.timed {
		return nil
	}
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.slots.get(kind); found {
		return list
	}
	list := slices.Clone(x.Enders(ev))
	for _, i := range x.Candidates(ev) {
		if x.rules[i].Timed && x.rules[i].Enabled && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	x.slots.put(kind, list)
	return list
}

// Asking returns the numbers of the rules that read which tests failed and may match ev, or whose waits ev may end by
// that. Callers must not change the list.
func (x *Index) Asking(ev *event.Event) []int {
	return x.reading(ev, &x.asking, func(r *Rule) (own, unless bool) { return r.Asks, r.UnlessAsks })
}

// Naming returns the numbers of the rules that read the names of an event's entity or of the person who acted and may
// match ev, or whose waits ev may end by that. Callers must not change the list.
func (x *Index) Naming(ev *event.Event) []int {
	return x.reading(ev, &x.naming, func(r *Rule) (own, unless bool) { return r.Names, r.UnlessNames })
}

// reading returns the numbers of the rules that read something and may match ev, or whose waits ev may end by that.
func (x *Index) reading(ev *event.Event, cache *lists, reads func(*Rule) (own, unless bool)) []int {
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := cache.get(kind); found {
		return list
	}
	list := []int{}
	candidates, enders := x.Candidates(ev), x.Enders(ev)
	for i := range x.rules {
		own, unless := reads(&x.rules[i])
		if x.rules[i].Enabled && (own && slices.Contains(candidates, i) || unless && slices.Contains(enders, i)) {
			list = append(list, i)
		}
	}
	cache.put(kind, list)
	return list
}

// Candidates returns the numbers of the rules that can match ev, in file order. Callers must not change the list.
func (x *Index) Candidates(ev *event.Event) []int {
	kind := eventKind{ev.Name, ev.Project, ev.Source}
	if list, found := x.byKind.get(kind); found {
		return list
	}
	f := condition.FactsOf(ev.Name)
	byName, found := x.byName.get(eventKind{name: ev.Name})
	if !found {
		byName = x.filter(x.takers(ev), f)
		x.byName.put(eventKind{name: ev.Name}, byName)
	}
	f["project_code"], f["source"] = ev.Project, ev.Source
	list := x.filter(byName, f)
	x.byKind.put(kind, list)
	return list
}

// takers returns the numbers of the rules whose conditions are asked about ev.
func (x *Index) takers(ev *event.Event) []int {
	if !ev.IsSummary() {
		return x.all
	}
	return slices.DeleteFunc(slices.Clone(x.all), func(i int) bool { return !x.rules[i].Summary })
}

// filter returns the numbers of the rules that can match under f.
func (x *Index) filter(numbers []int, f condition.Facts) []int {
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
	lock    sync.RWMutex
	entries map[eventKind][]int
}

func (l *lists) get(k eventKind) (list []int, found bool) {
	l.lock.RLock()
	defer l.lock.RUnlock()
	list, found = l.entries[k]
	return list, found
}

func (l *lists) put(k eventKind, list []int) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.entries == nil || len(l.entries) >= maxIndexed {
		l.entries = map[eventKind][]int{}
	}
	l.entries[k] = list
}

// Join returns the names of two lists, each once, in an order that is that of both as far as they agree. The names that
// only the second has stand behind those that they follow there.
func Join(first, second []string) []string {
	joined, at := slices.Clone(first), 0
	for _, name := range second {
		if i := slices.Index(joined, name); i >= 0 {
			at = i + 1
			continue
		}
		joined = slices.Insert(joined, at, name)
		at++
	}
	return joined
}
