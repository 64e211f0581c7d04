package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SlotPrefix begins the keys of slots, and DrySlotPrefix those of slots that a dry run has made.
const (
	SlotPrefix    = "slot:"
	DrySlotPrefix = SlotPrefix + "dry/"
)

// DueNotification is the name that Notifications delivers when another relay has stored a slot that is due earlier than
// all others. It is not the name of a notifier.
const DueNotification = "\x00due"

// MaxItems is the most items of a slot that Wake reads. Further ones are deleted with it, unread.
const MaxItems = 1000

// Slots are kept keys that have something done when their time comes: an open digest, a wait, or a throttle that has
// held something back. A slot is a key with SlotPrefix. A Change with a due time arms it, one without disarms it, and
// one without a value deletes it together with its items. A slot with a due time does not expire before.
//
// Firing a slot is one transaction, with all that follows from it, and has no effect outside of the store: whichever
// relay comes first fires it, and if that relay ends before the commit, another one does.
type Slots interface {
	// Now is the time by the clock of the store, which is the same for all relays that use it.
	Now() time.Time
	// NextWake returns the first due time of a slot after a time, or the zero time if there is none. Slots of dry runs
	// count only if dry is set, and the others only if it is not.
	NextWake(ctx context.Context, after time.Time, dry bool) (time.Time, error)
	// Wake fires slots that are due. In one transaction, it reads the first of them, calls decide for each in the order
	// of due time and key, and stores what decide returns. decide must be pure, as for Accept. Its error is given to
	// that slot alone, which stays as it is.
	//
	// If another relay is at it, Wake returns at once, and the result says so. If the transaction fails, no slot is
	// changed.
	Wake(ctx context.Context, w Wake) (Woken, error)
	// SwapSlot changes a slot, or deletes it with its items if the new value is nil, provided that its value is still old
	// (nil: the slot does not exist). It reports whether it did. It comes before or after each firing of the slot, and
	// each event that concerns it.
	SwapSlot(ctx context.Context, old []byte, c Change) (bool, error)
	OpenSlots
}

// Wake is a request to fire slots that are due.
type Wake struct {
	Dry bool // those of dry runs, and no others
	// Only are the keys of the slots that are looked at, whether or not they are due. None is all that are due.
	Only []string
	// After is the last slot that an earlier call has looked at; this one begins behind it. The zero value begins with
	// the first that is due.
	After SlotRef
	Limit int           // how many slots are looked at, at most
	Bytes int           // about how much their items and events may have; zero is any. The first slot is read anyway
	Time  time.Duration // after so long, no further slot is decided; zero is any time
	// Keys returns further keys that decide will ask for, so that they are read together. It may be nil.
	Keys func(s *Slot) []string
	// Events returns events that decide needs beside those of the items. It may be nil.
	Events func(s *Slot) []ID
	// Decide decides about the i-th slot of this call. get is that of a [Decide].
	Decide func(i int, s *Slot, get func(key string) ([]byte, error)) (Firing, error)
}

// Call calls Decide, and turns a panic or a result that cannot be stored into an error.
func (w *Wake) Call(i int, s *Slot, get func(key string) ([]byte, error)) (f Firing, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("deciding about a slot: panic: %v", r)
		}
	}()
	if f, err = w.Decide(i, s, get); err == nil {
		err = f.Check(s)
	}
	for i := range f.Deliveries {
		f.Deliveries[i].Claim = false // no caller waits for them
	}
	return f, err
}

// SlotRef is the place of a slot among those that are due.
type SlotRef struct {
	Due time.Time
	Key string
}

// Slot is a slot that is due.
type Slot struct {
	SlotRef
	Value []byte
	// Items are the oldest items, at most MaxItems. Their events have a body as far as Wake.Bytes allows.
	Items []SlotItem
	// Events are those that Wake.Events named, with their decisions, as far as they exist.
	Events []StoredEvent
}

// Item is an entry in the list that belongs to a slot. A slot has at most one for each event, which is not purged
// before.
type Item struct {
	Key   string // of the slot
	Event ID     // zero is the event of the plan
	Data  []byte
}

// SlotItem is an item that was kept. Its event has neither decisions nor deliveries.
type SlotItem struct {
	Event StoredEvent
	Data  []byte
}

// Firing is what follows from a slot that was due.
type Firing struct {
	// Leave leaves the slot as it is, for another relay or a later call. The rest is ignored.
	Leave bool
	// Event is what the deliveries of the plan belong to, with an id, a Kind and a body. It is nil if there are none, or if
	// Of is set.
	Event *Event
	// Of is the stored event that the firing decides, or zero: it gets the decisions and facts of the plan in place of its
	// own, and the deliveries are its.
	Of ID
	Plan
}

// Owner returns the event that the deliveries and new items belong to, or zero.
func (f *Firing) Owner() ID {
	if f.Event != nil {
		return f.Event.ID
	}
	return f.Of
}

