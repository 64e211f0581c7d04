package flow

import (
	"encoding/json"
	"time"
)

// FeedSlot is the value of a feed: a project of a source from which events are expected. Times are in Unix milliseconds.
type FeedSlot struct {
	Source  string `json:"source"`
	Project string `json:"project"`
	Last    int64  `json:"last"`            // when the last event came, or when the feed was first expected
	Event   string `json:"event,omitempty"` // the name of that event
	Never   bool   `json:"never,omitempty"` // no event has come yet
	Silent  int64  `json:"silent,omitempty"`
	Resumed bool   `json:"resumed,omitempty"` // an event has come that is still to be told
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

// SilentAt returns when the silence was told first, or the zero time.
func (s *FeedSlot) SilentAt() time.Time { return millis(s.Silent) }

// DueAt returns when the feed is looked at, or the zero time.
func (s *FeedSlot) DueAt() time.Time { return millis(s.Due) }
