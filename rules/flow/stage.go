package flow

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Stage is what one stage did with the messages of a rule.
type Stage struct {
	Stage string     `json:"stage"` // throttle, active, group, after or silence
	Text  string     `json:"text"`  // for people
	Key   string     `json:"key,omitempty"`
	Due   *time.Time `json:"due,omitempty"`
	// Slot is the id of the digest or wait, by which a relay can show it.
	Slot string `json:"slot,omitempty"`
}

// String returns the stage as one line.
func (s Stage) String() string {
	if s.Key == "" {
		return s.Stage + ": " + s.Text
	}
	return s.Stage + " " + s.Key + ": " + s.Text
}

// Room is the greatest length of a text for a notifier.
type Room struct {
	Most  int
	Line  int  // what the layout adds to each line
	Bytes bool // it is counted in bytes of UTF-8, else in units of UTF-16
}

// Size returns the length of Markdown, in which the characters are counted that become longer in HTML and the like.
func (r Room) Size(text string) (n int) {
	for _, c := range text {
		switch {
		case strings.ContainsRune("&<>", c):
			n += len("&amp;")
		case r.Bytes:
			n += utf8.RuneLen(c)
		default:
			n += utf16.RuneLen(c)
		}
	}
	return n
}
