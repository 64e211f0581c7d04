package relay

import (
	"context"
	"time"
)

const (
	// indexRest is the time between two looks whether there are events to be indexed, and indexPause the time between
	// two steps while there are.
	indexRest  = time.Second
	indexPause = time.Millisecond
)

// indexEvents indexes the words of events behind Accept, until ctx is done. A reload switches it on and off.
func (e *Engine) indexEvents(ctx context.Context) {
	for ctx.Err() == nil {
		state, err := e.Store.IndexEvents(ctx, !e.Config().Settings.NoSearch)
		pause := indexRest
		switch {
		case err != nil:
			e.storeFailed(ctx, "indexing events", err)
			pause = time.Minute
		case state.More:
			pause = indexPause
		}
		if !state.UpTo.IsZero() {
			e.Metrics.SetIndexLag(e.Now().Sub(state.UpTo))
		} else {
			e.Metrics.SetIndexLag(0)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
