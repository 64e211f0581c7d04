package week

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// troubles are the hours in which receivers of the week fail. receive may be called from many goroutines.
type troubles struct {
	clock *clock
	until time.Time // the end of the week

	mu      sync.Mutex
	calls   int64
	outages []outage
}

// outage is a time in which a receiver fails. It begins with the first message after a moment.
type outage struct {
	receiver, to string        // the recipient; empty is all
	before       time.Duration // the moment, before the end of the week
	lasts        time.Duration
	refusal      string
	began        time.Time
}

const day = 24 * time.Hour

// channelGone is how long before the end of the week a channel was archived, and channelBack how long before it the
// channel was there again.
const channelGone, channelBack = 4 * day, 50 * time.Hour

func newTroubles(c *clock, until time.Time) *troubles {
	return &troubles{clock: c, until: until, outages: []outage{
		{receiver: "tracker", before: 6 * day, lasts: 40 * time.Minute, refusal: "503"},
		{receiver: "tracker", before: 3 * day, lasts: 8 * time.Minute, refusal: "503"},
		{receiver: "tracker", before: 40 * time.Hour, lasts: time.Minute, refusal: "422"},
		{receiver: "webhook", before: 5 * day, lasts: 15 * time.Minute, refusal: "500"},
		{receiver: "webhook", before: 30 * time.Hour, lasts: 2 * time.Minute, refusal: "502"},
		{receiver: "slack", before: 45 * time.Hour, lasts: 20 * time.Second, refusal: "503"},
		{receiver: "slack", to: "#ios-release", before: channelGone, lasts: channelGone - channelBack, refusal: "is_archived"},
		{receiver: "mail", to: Gone, before: 8 * day, lasts: 9 * day, refusal: "550"},
	}}
}

// receive answers for a receiver. It takes a time that is usual for its kind.
func (t *troubles) receive(receiver, to string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.clock.Pass(usual(receiver, t.calls))
	now := t.clock.Now()
	for i := range t.outages {
		o := &t.outages[i]
		if o.receiver != receiver || !strings.Contains(to, o.to) || t.until.Sub(now) > o.before {
			continue
		}
		if o.began.IsZero() {
			o.began = now
		}
		if now.Sub(o.began) < o.lasts {
			return o.refusal
		}
	}
	return ""
}

// usual is about how long a receiver takes for its n-th answer.
func usual(receiver string, n int64) time.Duration {
	varies := time.Duration(n*7919%13) * 11 * time.Millisecond
	switch receiver {
	case "slack", "webhook":
		return 160*time.Millisecond + varies
	case "mail":
		return 85*time.Millisecond + varies
	}
	return 30*time.Millisecond + varies
}

// Live returns how receivers answer after the week, as real ones do: after some time, and not always.
func Live() Receive {
	var calls atomic.Int64
	return func(receiver, to string) string {
		n := calls.Add(1)
		time.Sleep(usual(receiver, n))
		switch {
		case receiver == "mail" && strings.Contains(to, Gone):
			return "550"
		case receiver == "tracker" && n%3 == 0, n%17 == 0 && receiver != "mail":
			return "503"
		}
		return ""
	}
}
