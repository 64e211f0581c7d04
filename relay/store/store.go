// Package store keeps events, the decisions about them, and the deliveries that follow, on disk. An engine is a package
// of its own below this one; package engine holds what they share.
//
// A delivery moves through named states:
//
//	        ── made    ──▶ pending | sending | cancelled
//	pending ── claim   ──▶ sending
//	sending ── outcome ──▶ delivered | pending | dead
//	pending ── retry   ──▶ pending
//	dead    ── retry   ──▶ pending
//	pending ── cancel  ──▶ cancelled
//	dead    ── cancel  ──▶ cancelled
//
// A new delivery is sending if the caller of Accept claims it at once, and cancelled in a dry run. An outcome is
// pending if the delivery is tried again later, or is handed back untried. A person retries and cancels.
//
// The deliveries of one order key to one notifier are a stream. They are sent in the order of their events: only the
// first unfinished one is due, and the others are due OrderWait after they were made, or as soon as the one before them
// ends. So a claim reads one range of one index, however many wait, and no delivery waits longer than OrderWait.
package store

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// Errors that steer the caller. Any other error of a Store is a failure to read or write, and worth another try.
var (
	// ErrNotFound says that an event or delivery does not exist.
	ErrNotFound = errors.New("not found")
	// ErrClosed says that the store is closed or closing.
	ErrClosed = errors.New("the store is closed")
	// ErrData says that the store cannot keep what a call would write, whenever it is called. In a batch of events, one
	// may have caused it, so each is worth a call of its own.
	ErrData = errors.New("the store cannot keep this data")
	// ErrLost says that the files of the store were deleted, moved, replaced or damaged, so that nothing that is written
	// would be found again. Calls fail until the files are back.
	ErrLost = errors.New("the store is lost")
	// ErrBroken says that the disk did not confirm a write (a failed fsync), so the file may differ from memory.
	// The process has to end; a new one recovers from the log.
	ErrBroken = errors.New("the store cannot confirm its writes")
)

const (
	// OrderWait is the longest time that a delivery waits for an earlier one of its stream.
	OrderWait = time.Hour
	// DedupeWindow is how long a repeated body counts as the same event.
	DedupeWindow = 24 * time.Hour
)

// Store is durable storage. All methods may be called from many goroutines. Methods that write return when the data is
// on disk. Times are kept to the millisecond.
type Store interface {
	Intake
	Queue
	Reader
	KV
	Slots
	Outlines
	Search
	Audit
	Tallies
	Cluster
	// Close waits for running calls and closes the store. Deliveries in state sending are pending at the next start.
	io.Closer
}

// Intake takes in events, and deletes them when their retention ends.
type Intake interface {
	// Accept stores a batch of events in one transaction. It calls decide for each event whose body was not seen within
	// DedupeWindow, in the order of the batch, and stores the plan with the event; decide sees the changes of the plans
	// before it. decide must be pure, since it is called again if the transaction has to be repeated. An error of
	// decide is given to that event alone. The receipts are in the order of the batch. Calls are stored one after
	// another: decide sees the changes of every batch before its own.
	//
	// If ctx ends first, Accept returns its error, but the batch may be stored nevertheless: until the store is closed,
	// it may still be read and decide called, also while the caller goes on. So the caller changes no event of the
	// batch, and reads what decide writes only if Accept returned no error. Deliveries claimed for that caller become
	// due.
	Accept(ctx context.Context, batch []Event, decide Decide) ([]Receipt, error)
	// AcceptFrom is Accept for a batch that is not made before its transaction begins, so that it has all events that
	// have come until then. The store calls take once; the batch may be empty. Several calls may wait for their turn, and
	// the next one may have it while the disk has not confirmed the one before. If take was not called, nothing was
	// stored.
	AcceptFrom(ctx context.Context, take func() []Event, decide Decide) ([]Receipt, error)
	// Purge deletes events older than the given moments, in steps short enough not to disturb other writers, and
	// expired keys and body hashes. It keeps events with unfinished deliveries, those with dead ones until the second
	// moment, and those of items. Slots of dry runs that nothing has fired for a day are deleted.
	Purge(ctx context.Context, events, dead time.Time) (int, error)
	// Check reports whether the store can write, by writing.
	Check(ctx context.Context) error
}

