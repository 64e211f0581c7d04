package flow

import (
	"encoding/json"
	"time"
)

// SummarySlot is the value of a summary that is sent at its times, also if nothing has come. Times are in Unix
// milliseconds.
type SummarySlot struct {
	// Since is when the summary before was sent, or when the slot was armed.
	Since int64 `json:"since"`
	// Seen is when a message for it came last; zero for one that is sent whether or not a message ever came.
	Seen     int64           `json:"seen,omitempty"`
	By       []string        `json:"by,omitempty"` // for people
	Target   int             `json:"target"`       // as in DigestSlot
	Step     int             `json:"step,omitempty"`
	Notifier string          `json:"notifier"`
	Options  json.RawMessage `json:"options,omitempty"`
	Person   string          `json:"person,omitempty"`
	Source   string          `json:"source,omitempty"`
	Project  string          `json:"project,omitempty"`
	Due      int64           `json:"due"`
}

// ReadSummary reads the value of a summary. ok is false for a missing or faulty one.
func ReadSummary(value []byte) (s SummarySlot, ok bool) {
	if len(value) == 0 || json.Unmarshal(value, &s) != nil {
		return SummarySlot{}, false
	}
	return s, true
}

// Summary returns the summary that is due when no message has come for the place of a digest. Without by it is about
// all projects.
func (s *DigestSlot) Summary(now, due time.Time) SummarySlot {
	summary := SummarySlot{Since: now.UnixMilli(), By: s.By, Target: s.Target, Step: s.Step, Notifier: s.Notifier,
		Options: s.Options, Person: s.Person, Source: s.Source, Due: due.UnixMilli()}
	if len(s.By) > 0 {
		summary.Project = s.Project
	}
	return summary
}

// SinceAt returns when the summary before was sent.
func (s *SummarySlot) SinceAt() time.Time { return millis(s.Since) }

// DueAt returns when the next summary is sent.
func (s *SummarySlot) DueAt() time.Time { return millis(s.Due) }

// SeenAt returns when a message for it came last.
func (s *SummarySlot) SeenAt() time.Time { return millis(s.Seen) }
