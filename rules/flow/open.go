package flow

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// KindHold is a digest that waits for a window of time to open.
const KindHold = "hold"

// HoldText is in the value of each digest that waits for a window of time to open, and of no other one.
const HoldText = `"hold":true`

// OpenKinds lists the kinds of slots that people see.
func OpenKinds() []string {
	return []string{Digest.Text(), KindHold, Wait.Text(), Feed.Text(), Event.Text()}
}

// KindsOf returns the kinds of slots that a kind which people see may be; all for "".
func KindsOf(open string) []Kind {
	switch open {
	case Digest.Text(), KindHold:
		return []Kind{Digest}
	case Wait.Text():
		return []Kind{Wait}
	case Feed.Text():
		return []Kind{Feed}
	case Event.Text():
		return []Kind{Event}
	}
	return []Kind{Digest, Wait, Feed, Event}
}

// Open is a slot as people see it.
type Open struct {
	ID       string
	Kind     string // one of OpenKinds
	Owner    string // the name of its rule, or for a feed and for events of the source
	Key      string // what tells it from others of its owner
	Since    time.Time
	Due      time.Time
	Count    int // of messages in a digest, or of events; 1 for a wait
	Notifier string
	Title    string    // of the entity that a wait is about
	Event    string    // the id of the event that has started a wait, or of the first that waits
	Sent     int       // messages that a wait has sent
	Silenced time.Time // until when a silence has postponed a wait
	Fault    Fault
}

// ID returns the id of a wait or a feed, which is short and stays the same. That of a digest is in its value.
func ID(key string) string { return Hash(key)[:16] }

// ReadOpen reads a slot. ok is false for one that people do not see.
func ReadOpen(key string, value []byte, due time.Time) (o Open, ok bool) {
	name, ok := Parse(key)
	if !ok {
		return o, false
	}
	o = Open{ID: ID(key), Kind: name.Kind.Text(), Owner: name.Owner, Due: due, Count: 1}
	var fault struct{ Fault Fault }
	if json.Unmarshal(value, &fault) == nil {
		o.Fault = fault.Fault
	}
	switch name.Kind {
	case Digest:
		return o.withDigest(value)
	case Wait:
		slot, ok := ReadWait(value)
		o.Key, o.Since, o.Title = cmp.Or(strings.Join(slot.By, ", "), slot.Entity), slot.StartedAt(), slot.Title
		o.Event, o.Sent, o.Silenced = slot.Event, slot.Told, millis(slot.Silenced)
		return o, ok
	case Feed:
		slot, ok := ReadFeed(value)
		o.Owner, o.Key = cmp.Or(slot.Source, name.Owner), cmp.Or(slot.Project, name.Hash)
		o.Since, o.Count = slot.LastAt(), 0
		return o, ok
	case Event:
		slot, ok := ReadEvents(value)
		if ok {
			o.Key, o.Title, o.Count = slot.Entity, slot.Title, len(slot.Events)
			o.Event, o.Since = slot.Events[0].ID, slot.Events[0].SinceAt()
			if end := max(slot.Events[0].Until, slot.Events[0].Named); end > 0 {
				o.Due = millis(end) // at the latest; the slot is looked at more often
			}
		}
		return o, ok
	case Throttle, Summary:
	}
	return o, false
}

func (o Open) withDigest(value []byte) (Open, bool) {
	slot, ok := ReadDigest(value)
	if slot.Hold {
		o.Kind = KindHold
	}
	o.ID, o.Key, o.Since, o.Count = slot.ID, strings.Join(slot.By, ", "), slot.OpenedAt(), slot.Count
	o.Notifier = slot.Notifier
	return o, ok
}