// Check returns an error unless the firing can be stored and ends or moves its slot.
func (f *Firing) Check(s *Slot) error {
	if f.Leave {
		return nil
	}
	if f.Owner() == 0 && len(f.Deliveries) > 0 {
		return errors.New("a firing with deliveries needs an event")
	}
	if f.Event != nil && (f.Event.Kind == "" || f.Event.ID == 0 || f.Of != 0) {
		return errors.New("the event of a firing needs an id and a kind, and decides no other")
	}
	for _, it := range f.Items {
		if it.Event == 0 && f.Owner() == 0 {
			return errors.New("an item of a firing needs an event")
		}
	}
	for _, c := range f.Changes {
		if c.Key == s.Key && (c.Due.IsZero() || c.Due.After(s.Due)) {
			return f.Plan.check()
		}
	}
	return fmt.Errorf("the firing of %s neither ends nor moves it", s.Key)
}

// check returns an error if a plan gives a due time or an item to a key that is not a slot.
func (p *Plan) check() error {
	for i := range p.Changes {
		if c := &p.Changes[i]; !c.Due.IsZero() && !IsSlot(c.Key) {
			return fmt.Errorf("the key %s has a due time and is not a slot", c.Key)
		}
	}
	for i := range p.Items {
		if !IsSlot(p.Items[i].Key) {
			return fmt.Errorf("the key %s has an item and is not a slot", p.Items[i].Key)
		}
	}
	return nil
}

// CheckSwapSlot returns an error for a change of a key that is not a slot.
func CheckSwapSlot(c Change) error {
	if !IsSlot(c.Key) {
		return fmt.Errorf("%s is not a slot", c.Key)
	}
	return nil
}

// IsSlot reports whether a key is that of a slot.
func IsSlot(key string) bool { return strings.HasPrefix(key, SlotPrefix) }

// IsDrySlot reports whether a key is that of a slot that a dry run has made.
func IsDrySlot(key string) bool { return strings.HasPrefix(key, DrySlotPrefix) }

// CheckSwap returns an error for a key that Swap does not change: only a plan changes a slot.
func CheckSwap(key string) error {
	if IsSlot(key) {
		return fmt.Errorf("%s is a slot, which only a decision changes", key)
	}
	return nil
}

// Woken is the result of Wake.
type Woken struct {
	Busy   bool    // another relay was at it; nothing was looked at
	Looked int     // how many due slots were looked at
	Last   SlotRef // the last of them
	Fired  []Fired // those that decide was called for, in order
}

// AnyFired reports whether a slot was changed.
func (w *Woken) AnyFired() bool {
	return slices.ContainsFunc(w.Fired, func(f Fired) bool { return !f.Left && f.Err == nil })
}

// Fired is the result for one slot.
type Fired struct {
	SlotRef
	Left    bool
	Err     error // decide failed for this slot, which is unchanged
	Pending []string
}

// linkedFor is how long it is kept as which event a digest was sent.
const linkedFor = 30 * 24 * time.Hour

// DigestKey returns the key that holds the id of the event as which a digest was sent.
func DigestKey(digest string) string { return "ref:" + digest }

// DigestLink returns the change that keeps as which event a digest was sent.
func DigestLink(digest string, event ID, now time.Time) Change {
	return Change{Key: DigestKey(digest), Value: []byte(event.String()), Expires: now.Add(linkedFor)}
}

// GapKey holds the last [Gap].
const GapKey = "relay/gap"

// maxPause is the longest time without a sign of a relay that is not a gap.
const maxPause = 2 * time.Minute

// Gap is a time in which no relay used the store, so that events may have been missed which are sent again afterwards.
// An engine keeps the last one under GapKey when it is opened.
type Gap struct{ From, To time.Time }

// GapBetween returns the gap between the last sign of a relay and now, if it is one.
func GapBetween(last, now time.Time) (Gap, bool) {
	return Gap{last, now}, !last.IsZero() && now.Sub(last) > maxPause
}

// Change returns the change that keeps the gap, for a day.
func (g Gap) Change() Change {
	return Change{Key: GapKey, Value: fmt.Appendf(nil, "[%d,%d]", g.From.UnixMilli(), g.To.UnixMilli()),
		Expires: g.To.Add(24 * time.Hour)}
}

// ParseGap reads the value under GapKey. The zero Gap is none.
func ParseGap(value []byte) Gap {
	var ms []int64
	if json.Unmarshal(value, &ms) != nil || len(ms) != 2 {
		return Gap{}
	}
	return Gap{time.UnixMilli(ms[0]).UTC(), time.UnixMilli(ms[1]).UTC()}
}

// Has reports whether a time is in the gap.
func (g Gap) Has(t time.Time) bool { return t.After(g.From) && !t.After(g.To) }
