// Package store keeps events, what was decided about them, and the deliveries that follow, on disk.
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
// It is made as sending for a caller who takes it at once, and as cancelled when the relay only rehearses (dry run). Its outcome is pending when
// it is tried again later, or handed back untried. A person retries and cancels.
//
// The deliveries of one order key to one notifier go out in the order of their events: only the first unfinished one is due, the others
// carry a due time of OrderWait from their making and become due when the one before them ends. So a claim is one
// range of one index, whatever waits behind it, and nobody waits for longer than OrderWait.
package store

import (
	"context"
	"errors"
	"fmt"
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
	// event's decide. decide may be called again, after a batch before it failed or when the transaction has to be repeated, so it must be pure. An error from
	// decide is given to that event alone. The receipts are in the order of the batch.
	//
	// A call that begins once the decide of another was called knows what that one changes, even if it is not on disk yet, and is stored after it.
	Accept(ctx context.Context, batch []Event, decide Decide) ([]Receipt, error)
	// Claim marks up to limit due deliveries of one notifier as sending and returns them, the first due first. Behind
	// each one it may return deliveries of the same order key that wait for it, in their order.
	Claim(ctx context.Context, notifier string, limit int) ([]Delivery, error)
	// NextDue returns when the notifier's next pending delivery is due, or the zero time when there is none.
	NextDue(ctx context.Context, notifier string) (time.Time, error)
	// Finish records what became of claimed deliveries, in one transaction. A delivery that a person retried, and that dies once more, gets
	// no fallback if an earlier one, or the fallback of that one, was delivered or is unfinished.
	Finish(ctx context.Context, outcomes []Outcome) error
	// Retry makes dead or pending deliveries due now, whatever is before them, with a fresh allowance of attempts, and
	// returns how many it found.
	Retry(ctx context.Context, ids []ID) (int, error)
	// NotifiersOf names, in their order, the notifiers of those of these deliveries that are dead or pending.
	NotifiersOf(ctx context.Context, ids []ID) ([]string, error)
	// Cancel makes dead or pending deliveries cancelled for the given reason, lets those go that waited for them, and returns how many it found.
	Cancel(ctx context.Context, ids []ID, why string) (int, error)

	// Get returns the value kept under key, or nil.
	Get(ctx context.Context, key string) ([]byte, error)
	// Swap sets the value of a key, or deletes it if value is nil, provided that it is still old (nil: there is none).
	// It reports whether it did. A zero expires is never. It is for keys that no plan changes.
	Swap(ctx context.Context, key string, old []byte, c Change) (bool, error)
	// Reserve takes the next place in a rate, which all relays on this store share, and returns how long to wait for it. A
	// place more than most away is not taken, and the answer is the wait all the same.
	Reserve(ctx context.Context, key string, r Rate, most time.Duration) (wait time.Duration, err error)
	// Event returns one event with its deliveries' ids, or ErrNotFound.
	Event(ctx context.Context, id ID) (StoredEvent, error)
	// Delivery returns one delivery with its attempts, or ErrNotFound.
	Delivery(ctx context.Context, id ID) (Delivery, []Attempt, error)
	// Events lists events, newest first. next is what to ask on from, as Before or with OldestFirst as After, or zero on the last page. Where little
	// matches, a page ends early rather than take long: it may have fewer than Limit, or none, and there is a next one all the same.
	Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error)
	// Deliveries lists deliveries, newest first, without their events' bodies, in pages as Events does.
	Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error)
	// Backlog returns, for each notifier that has any, how many deliveries are unfinished or dead.
	Backlog(ctx context.Context) ([]Backlog, error)
	// Purge deletes what is older than the given moments, in steps short enough not to disturb other writers, and expired keys and
	// body hashes. Events with unfinished deliveries are kept.
	Purge(ctx context.Context, events, dead time.Time) (int, error)
	// Check reports whether the store can write now, by writing.
	Check(ctx context.Context) error

	// Node is the number of this relay among those that use the store at this time, from 0 to 1023. It is another one after the relay was
	// out of reach for so long that its number was given away.
	Node() int
	// Holds reports whether what was claimed here is still ours for some seconds. When it is false, because the store could not be
	// reached for long, another relay may have taken it over, and what is not sent yet must not be. It is to be
	// handed back by Finish, which ignores what is another relay's by now.
	Holds() bool
	// Wakes gives names of notifiers for which another relay has stored work; it is nil where there can be no other.
	Wakes() <-chan string
	// Load returns how much is unfinished, without reading the store.
	Load() Load
	// Close waits for running calls and closes the store. Deliveries still in sending are pending at the next start.
	Close() error
}

func Wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
