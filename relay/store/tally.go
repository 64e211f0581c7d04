package store

import (
	"context"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// The kinds of tallies, and what A and B are.
const (
	TallyEvent    = "event"    // events that were decided: project, outcome
	TallyName     = "name"     // events that arrived: FeedName of source and project, event name; by hours only
	TallyRule     = "rule"     // rule, outcome; by hours only
	TallyDelivery = "delivery" // notifier, the state that a delivery has reached: delivered, dead or cancelled
	TallyReason   = "reason"   // notifier, why an attempt failed; by hours only
	TallyAttempt  = "attempt"  // notifier, how long an attempt took (see [LatencyBucket]); by hours only
	TallySent     = "sent"     // notifier, how long it took from the event to the receiver; by hours only
	TallyRefused  = "refused"  // source, status of calls that were refused; by hours only
)

// TallyKinds lists the kinds.
func TallyKinds() []string {
	return []string{TallyEvent, TallyName, TallyRule, TallyDelivery, TallyReason, TallyAttempt, TallySent, TallyRefused}
}

// How long tallies are kept.
const (
	TallyMinutesKept = 48 * time.Hour
	TallyHoursKept   = 400 * 24 * time.Hour
)

// Tally is how often something happened in one minute or hour.
type Tally struct {
	Kind   string
	Minute bool      // At is a minute, and otherwise an hour
	At     time.Time // when it begins
	A, B   string
	N      int64
}

// TallyFilter selects tallies of one kind.
type TallyFilter struct {
	Kind   string
	Minute bool
	A, B   string // empty selects all
	From   time.Time
	Until  time.Time
	// Step sums what is in one step, each of this length from From on; At is that of the first tally in it. A step that is
	// longer than the time sums all of it. Zero sums nothing.
	Step time.Duration
}

// LatencyBuckets is the number of buckets of a histogram of durations. Bucket 0 is under a millisecond, each further
// one ends at twice the end of the one before, and the last one is open.
const LatencyBuckets = 28

// LatencyBucket returns the bucket of a duration, as B of a tally.
func LatencyBucket(d time.Duration) string {
	n := bits.Len64(uint64(max(0, d.Milliseconds())))
	return strconv.Itoa(100 + min(n, LatencyBuckets-1))[1:]
}

// LatencyRange returns the durations of a bucket: from one, and under another.
func LatencyRange(bucket int) (from, under time.Duration) {
	if bucket > 0 {
		from = time.Millisecond << (bucket - 1)
	}
	return from, time.Millisecond << bucket
}

// The kinds of what was seen last, and its names.
const (
	SeenFeed = "feed" // a source and a project, joined by FeedName
	SeenRule = "rule" // the last event that a rule matched
)

// Seen is the last event of something.
type Seen struct {
	Kind, Name string
	ID         ID
}

// FeedName joins a source and a project, and CutFeedName parts them.
func FeedName(source, project string) string { return source + "\n" + project }

// CutFeedName returns the source and the project of a feed.
func CutFeedName(name string) (source, project string) {
	source, project, _ = strings.Cut(name, "\n")
	return source, project
}

// Tallies counts what happens, and keeps when something was seen last. An engine counts events, deliveries and attempts
// in the transactions that store them.
type Tallies interface {
	// Tallies returns the tallies that a filter selects, by time, A and B.
	Tallies(ctx context.Context, f TallyFilter) ([]Tally, error)
	// AddTallies adds to tallies. Their times are rounded down.
	AddTallies(ctx context.Context, list []Tally) error
	// Seen returns what of a kind was seen last, by name.
	Seen(ctx context.Context, kind string) ([]Seen, error)
	// LastAttempts returns the newest attempts of a notifier, the newest first: those of its newest deliveries, and of
	// the pending ones that are due first.
	LastAttempts(ctx context.Context, notifier string, limit int) ([]NotifierAttempt, error)
}

// NotifierAttempt is an attempt with its delivery.
type NotifierAttempt struct {
	Delivery ID
	Title    string
	Attempt
}
