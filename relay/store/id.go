package store

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ID identifies an event or a delivery. It consists of its creation time (milliseconds since 2020, 41 bits), the number
// of the relay that made it (10 bits) and a counter (12 bits), so that ids grow with time and need no coordination.
// Zero is not a valid id.
type ID int64

const (
	idEpoch     = 1577836800000 // 2020-01-01 in Unix milliseconds
	NodeBits    = 10
	CounterBits = 12
)

// String returns the id as 13 characters of base 32, which sort like the ids.
func (id ID) String() string {
	s := strconv.FormatInt(int64(id), 32)
	return strings.Repeat("0", max(0, 13-len(s))) + s
}

// ParseID reads the text of an id.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseInt(s, 32, 64)
	if err != nil || n <= 0 || len(s) != 13 {
		return 0, fmt.Errorf("%q is not an id: want 13 characters such as 01f3k9q2m0g00", s)
	}
	return ID(n), nil
}

// Time returns the creation time of the id, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(id)>>(NodeBits+CounterBits) + idEpoch)
}

// FirstID returns the smallest id of the time t.
func FirstID(t time.Time) ID { return ID((t.UnixMilli() - idEpoch) << (NodeBits + CounterBits)) }

// NearIDs is how many ids behind that of an event are kept for the deliveries that are made with it, so that a store
// finds these by their ids. All ids of an event and its deliveries are those of one block.
const NearIDs = 15

// IDs generates ids that grow, even if the clock does not. It may be used from many goroutines.
type IDs struct {
	number func() int
	mu     sync.Mutex
	node   int64 // of the last id
	last   int64 // time and counter of the last id, without the node
	// apart is the last id of a delivery for which the block of its event had no place. Deliveries of events that were
	// made before it come behind it, so that those of a batch are in the order of their events.
	apart ID
}

// NewIDs returns a generator of ids for one relay, whose number is between 0 and 1023.
func NewIDs(node int) *IDs { return IDsOf(func() int { return node }) }

// IDsOf is NewIDs for a relay whose number may change, as that of a Store does.
func IDsOf(node func() int) *IDs { return &IDs{number: node} }

// Next returns an id for the given time. If the time is not after that of the last id, it counts on from the last id.
// If the number of the relay has changed, it continues at the next millisecond, so that ids grow even if the number
// is smaller.
func (g *IDs) Next(now time.Time) ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next(now, 1)
}

// NextEvent is Next for an event. It keeps the ids behind it for [IDs.NextDelivery].
func (g *IDs) NextEvent(now time.Time) ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next(now, 1+NearIDs)
}

// NextDelivery returns the id of the n-th delivery, from 0, that is made with an event of NextEvent: one of those behind
// the event, the same when it is called again, or one of Next when these are used up. Without an event (zero) it is one
// of Next too.
func (g *IDs) NextDelivery(now time.Time, event ID, n int) ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case event <= g.apart:
		return g.next(now, 1)
	case n >= NearIDs:
		g.apart = g.next(now, 1)
		return g.apart
	}
	return event + 1 + ID(n)
}

// next returns the first of some free ids. It is a multiple of their number, so that all have the same time.
func (g *IDs) next(now time.Time, free int64) ID {
	const maxCounter = 1<<CounterBits - 1
	if node := int64(g.number()) & (1<<NodeBits - 1); node != g.node {
		g.node, g.last = node, g.last|maxCounter
	}
	first := max((g.last/free+1)*free, (now.UnixMilli()-idEpoch)<<CounterBits)
	g.last = first + free - 1
	return ID(first>>CounterBits<<(NodeBits+CounterBits) | g.node<<CounterBits | first&maxCounter)
}
