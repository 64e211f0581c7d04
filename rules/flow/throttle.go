package flow

import (
	"bytes"
	"encoding/json"
	"time"
)

// ThrottleSlot is the value of a throttle: its window, and what was held back. Times are in Unix milliseconds.
type ThrottleSlot struct {
	Start int64 `json:"start"`          // of the window, which begins with the first message let through
	Sent  int   `json:"sent"`           // messages let through in the window
	Held  int   `json:"held,omitempty"` // messages held back since the last one that was let through
	Since int64 `json:"since,omitempty"`
	// Event is the newest event whose message was held back, and Entity the key of its entity; for send_last.
	Event  string `json:"event,omitempty"`
	Entity string `json:"entity,omitempty"`
	// Step is the number, from 1, of the step of a wait whose message that was, and Started when the wait began.
	Step    int      `json:"step,omitempty"`
	Started int64    `json:"started,omitempty"`
	By      []string `json:"by,omitempty"` // for people
}

// ThrottleLimit is how many messages a window lets through, and how long it lasts.
type ThrottleLimit struct {
	Every    time.Duration
	AtMost   int
	SendLast bool
}

// Take counts a message, and reports whether it is let through. Then held is how many were held back since the one
// before it, the first of them at since. A window that is over, and whose last message is still to be sent, counts as
// open: that message is then this one.
func (s *ThrottleSlot) Take(now time.Time, l ThrottleLimit) (sent bool, held int, since time.Time) {
	over := s.Start == 0 || !now.Before(s.End(l))
	if waits := l.SendLast && s.Held > 0 && s.Event != ""; over && !waits {
		s.Start, s.Sent = now.UnixMilli(), 0
	} else if s.Sent >= l.AtMost || over {
		if s.Held++; s.Held == 1 {
			s.Since = now.UnixMilli()
		}
		return false, 0, time.Time{}
	}
	held, since = s.Held, millis(s.Since)
	*s = ThrottleSlot{Start: s.Start, Sent: s.Sent + 1, By: s.By}
	return true, held, since
}

// DropLast forgets the last message that was held back, which is not to be sent any more. It stays in the count.
func (s *ThrottleSlot) DropLast() { s.Event, s.Entity, s.Step, s.Started = "", "", 0, 0 }

// End returns the end of the window, at which the next one may begin.
func (s *ThrottleSlot) End(l ThrottleLimit) time.Time { return millis(s.Start).Add(l.Every) }

// throttleRest is how long the count of what was held back is kept after the end of a window.
const throttleRest = 24 * time.Hour

// Expires returns when the slot is forgotten.
func (s *ThrottleSlot) Expires(l ThrottleLimit) time.Time { return s.End(l).Add(throttleRest) }

// ReadThrottle reads the value of a throttle. A missing or faulty one is empty.
func ReadThrottle(value []byte) (s ThrottleSlot) {
	if json.Unmarshal(value, &s) != nil {
		return ThrottleSlot{}
	}
	return s
}

// millis returns a time in Unix milliseconds as such, and zero as the zero time.
func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Encode returns the value of a slot.
func Encode(slot any) []byte {
	value, err := Marshal(slot)
	if err != nil { // none of the slots can fail
		panic(err)
	}
	return value
}

// Marshal returns a value as JSON, in which the JSON of options stays as it is.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}
