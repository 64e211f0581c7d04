package store

import (
	"fmt"
	"time"
)

// Event is an event on its way in.
type Event struct {
	ID         ID
	Source     string
	Name       string   // event_name
	Project    string   // project_code
	Hash       [32]byte // SHA-256 of source and body, for dedupe
	Body       []byte   // as Qase sent it
	ReceivedAt time.Time
	// Keys are the keys that decide will ask for. They are read together.
	Keys []string
	// MoreKeys returns further ones, once those of Keys are known, and may be nil. get returns values as they were
	// before the batch, and nil for a key that is not known. Decide may ask for keys that neither names, at the price of
	// a read for each.
	MoreKeys func(get func(key string) ([]byte, error)) []string
	// ReplayOf is the event that this one repeats because a person asked for it, or zero. A replay is not a duplicate
	// of anything, and nothing is a duplicate of it.
	ReplayOf ID
	// Kind says what made an event that did not come from outside (see [Firing.Event]); otherwise it is empty. An event
	// with a kind is not a duplicate of anything, and nothing is a duplicate of it.
	Kind string
}

// HasHash reports whether a later event with the same body is a duplicate of this one.
func (ev *Event) HasHash() bool { return ev.ReplayOf == 0 && ev.Kind == "" }

// Decide decides about the i-th event of a batch. get returns the value kept under a key, or nil; the value
// must not be changed in place.
type Decide func(i int, get func(key string) ([]byte, error)) (Plan, error)

// Call calls d, and turns a panic or a plan that cannot be stored into an error.
func (d Decide) Call(i int, get func(key string) ([]byte, error)) (p Plan, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("deciding about an event: panic: %v", r)
		}
	}()
	if p, err = d(i, get); err == nil {
		err = p.check()
	}
	return p, err
}

// Plan is the result of a decision about one event.
type Plan struct {
	Decisions  []byte // JSON, kept with the event as it is
	Facts      []byte // what else was known of the event, JSON, kept with it as it is; nil is nothing
	Outline    Outline
	Deliveries []NewDelivery
	Changes    []Change
	Items      []Item // added once the changes are made
}

// NewDelivery is a delivery to be made.
type NewDelivery struct {
	ID       ID
	Rule     string
	Notifier string
	OrderKey string // deliveries of one order key to one notifier keep their order; empty means no order
	Title    string // for lists
	Message  []byte // JSON, kept as it is
	// Wait is how long it waits at most for an earlier delivery of its order key. Zero means OrderWait.
	Wait time.Duration
	// FallbackFor is the delivery that this one is the fallback for, or zero.
	FallbackFor ID
	// Claim asks for the delivery at once, as Store.Claim would give it, with lease 1. It is given unless one of its
	// order key is unfinished.
	Claim bool
	// Cancelled is set in a dry run: the reason why the delivery is recorded but never sent.
	Cancelled string
}

// DryRun is the reason why a delivery of a dry run is cancelled.
const DryRun = "dry run"

// Change sets the value of a key.
type Change struct {
	Key     string
	Value   []byte    // nil deletes the key
	Expires time.Time // when the value is forgotten; zero is never
	Due     time.Time // when the slot of this key is due; zero is never (see [Slots])
}

// Receipt is the result of Accept for one event of a batch.
type Receipt struct {
	ID        ID // the id of the first event with this body, if it is a duplicate
	Duplicate bool
	// Pending names the notifiers that have new work from this event.
	Pending []string
	// Claimed are the new deliveries that the caller now has to finish.
	Claimed []ID
	Err     error // decide failed for this event; nothing of it is stored
}

// State is where a delivery stands.
type State string

// The states of a delivery.
const (
	Pending   State = "pending"
	Sending   State = "sending"
	Delivered State = "delivered"
	Dead      State = "dead"
	Cancelled State = "cancelled"
)

// States lists the states of a delivery.
func States() []State { return []State{Pending, Sending, Delivered, Dead, Cancelled} }