// Queue holds deliveries and their states.
type Queue interface {
	// Claim marks up to limit due deliveries of one notifier as sending and returns them, the first due first. Behind
	// each one it may return waiting deliveries of the same stream, in their order.
	Claim(ctx context.Context, notifier string, limit int) ([]Delivery, error)
	// NextDue returns when the notifier's next pending delivery is due, or the zero time if none is pending.
	NextDue(ctx context.Context, notifier string) (time.Time, error)
	// Finish records the outcomes of claimed deliveries in one transaction, and makes their fallbacks, except for a
	// delivery with an earlier fallback that was or may still be delivered. It may wait some milliseconds for other calls
	// that write, since nobody waits for an outcome.
	Finish(ctx context.Context, outcomes []Outcome) error
	// Retry makes dead or pending deliveries due now, even behind earlier ones, with a fresh allowance of attempts. It
	// returns how many it found.
	Retry(ctx context.Context, ids []ID) (int, error)
	// Rewrite gives a dead or pending delivery another title and message, and makes it due as Retry does. It reports
	// whether it found the delivery.
	Rewrite(ctx context.Context, r Rewrite) (bool, error)
	// NotifiersOf returns the sorted names of the notifiers of those of these deliveries that are dead or pending.
	NotifiersOf(ctx context.Context, ids []ID) ([]string, error)
	// Cancel makes dead or pending deliveries cancelled for the given reason, makes those due that waited for them, and
	// returns how many it found.
	Cancel(ctx context.Context, ids []ID, why string) (int, error)
	// Load returns how much is unfinished, without reading the store.
	Load() Load
}

// Reader reads events and deliveries.
type Reader interface {
	// Event returns one event with its deliveries' ids, or ErrNotFound.
	Event(ctx context.Context, id ID) (StoredEvent, error)
	// Delivery returns one delivery with its attempts, or ErrNotFound.
	Delivery(ctx context.Context, id ID) (Delivery, []Attempt, error)
	// Events lists events, newest first. next is the Before (or, with OldestFirst, the After) of the next page, or zero
	// on the last page. A page that takes long to fill ends early: it may have fewer rows than Limit, or none, although
	// there is a next one.
	Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error)
	// Deliveries lists deliveries, newest first, without their events' bodies, in pages as Events does.
	Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error)
	// EventsOf returns events by their ids, in the order of these. Those that do not exist are left out.
	EventsOf(ctx context.Context, ids []ID) ([]StoredEvent, error)
	// MessagesOf returns the messages that were made for events, by event, in the order in which they were made. Fallbacks
	// are left out, since no rule asked for them.
	MessagesOf(ctx context.Context, events []ID) (map[ID][]Made, error)
	// Backlog returns, for each notifier that has any, how many deliveries are unfinished or dead.
	Backlog(ctx context.Context) ([]Backlog, error)
}

// ReadCloser is a store that is open for reading only. Deliveries that a relay is sending from a file are pending here,
// since only that relay knows them.
type ReadCloser interface {
	Reader
	io.Closer
}

// KV keeps values by key, and rates.
type KV interface {
	// Get returns the value of a key, or nil.
	Get(ctx context.Context, key string) ([]byte, error)
	// Swap sets the value of a key, or deletes it if the new value is nil, provided that the value is still old (nil:
	// the key does not exist). It reports whether it did. It is for keys that no plan changes, and fails for
	// slots.
	Swap(ctx context.Context, key string, old []byte, c Change) (bool, error)
	// Reserve takes the next slot of a rate, which all relays on this store share, and returns how long to wait for it.
	// A slot more than most away is not taken, but its wait is returned all the same.
	Reserve(ctx context.Context, key string, r Rate, most time.Duration) (wait time.Duration, err error)
}

// Cluster tells a relay about the other relays that use the same store.
type Cluster interface {
	// Node returns the number of this relay among those that use the store at this time, from 0 to 1023. It changes
	// when the relay was out of reach for so long that its number was given away.
	Node() int
	// LeasesValid reports whether the deliveries claimed here stay leased to this relay for some seconds. When it is
	// false, because the store could not be reached for long, another relay may have taken them over: what is not sent
	// yet must not be sent, but handed back by Finish, which ignores deliveries of other relays.
	LeasesValid() bool
	// Notifications delivers names of notifiers for which another relay has stored work, and DueNotification. It is nil
	// if no other relay can use the store.
	Notifications() <-chan string
}

// Redact returns what may be shown of a store's URL: a file as it is, and of anything else the scheme at most, since
// the rest may hold a password.
func Redact(url string) string {
	scheme, rest, found := strings.Cut(url, ":")
	file := !strings.ContainsAny(url, "@?=;&# \t\r\n") && !strings.Contains(strings.ToLower(url), "pass")
	switch {
	case !found && file, file && scheme == "sqlite":
		return url
	case found && slices.Contains([]string{"sqlite", "postgres", "postgresql", "mysql", "redis"}, scheme):
		if strings.HasPrefix(rest, "//") {
			return scheme + "://…"
		}
		return scheme + ":…"
	}
	return "…"
}
