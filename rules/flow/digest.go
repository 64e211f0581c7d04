package flow

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// DigestSlot is the value of an open digest. Its members are the items of the slot.
type DigestSlot struct {
	ID     string `json:"id"`     // decisions of members name it
	Opened int64  `json:"opened"` // when its window opened, in Unix milliseconds
	Last   int64  `json:"last"`   // when its newest member came
	Count  int    `json:"count"`  // of all members
	Listed int    `json:"listed"` // of those that are items
	Full   bool   `json:"full,omitempty"`
	// Behind is the hash of the digest that was full when this one was opened, the first of them.
	Behind string `json:"behind,omitempty"`
	Hold   bool   `json:"hold,omitempty"` // it waits for a window of time, not for further members
	// Due is when it leaves, in Unix milliseconds, by the rule as it was when the window opened.
	Due int64 `json:"due"`
	// Longest is when it leaves at the latest, however many members follow each other.
	Longest int64    `json:"longest,omitempty"`
	By      []string `json:"by,omitempty"` // for people
	// Counted reports that it is one of the open digests of its rule that have a limit (see [CountKey]).
	Counted bool `json:"counted,omitempty"`
	// Target is the number of the entry of notify, and Notifier its notifier. The entry is the rule's, or, with the number
	// of a step of its wait, from 1, that of the step.
	Target   int    `json:"target"`
	Step     int    `json:"step,omitempty"`
	Notifier string `json:"notifier"`
	// Options are the rendered options that say where the message goes.
	Options json.RawMessage `json:"options,omitempty"`
	Person  string          `json:"person,omitempty"`
	Mention []any           `json:"mention,omitempty"` // of all members
	Level   string          `json:"level,omitempty"`   // the worst of the members
	Newest  string          `json:"newest,omitempty"`  // the id of the newest member's event
	Entity  string          `json:"entity,omitempty"`  // the key of its entity
	// Several reports that members are about different entities.
	Several bool   `json:"several,omitempty"`
	Source  string `json:"source,omitempty"`  // of the first member
	Project string `json:"project,omitempty"` // of all members, or empty
}

// Other is the value of by of the digest that messages share when their rule has too many.
const Other = "(other)"

// CountKey returns the key of the number of open digests of a rule.
func CountKey(isDry bool, rule string) string {
	if isDry {
		return prefix + dry + "n/" + rule
	}
	return prefix + "n/" + rule
}

// IsShared reports whether it is the digest that messages share when their rule has too many.
func (s *DigestSlot) IsShared() bool { return slices.Equal(s.By, []string{Other}) }

// maxMentions is how many people a digest mentions.
const maxMentions = 20

// Joining is what a digest keeps of a member that joins it.
type Joining struct {
	Source, Project, Entity, Level string
	Mention                        []any
}

// Join counts a member.
func (s *DigestSlot) Join(m Joining) {
	s.Count++
	switch {
	case s.Count == 1:
		s.Source, s.Project = m.Source, m.Project
	case m.Project != s.Project:
		s.Project = ""
	}
	s.Several = s.Several || s.Count > 1 && s.Entity != m.Entity
	s.Entity = m.Entity
	if s.Level == "" || message.Worse(m.Level, s.Level) {
		s.Level = m.Level
	}
	for _, one := range m.Mention {
		if len(s.Mention) < maxMentions && !slices.Contains(s.Mention, one) {
			s.Mention = append(s.Mention, one)
		}
	}
}

// Left returns the digest of some of its members, by the same rule and at the same times.
func (s *DigestSlot) Left(members []Joining) DigestSlot {
	left := *s
	left.Count, left.Level, left.Mention, left.Several = 0, "", nil, false
	for _, m := range members {
		left.Join(m)
	}
	return left
}

// ReadDigest reads the value of a digest. ok is false for a missing or faulty one.
func ReadDigest(value []byte) (s DigestSlot, ok bool) {
	if len(value) == 0 || json.Unmarshal(value, &s) != nil {
		return DigestSlot{}, false
	}
	return s, true
}

// OpenedAt returns when the window opened.
func (s *DigestSlot) OpenedAt() time.Time { return millis(s.Opened) }

// DueAt returns when the digest leaves.
func (s *DigestSlot) DueAt() time.Time { return millis(s.Due) }

// LastAt returns when the newest member came.
func (s *DigestSlot) LastAt() time.Time { return millis(s.Last) }

// maxBody is how many bytes of events the body of a digest has.
const maxBody = 900 << 10

// Body returns the body of the event that a digest makes, by its name, with the bodies of the events of its members as
// Qase sent them, as far as there is room.
func (s *DigestSlot) Body(name string, now time.Time, bodies [][]byte) []byte {
	var events [][]byte
	size := 0
	for _, body := range bodies {
		if !json.Valid(body) {
			continue
		}
		if size += len(body); size > maxBody {
			break
		}
		events = append(events, body)
	}
	out := fmt.Appendf(nil, `{"event_name":%q,"timestamp":%d,"payload":{},"project_code":`, name, now.Unix())
	out = value.AppendJSON(out, s.Project)
	out = fmt.Appendf(out, `,"count":%d,"more":%d,"events":[`, s.Count, s.Count-len(events))
	for i, body := range events {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, body...)
	}
	return append(out, "]}"...)
}
