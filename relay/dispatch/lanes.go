package dispatch

import (
	"context"
	"maps"
	"sync"
)

// RunLanes keeps one lane running for each notifier of the configuration in force, until ctx is done and all of them
// have ended.
func (e *Dispatcher) RunLanes(ctx context.Context, c LaneContexts) {
	var running sync.WaitGroup
	for {
		for _, l := range e.adjustLanes(c.Writes) {
			var stopped context.Context
			stopped, l.stop = context.WithCancel(ctx)
			running.Go(func() { l.run(stopped, c) })
		}
		select {
		case <-e.Changed:
		case <-ctx.Done():
			running.Wait()
			return
		}
	}
}

// adjustLanes returns lanes that are missing and stops those that are no longer wanted. A lane that goes on uses the
// notifier's new settings from its next message on, which may go out even if the receiver failed before.
func (e *Dispatcher) adjustLanes(writes context.Context) (missing []*Lane) {
	old, outs := *e.Lanes.Load(), e.Current.Load().Outs
	lanes := maps.Clone(old)
	for name, l := range old {
		out, wanted := outs[name]
		if wanted && concurrency(&out) == l.workers {
			l.out.Store(&out)
			if err := l.tryNow(writes); err != nil {
				e.StoreFailed(writes, "ending a pause", err)
			}
			continue
		}
		delete(lanes, name)
		l.stop()
	}
	for name, out := range outs {
		if lanes[name] == nil {
			lanes[name] = e.newLane(name, &out)
			missing = append(missing, lanes[name])
		}
	}
	e.Lanes.Store(&lanes)
	return missing
}
