// Package store keeps events, what was decided about them, and the deliveries that follow, on disk.
//
// A delivery moves through named states:
//
//	          claim              nil error
//	pending ─────────▶ sending ─────────────▶ delivered
//	   ▲                  │ │
//	   │  again, later    │ │ never, or given up
//	   └──────────────────┘ └───────────────▶ dead
//
// A delivery may also become cancelled, from pending or dead, by a person or because the relay only rehearses
// (dry run). A dead one becomes pending again when a person asks for it.
//
// The deliveries of one order key to one notifier go out in the order of their events: only the first unfinished one is due, the others
// carry a due time of OrderWait from their making and become due when the one before them ends. So a claim is one
// range of one index, whatever waits behind it, and nobody waits for longer than OrderWait.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that steer the caller. Anything else from a Store is a failure to read or write, worth another try.
var (
	// ErrNotFound says that there is no such event or delivery.
	ErrNotFound = errors.New("not found")
	// ErrClosed says that the store is closed or closing.
	ErrClosed = errors.New("the store is closed")
	// ErrBroken says that what is on disk can no longer be trusted to follow what was written (a failed fsync).
	// The process has to end; a new one recovers from the log.
	ErrBroken = errors.New("the store cannot confirm its writes")
)

// OrderWait is how long a delivery waits at most for an earlier one of the same order key.
const OrderWait = time.Hour

// DedupeWindow is how long a repeated body is recognised as the same event.
const DedupeWindow = 24 * time.Hour

// Store is durable storage. All methods may be called from many goroutines; those that write return when the data
// is on disk. Times are kept to the millisecond.
type Store interface {
	// Accept stores a batch of events in one transaction. For each event that was not seen within DedupeWindow it calls decide,
	// in the order of the batch, and stores the plan with the event; the changes of one plan are seen by the next
	// event's decide. decide may be called again when the transaction has to be repeated, so it must be pure. An error from decide is given to
	// that event alone. The receipts are in the order of the batch.
	Accept(ctx context.Context, batch []Event, decide Decide) ([]Receipt, error)
	// Claim marks up to limit due deliveries of one notifier as sending and returns them, the first due first. Behind
	// each one it may return deliveries of the same order key that wait for it, in their order.
	Claim(ctx context.Context, notifier string, limit int) ([]Delivery, error)
	// NextDue returns when the notifier's next pending delivery is due, or the zero time when there is none.
	NextDue(ctx context.Context, notifier string) (time.Time, error)
	// Finish records what became of claimed deliveries, in one transaction.
	Finish(ctx context.Context, outcomes []Outcome) error
	// Retry makes dead or pending deliveries due now, whatever is before them, with a fresh allowance of attempts, and
	// returns how many it found.
	Retry(ctx context.Context, ids []ID) (int, error)

	// Get returns the value kept under key, or nil.
	Get(ctx context.Context, key string) ([]byte, error)
	// Event returns one event with its deliveries' ids, or ErrNotFound.
	Event(ctx context.Context, id ID) (StoredEvent, error)
	// Delivery returns one delivery with its attempts, or ErrNotFound.
	Delivery(ctx context.Context, id ID) (Delivery, []Attempt, error)
	// Events lists events, newest first.
	Events(ctx context.Context, f EventFilter) ([]StoredEvent, error)
	// Deliveries lists deliveries, newest first, without their events' bodies.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	// Backlog returns, for each notifier that has any, how many deliveries are unfinished or dead.
	Backlog(ctx context.Context) ([]Backlog, error)
	// Purge deletes what is older than the given moments, in steps short enough not to disturb other writers, and expired keys and
	// body hashes. Events with unfinished deliveries are kept.
	Purge(ctx context.Context, events, dead time.Time) (int, error)
	// Check reports whether the store can write now, by writing.
	Check(ctx context.Context) error
	// Close waits for running calls and closes the store. Deliveries still in sending become pending at the next start.
	Close() error
}

// Event is an event on its way in.
type Event struct {
	ID         ID
	Source     string
	Name       string   // event_name
	Project    string   // project_code
	Hash       [32]byte // SHA-256 of source and body, for dedupe
	Body       []byte   // as Qase sent it
	ReceivedAt time.Time
	// Keys may be read ahead of decide, since it will ask for them.
	Keys []string
}

// Decide says what follows from the i-th event of a batch. get returns the value kept under a key, or nil; the value
// must not be changed in place.
type Decide func(i int, get func(key string) ([]byte, error)) (Plan, error)

// Plan is what follows from one event.
type Plan struct {
	Decisions  []byte // JSON, kept with the event as it is
	Deliveries []NewDelivery
	Changes    []Change
}

// NewDelivery is a delivery to be made.
type NewDelivery struct {
	ID       ID
	Rule     string
	Notifier string
	OrderKey string // deliveries of one order key to one notifier keep their order; empty means no order
	Title    string // for lists
	Message  []byte // JSON, kept as it is
	// Claim asks for the delivery at once, as Store.Claim would give it, with lease 1. It is given unless one of its order key is
	// unfinished.
	Claim bool
	// Cancelled is set for a rehearsal: the reason why the delivery is recorded but never sent.
	Cancelled string
}

// Change sets the value of a key.
type Change struct {
	Key     string
	Value   []byte    // nil deletes the key
	Expires time.Time // when the value is forgotten; zero is never
}

// Receipt says what became of one event of a batch.
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
	Lease     int64     // changes with every claim; Finish ignores an outcome of an older one
	NextAt    time.Time // when it is due, if pending
	CreatedAt time.Time
	FirstAt   time.Time // when its allowance of attempts began
	UpdatedAt time.Time
	Status    string // of the last attempt, such as "503 Service Unavailable"
	Error     string // of the last attempt, or why it was cancelled
	Message   []byte // JSON, as planned
	EventBody []byte // filled by Claim and Delivery
}

// Outcome says what became of one claimed delivery.
type Outcome struct {
	ID    ID
	Lease int64
	// State is delivered, dead, or pending for another attempt or a hand-back.
	State State
	// NextAt is when a pending delivery is due again.
	NextAt time.Time
	// Attempt is what was tried, or nil when the delivery is handed back untried.
	Attempt *Attempt
}

// Attempt is one try to send a delivery.
type Attempt struct {
	At       time.Time
	Took     time.Duration
	Status   string // the receiver's answer in its protocol's words
	Reason   string // why it failed, in one word, as in the metrics; empty if it did not
	Error    string
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
	Deliveries []ID   // filled by Event
}

// EventFilter selects events. Zero fields select all.
type EventFilter struct {
	Source, Name, Project string
	Before                ID  // only older ones than this, for paging
	Limit                 int // at most 1000; zero means 50
}

// DeliveryFilter selects deliveries. Zero fields select all.
type DeliveryFilter struct {
	State          State
	Rule, Notifier string
	Event          ID
	Before         ID
	Limit          int // at most 1000; zero means 50
}

// Backlog counts what one notifier has before it, and what has died.
type Backlog struct {
	Notifier string
	Pending  int // pending or sending
	Dead     int
	Oldest   time.Time // when the oldest unfinished one was created, or zero
}
