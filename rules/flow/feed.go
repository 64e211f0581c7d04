package flow

import (
	"encoding/json"
	"slices"
	"time"

	"qaserelay/rules/flow/window"
	"qaserelay/rules/value"
)

// Expected is a source whose projects are expected to send events.
type Expected struct {
	Source   string
	Every    time.Duration
	In       *window.Window // only its open time counts; nil for all
	Events   []string       // the events that count; none means all
	Projects []string       // the projects that are expected from the start; others are once they have sent an event
	Only     bool           // no other projects are expected
	Repeat   time.Duration  // the silence is reported again after so long; zero reports it once
}

// Expects reports whether events of a project are expected.
func (f *Expected) Expects(project string) bool {
	return project != "" && (!f.Only || slices.Contains(f.Projects, project))
}

// SilentFrom returns when a feed counts as silent without a further event.
func (f *Expected) SilentFrom(last time.Time) time.Time {
	if f.In != nil {
		return f.In.Add(last, f.Every)
	}
	return last.Add(f.Every)
}

// FeedSlot is the value of a feed: a project of a source from which events are expected. Times are in Unix milliseconds.
type FeedSlot struct {
	Source  string `json:"source"`
	Project string `json:"project"`
	Last    int64  `json:"last"`            // when the last event came, or when the feed was first expected
	Event   string `json:"event,omitempty"` // the name of that event
	Never   bool   `json:"never,omitempty"` // no event has come yet
	Silent  int64  `json:"silent,omitempty"`
	Resumed bool   `json:"resumed,omitempty"` // an event has come that is still to be told
	Before  int64  `json:"before,omitempty"`  // when the last event before that one came
	Due     int64  `json:"due,omitempty"`
}

// ReadFeed reads the value of a feed. ok is false for a missing or faulty one.
func ReadFeed(value []byte) (s FeedSlot, ok bool) {
	if len(value) == 0 || json.Unmarshal(value, &s) != nil {
		return FeedSlot{}, false
	}
	return s, true
}

// LastAt returns when the last event came.
func (s *FeedSlot) LastAt() time.Time { return millis(s.Last) }

// SilentAt returns when the silence was reported first, or the zero time.
func (s *FeedSlot) SilentAt() time.Time { return millis(s.Silent) }

// DueAt returns when the feed is looked at, or the zero time.
func (s *FeedSlot) DueAt() time.Time { return millis(s.Due) }

// Share is the part of the expected time within which a further event does not change a feed.
const Share = 20

// Touch notes an event that came, and returns when the feed is looked at next. Unless exact is set, further events do not
// change the slot for a while.
func (s *FeedSlot) Touch(f *Expected, event string, now time.Time, exact bool) (due time.Time) {
	if s.Silent != 0 && !s.Resumed {
		s.Before = s.Last
	}
	s.Last, s.Event, s.Never = now.UnixMilli(), event, false
	due = f.SilentFrom(now)
	if !exact {
		due = due.Add(f.Every / Share)
	}
	if s.Silent != 0 {
		s.Resumed, due = true, now
	}
	s.Due = due.UnixMilli()
	return due
}

// Payload returns the payload of the event about the feed. Times are in a zone.
func (s *FeedSlot) Payload(f *Expected, now time.Time, zone *time.Location) map[string]any {
	last := s.LastAt().In(zone)
	silent := now.Sub(last)
	payload := map[string]any{"source": s.Source, "project": s.Project, "last_event_at": last.Format(time.RFC3339),
		"last_event": s.Event, "every": value.HumanDuration(f.Every)}
	if s.Never {
		payload["last_event"], payload["last_event_at"] = nil, nil
	}
	if s.Resumed {
		silent = last.Sub(millis(s.Before))
	}
	payload["silent_for"] = int(max(0, silent).Seconds())
	return payload
}