// Delivery is one notification on its way to one notifier.
type Delivery struct {
	ID        ID
	EventID   ID
	EventName string
	Project   string
	Rule      string
	Notifier  string
	OrderKey  string
	Title     string
	State     State
	Attempts  int       // made since it was created or last retried by hand
	Lease     int64     // changes with every claim while the store is open; Finish ignores an outcome of an older one
	NextAt    time.Time // when it is due, if pending
	CreatedAt time.Time
	FirstAt   time.Time // when its first attempt was recorded; before that, when it was made or retried by hand
	UpdatedAt time.Time
	// FallbackFor is the delivery that this one is the fallback for, or zero.
	FallbackFor ID
	Status      string // of the last attempt, such as "503 Service Unavailable"
	// Error is that of the last attempt, or why it was cancelled. If it was delivered, it names the recipients not
	// reached.
	Error     string
	Message   []byte // JSON, as planned
	EventBody []byte // filled by Claim and Delivery
}

// IsDryRun reports whether a delivery was recorded and never to be sent.
func (d *Delivery) IsDryRun() bool { return d.State == Cancelled && d.Error == DryRun }

// Outcome is the result of sending one claimed delivery.
type Outcome struct {
	ID    ID
	Lease int64
	// State is delivered, dead, or pending for another attempt or a hand-back.
	State State
	// NextAt is when a pending delivery is due again.
	NextAt time.Time
	// Attempt is what was tried, or nil when the delivery is handed back untried.
	Attempt *Attempt
	// Fallbacks are made in the same transaction, for the same event, if the delivery was still ours: one, or one for each
	// of several people.
	Fallbacks []NewDelivery
}

// Rewrite is the new content of a delivery.
type Rewrite struct {
	ID      ID
	Title   string
	Message []byte // JSON, kept as it is
}

// Attempt is one try to send a delivery.
type Attempt struct {
	At       time.Time
	Took     time.Duration
	Status   string // the receiver's answer in its protocol's words
	Reason   string // why it failed, in one word, as in the metrics; empty if it did not
	Error    string // of one that delivered, the recipients it did not reach
	Response string // the beginning of the answer, at most 4 KiB
}

// StoredEvent is an event as it is kept.
type StoredEvent struct {
	ID         ID
	Source     string
	Name       string
	Project    string
	Body       []byte
	ReceivedAt time.Time
	Decisions  []byte // JSON, as planned
	Facts      []byte // likewise, or nil
	Deliveries []ID   // filled by Event
	ReplayOf   ID     // the event that this one repeats, or zero
	Kind       string // what made it, or empty if it came from outside
}

// Made is a message that was made for an event.
type Made struct{ Rule, Notifier, Title string }

// EventFilter selects events. Zero fields select all.
type EventFilter struct {
	Source, Name, Project string
	Before                ID // only older ones than this, for paging; FirstID makes one of a time
	After                 ID // only newer ones than this
	OldestFirst           bool
	Limit                 int // at most 1000; zero means 50
}

// DeliveryFilter selects deliveries. Zero fields select all.
type DeliveryFilter struct {
	State          State
	Rule, Notifier string
	EventName      string
	Project        string
	Event          ID
	OrderKey       string // of its stream; quick with a Notifier while it is pending or being sent
	Reason         string // why an attempt of it failed, as Attempt.Reason
	Before         ID     // only older ones than this, for paging
	After          ID     // only newer ones than this
	OldestFirst    bool
	Limit          int // at most 1000; zero means 50
}

// Backlog counts the unfinished and dead deliveries of one notifier.
type Backlog struct {
	Notifier string
	Pending  int // pending or sending
	Dead     int
	Oldest   time.Time // when the oldest unfinished one was created, or zero
}

// Load counts the unfinished deliveries of all notifiers.
type Load struct {
	Deliveries int   // pending or sending
	Bytes      int64 // of their messages
}

// Rate limits the messages to one receiver: so many in a period, of which some may come at once.
type Rate struct {
	Messages int
	Per      time.Duration
	Burst    int // zero means 1
}
