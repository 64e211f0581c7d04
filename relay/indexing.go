package relay

import (
	"context"
	"time"
)

const (
	// indexRest is how long new events wait for a round of the index at most, so that it writes many at once.
	indexRest = time.Second
	// indexPause is the time between two steps of a round.
	indexPause = time.Millisecond
	// busyRate is from how many events a second on, of all relays on the store, the index takes no more than a busyShare-th
	// part of the time of one core, as long as it is not further behind than mostBehind.
	busyRate   = 2500
	busyShare  = 50
	mostBehind = 30 * time.Second
)

// indexEvents indexes the words of events behind Accept, until ctx is done. A reload switches it on and off.
func (e *Engine) indexEvents(ctx context.Context) {
	for pace := (indexPace{}); ctx.Err() == nil; {
		began := time.Now()
		state, err := e.Store.IndexEvents(ctx, !e.Config().Settings.NoSearch)
		pause, lag := indexRest, time.Duration(0)
		if !state.UpTo.IsZero() {
			lag = max(1, e.Now().Sub(state.UpTo))
		}
		switch {
		case err != nil:
			e.storeFailed(ctx, "indexing events", err)
			pause = time.Minute
		case state.More && !state.Elsewhere:
			pace.relays = max(1, state.Relays)
			pause = pace.pause(e.answered.Load(), time.Since(began), lag)
		}
		e.Metrics.SetIndexLag(lag)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// indexPace says how long the index pauses while events are left.
type indexPace struct {
	busy     bool
	relays   int    // that take about as many events each as this one
	answered uint64 // calls of Accept, when it was looked at last
	looked   time.Time
}

// pause returns how long to wait behind a step, given how many calls of Accept ever ended, how long the step took, and
// how long the first event that is not indexed has been stored; zero is that only older ones than the index are left.
func (p *indexPace) pause(answered uint64, step, lag time.Duration) time.Duration {
	const window = 100 * time.Millisecond
	if since := time.Since(p.looked); since >= window {
		p.busy = float64(p.relays)*float64(answered-p.answered) > busyRate*since.Seconds()
		p.answered, p.looked = answered, time.Now()
	}
	switch {
	case p.busy && lag < mostBehind:
		return max(indexPause, (busyShare-1)*step)
	case lag > 0:
		return max(indexPause, indexRest-lag)
	}
	return indexPause
}
