package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// slotBook records the events that were acknowledged, and the messages of rules that gather, limit and wait. A message
// that comes again with the webhook-id of the first counts once.
type slotBook struct {
	mu       sync.Mutex
	finished map[int]string // the project of each run that has finished
	started  map[int]bool   // each run that has started; true means that it was aborted

	seen     map[string]bool           // webhook-ids
	again    int                       // messages that came again
	digests  map[string]map[int]int    // by the rule, in how many messages each run is
	counted  map[string]map[string]int // by the rule and project, how many messages were counted
	waits    map[int]*waitNote
	silent   map[string]int // by the project
	resumed  map[string]int
	problems []string // messages that are not expected
}

// waitNote holds the messages about a run that has not finished.
type waitNote struct {
	reminders         []string // of ops, in the order of their arrival
	pager             int
	opsOver, pageOver int // that it is over after all
}

func newSlotBook() *slotBook {
	return &slotBook{finished: map[int]string{}, started: map[int]bool{}, seen: map[string]bool{},
		digests: map[string]map[int]int{"digest": {}, "full": {}}, waits: map[int]*waitNote{},
		counted: map[string]map[string]int{"few": {}, "throttled": {}}, silent: map[string]int{}, resumed: map[string]int{}}
}

// note changes the book.
func (b *slotBook) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// slotEvent is what the test reads of an event.
type slotEvent struct {
	Name    string `json:"event_name"`
	Project string `json:"project_code"`
	Payload struct {
		ID      int
		Project string // of a feed
	}
}

// slotMessage is the default body of an http notifier.
type slotMessage struct {
	Rule, Level, Title string
	Event              *slotEvent
	Count, More        int
	Events             []slotEvent
}

// ServeHTTP receives a message.
func (b *slotBook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var m slotMessage
	err := json.NewDecoder(r.Body).Decode(&m)
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.Header.Get("Webhook-Id")
	switch {
	case err != nil || id == "":
		b.problems = append(b.problems, fmt.Sprintf("a message with the id %q that cannot be read: %v", id, err))
	case b.seen[id]:
		b.again++
	default:
		b.seen[id] = true
		b.arrive(strings.TrimPrefix(r.URL.Path, "/"), &m)
	}
}

func (b *slotBook) arrive(notifier string, m *slotMessage) {
	if m.Event != nil {
		m.Events, m.Count = []slotEvent{*m.Event}, 1
	}
	first := m.Events[0]
	rule, _, _ := strings.Cut(m.Rule, "-")
	switch {
	case first.Name == "relay.silent":
		b.silent[first.Payload.Project]++
	case first.Name == "relay.resumed":
		b.resumed[first.Payload.Project]++
	case b.digests[rule] != nil:
		for _, ev := range m.Events {
			b.digests[rule][ev.Payload.ID]++
		}
		if m.Count != len(m.Events) || m.More != 0 {
			b.problems = append(b.problems, fmt.Sprintf("%s lists %d of %d events, and %d more", rule, len(m.Events),
				m.Count, m.More))
		}
	case rule == "few":
		b.counted[rule][first.Project] += m.Count
	case rule == "throttled":
		held, err := strconv.Atoi(m.Title)
		if err != nil {
			b.problems = append(b.problems, "suppressed: "+m.Title)
		}
		b.counted[rule][first.Project] += 1 + held
	case rule == "stuck":
		b.arriveLate(notifier, first.Payload.ID, m)
	default:
		b.problems = append(b.problems, fmt.Sprintf("a message of rule %q about %s", m.Rule, first.Name))
	}
}

func (b *slotBook) arriveLate(notifier string, run int, m *slotMessage) {
	w := b.waits[run]
	if w == nil {
		w = &waitNote{}
		b.waits[run] = w
	}
	switch over := m.Level == "success"; {
	case over && notifier == "ops":
		w.opsOver++
	case over:
		w.pageOver++
	case notifier == "ops":
		w.reminders = append(w.reminders, m.Title)
	default:
		w.pager++
	}
}

// check returns what is missing and what is too much, once all slots are over.
func (b *slotBook) check() (wrong []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wrong = slices.Clone(b.problems)
	projects := map[string]int{}
	for run, project := range b.finished {
		projects[project]++
		for rule, runs := range b.digests {
			if runs[run] != 1 {
				wrong = append(wrong, fmt.Sprintf("%s: run %d is in %d messages", rule, run, runs[run]))
			}
		}
	}
	for rule, runs := range b.digests {
		if len(runs) > len(b.finished) {
			wrong = append(wrong, fmt.Sprintf("%s: %d runs, and %d have finished", rule, len(runs), len(b.finished)))
		}
	}
	for rule, counts := range b.counted {
		if !maps.Equal(counts, projects) {
			wrong = append(wrong, fmt.Sprintf("%s: counted %v, want %v", rule, counts, projects))
		}
	}
	for run, aborted := range b.started {
		if text := b.waits[run].wrong(aborted); text != "" {
			wrong = append(wrong, fmt.Sprintf("stuck: run %d (aborted: %v): %s", run, aborted, text))
		}
	}
	for project := range b.silent {
		if b.silent[project] != b.resumed[project]+1 {
			wrong = append(wrong, fmt.Sprintf("feed %s: silent %d times, resumed %d times", project, b.silent[project],
				b.resumed[project]))
		}
	}
	if len(b.silent) != slotFeeds {
		wrong = append(wrong, fmt.Sprintf("%d feeds fell silent, want %d", len(b.silent), slotFeeds))
	}
	return wrong
}

// wrong returns what is wrong with the messages about a run, or "".
func (w *waitNote) wrong(aborted bool) string {
	if w == nil {
		w = &waitNote{}
	}
	told := slices.Sorted(slices.Values(w.reminders))
	n := len(told)
	paged := 0 // with the first reminder
	if n > 1 {
		paged = 1
	}
	over, pageOver := 0, 0
	if aborted {
		over, pageOver = min(n, 1), paged
	}
	switch {
	case !aborted && n != slotReminders+1, n > slotReminders+1, !slices.Equal(told, []string{"0", "1", "2"}[:min(n, 3)]):
		return fmt.Sprintf("reminders %v", w.reminders)
	case w.pager != paged:
		return fmt.Sprintf("%d reminders, escalated %d times", n, w.pager)
	case w.opsOver != over || w.pageOver != pageOver:
		return fmt.Sprintf("%d reminders, escalated %d times, over: %d and %d", n, w.pager, w.opsOver, w.pageOver)
	}
	return ""
}

// report returns the counts.
func (b *slotBook) report() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	aborted, told, silent := 0, 0, 0
	for _, is := range b.started {
		if is {
			aborted++
		}
	}
	for _, w := range b.waits {
		told += len(w.reminders) + w.pager + w.opsOver + w.pageOver
	}
	for _, n := range b.silent {
		silent += n
	}
	return fmt.Sprintf("%d runs finished, %d started and %d of them aborted; %d messages, %d of them about waits, and %d "+
		"silences of feeds; %d messages again, with the webhook-id of the first", len(b.finished), len(b.started), aborted,
		len(b.seen), told, silent, b.again)
}
