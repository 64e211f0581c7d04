package dispatch

import (
	"context"
	"time"

	"qaserelay/relay/store"
)

// maxSleep is how long a lane rests at most before it looks for work that another relay has stored.
const maxSleep = time.Second

// feed claims what is due and gives it to the workers.
func (l *lane) feed(ctx, writes context.Context) {
	var trouble backoff
	for err := l.loadPause(writes); err != nil && ctx.Err() == nil; err = l.loadPause(writes) {
		l.engine.StoreFailed(writes, "reading the pause of "+l.name, err)
		trouble.sleep(ctx)
	}
	for ctx.Err() == nil {
		room, wait := l.room(writes)
		if room == 0 {
			l.sleep(ctx, min(wait, maxSleep), l.pace.freed)
			continue
		}
		batch, err := l.engine.Store.Claim(writes, l.name, room)
		if err != nil {
			l.engine.StoreFailed(writes, "claiming deliveries for "+l.name, err)
			trouble.sleep(ctx)
			continue
		}
		trouble.reset()
		l.pace.claimed(batch...)
		l.caughtUp.Store(len(batch) < room)
		for _, group := range byOrderKey(batch) {
			l.pass(ctx, group)
		}
		if len(batch) < room {
			l.rest(ctx)
		}
	}
}

// room returns how many deliveries the lane may claim now, and if none, after what time it is to look again at the latest.
func (l *lane) room(writes context.Context) (int, time.Duration) {
	if !l.engine.Store.LeasesValid() {
		return 0, maxSleep
	}
	l.followPause(writes)
	if l.pace.stalled() {
		l.handBackQueued() // others may be idle
	}
	most := l.pace.room(l.window())
	out := l.out.Load()
	if rate := out.Rate(); rate.Messages > 0 && out.Kind.Target == nil {
		places, wait := l.pace.places(step(rate))
		if places == 0 {
			return 0, wait
		}
		most = min(most, places)
	}
	return l.gate.room(most)
}

// mostHeld is how many deliveries a lane holds at most: enough to keep the receiver busy while the disk is slow.
func (l *lane) mostHeld() int { return max(64, 64*l.workers) }

// window is how many deliveries the lane may hold: about what it sends in a moment.
func (l *lane) window() int {
	out := l.out.Load()
	window := min(l.mostHeld(), l.pace.window())
	if out.Kind.Target != nil && out.Rate().Messages > 0 { // most may have to wait, since their targets are full
		return min(window, max(8, 2*l.workers))
	}
	return window
}

// byOrderKey splits a batch into deliveries that have to be sent one after another. The groups are in the order of
// their first deliveries.
func byOrderKey(batch []store.Delivery) [][]store.Delivery {
	groups := make([][]store.Delivery, 0, len(batch))
	at := make(map[string]int, len(batch))
	for i, d := range batch {
		g, known := at[d.OrderKey]
		if d.OrderKey == "" || !known {
			at[d.OrderKey] = len(groups)
			groups = append(groups, batch[i:i+1:i+1])
			continue
		}
		groups[g] = append(groups[g], d)
	}
	return groups
}

// handBackQueued returns what waits for a worker.
func (l *lane) handBackQueued() {
	for {
		select {
		case group := <-l.work:
			l.handBack(group, time.Time{})
		default:
			return
		}
	}
}

// rest waits until there may be something to do.
func (l *lane) rest(ctx context.Context) {
	for ctx.Err() == nil {
		sleep := maxSleep
		due, err := l.engine.Store.NextDue(ctx, l.name)
		if err == nil && !due.IsZero() {
			sleep = min(sleep, due.Sub(l.engine.Now())+time.Millisecond)
		}
		if sleep <= 0 || l.sleep(ctx, sleep, nil) {
			return
		}
	}
}

// sleep waits for so long, and reports whether something came before that: word of new work, or what is given.
func (l *lane) sleep(ctx context.Context, wait time.Duration, other <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-other:
		return true
	case <-l.fresh:
		return true
	}
	return false
}
