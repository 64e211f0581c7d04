// Package recap is about the entries of summaries: the periods that they are about, and what became of the tests of a
// project in one.
package recap

import (
	"slices"
	"time"

	"qaserelay/rules/failures"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/memory"
)

// The events that the relay makes about the runs of a project in a day or a week.
const (
	Daily  = "summary.daily"
	Weekly = "summary.weekly"
)

// Entry is an entry of summaries: at its times the relay makes an event about the runs of a project.
type Entry struct {
	Name            string
	At              *window.Times
	Times           []string // At as it is written, with its time zone
	Weekly          bool     // At is one time a week
	Source, Project string
	Plans           []string // ids; none means all runs
	Always          bool     // it is sent also if no run has ended
}

// Event returns the name of the event.
func (e *Entry) Event() string {
	if e.Weekly {
		return Weekly
	}
	return Daily
}

// has reports whether runs of a series belong to the summary.
func (e *Entry) has(one *memory.Series) bool {
	return len(e.Plans) == 0 || slices.Contains(e.Plans, one.Plan)
}

// Period returns the last period that has ended by now: from the time before to the last one, which is not before due.
func (e *Entry) Period(due, now time.Time) (from, to time.Time) {
	to = due
	for next := e.At.Next(to); !next.After(now); next = e.At.Next(to) {
		to = next
	}
	from = e.At.Next(to.AddDate(0, 0, -15))
	for next := e.At.Next(from); next.Before(to); next = e.At.Next(from) {
		from = next
	}
	return from, to
}

// Payload returns the payload of the event about a period, of which the times and texts for people are set, and how many
// runs ended in it. get reads what is stored.
func (e *Entry) Payload(of failures.Period, get func(key string) []byte) (payload map[string]any, runs int) {
	of.Project = e.Project
	for _, one := range memory.ReadSeries(get(memory.SeriesListKey(e.Source, e.Project))) {
		if e.has(&one) {
			of.Series = append(of.Series, failures.Ran{Title: one.Title, Environment: one.Environment,
				History: failures.ReadHistory(get(one.Key))})
		}
	}
	payload, runs = of.Payload()
	payload["summary"], payload["source"] = e.Name, e.Source
	return payload, runs
}
