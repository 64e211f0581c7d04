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

// IDs generates ids that grow, even if the clock does not. It may be used from many goroutines.
type IDs struct {
	number func() int
	mu     sync.Mutex
	node   int64 // of the last id
	last   int64 // time and counter of the last id, without the node
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
	const maxCounter = 1<<CounterBits - 1
	if node := int64(g.number()) & (1<<NodeBits - 1); node != g.node {
		g.node, g.last = node, g.last|maxCounter
	}
	g.last = max(g.last+1, (now.UnixMilli()-idEpoch)<<CounterBits)
	ms, counter := g.last>>CounterBits, g.last&maxCounter
	return ID(ms<<(NodeBits+CounterBits) | g.node<<CounterBits | counter)
}
