package demo

import (
	"context"
	"errors"
	"time"

	"qaserelay/cmd/qase-relay/demo/week"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/config"
	"qaserelay/relay/ingest/client"
	"qaserelay/relay/qaseapi/standin"
	"qaserelay/relay/store"
)

const (
	// liveInterval is the time between two events while the demo is kept.
	liveInterval = 4 * time.Second
	// liveSettle is how long the messages of one of them are waited for.
	liveSettle = 2 * time.Second
)

// fill fills the store of the demo with a week of events, before the relay opens it.
func (d *player) fill(ctx context.Context, file string, cfg *config.Config) error {
	r, began := d.receivers, time.Now()
	r.quiet.Store(true)
	defer r.quiet.Store(false)
	d.c.Out.Printf("%s", d.c.Out.Dim("A week of events of three projects … "))
	n, err := week.Play(ctx, week.Options{Path: file, Config: cfg, Qase: r.qase, Until: began,
		Receive: func(ask week.Receive) { r.ask(ask) }})
	r.asked.Store(nil)
	if ctx.Err() != nil {
		return terminal.Wrong(errors.New("the demo was stopped"))
	}
	if err == nil {
		d.c.Out.Printf("%s\n\n", d.c.Out.Dim(terminal.Plural(n, "event")+" in "+inWords(time.Since(began))))
	}
	return err
}

// ask makes the receivers ask before each answer.
func (r *Receivers) ask(ask week.Receive) {
	f := receive(ask)
	r.asked.Store(&f)
}

// watch posts an event every few seconds until ctx is done, so that the console shows something new. It prints the
// messages of other events, which a person has posted.
func (d *player) watch(ctx context.Context, p *client.Poster) {
	d.receivers.ask(week.Live())
	traffic, next := week.New(), time.NewTicker(liveInterval)
	traffic.Week(time.Now(), time.UTC) // ids go on where the week has ended
	defer next.Stop()
	for {
		select {
		case a := <-d.receivers.arrivals:
			printArrival(d.c.Out, "info", a)
		case <-next.C:
			d.postLive(ctx, p, traffic.Next())
		case <-ctx.Done():
			return
		}
	}
}

// postLive posts an event of the traffic, whose messages are not printed.
func (d *player) postLive(ctx context.Context, p *client.Poster, e week.Event) {
	d.receivers.quiet.Store(true)
	defer d.receivers.quiet.Store(false)
	now := time.Now()
	d.receivers.qase.Change(func(w *standin.World) { e.Tell(w, now) })
	a := p.Post(ctx, e.Body(now))
	if !a.Accepted() {
		return // the relay is stopping
	}
	for ctx.Err() == nil && time.Since(now) < liveSettle {
		ev, decision, err := d.storedEvent(ctx, a.EventID)
		if err != nil || !decision.Waits && d.sent(ctx, ev.Deliveries) {
			return
		}
		time.Sleep(10 * lookInterval)
	}
}

// sent reports whether no delivery is on its way for the first time.
func (d *player) sent(ctx context.Context, ids []store.ID) bool {
	for _, id := range ids {
		one, _, err := d.relay.Store().Delivery(ctx, id)
		if err == nil && one.Attempts == 0 && (one.State == store.Pending || one.State == store.Sending) {
			return false
		}
	}
	return true
}
