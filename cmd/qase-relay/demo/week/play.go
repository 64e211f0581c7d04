// Package week is a lively week of three projects, for the demo: the events that Qase sends, what its API knows of them,
// how the receivers answer, and an engine whose clock runs through the week.
package week

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/config"
	"qaserelay/relay/qaseapi/standin"
	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
)

// Rules is a rules file that adds to that of the demo.
//
//go:embed week.yaml
var Rules string

// source is the name of the source of all events.
const source = "qase"

// Options are what a week is played with. All are needed.
type Options struct {
	Path   string         // of the store's file, which no relay uses
	Config *config.Config // of the demo, with Rules
	Qase   *standin.Server
	// Receive makes the receivers ask before each answer.
	Receive func(Receive)
	Until   time.Time // the end of the week
}

// Receive is asked by a receiver before it answers: slack, webhook, mail or tracker, with the recipient. It returns why
// the message is refused, in the words of the receiver, or an empty text.
type Receive func(receiver, to string) (refusal string)

// Play fills a store with the events of the week before a time. They go through an engine as if they arrived then: its
// clock steps from each moment in which something is due to the next one, so that messages are retried, digests sent
// and reminders made at their times. It returns the number of events.
func Play(ctx context.Context, o Options) (events int, err error) {
	p := &play{Options: o, clock: &clock{now: o.Until.AddDate(0, 0, -7)}}
	p.store, err = sqlite.Open(ctx, o.Path, sqlite.Options{Now: p.clock.Now})
	if err != nil {
		return 0, fmt.Errorf("opening the store of the week: %w", err)
	}
	defer func() { err = errors.Join(err, p.store.Close()) }()
	p.engine = relay.New(relay.Options{Store: p.store, Config: o.Config, Machine: p.clock.Now})
	p.desk = desk.New(desk.Options{Store: p.store, Retry: p.engine.Retry, Silences: p.engine.Silences(),
		Config: p.engine.Config, Status: func() desk.Status { return desk.Status{} }})
	o.Receive(newTroubles(p.clock, o.Until).receive)
	running, stop := context.WithCancel(ctx)
	defer stop()
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { err = errors.Join(err, p.engine.Run(running)) })
	for errors.Is(p.engine.Ready(ctx), relay.ErrStopping) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	o.Qase.Change(Join)
	return p.all(ctx)
}

// clock is the time of the week, which only its methods move on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pass lets some time pass.
func (c *clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Reach moves the time on to a moment, unless it is later already.
func (c *clock) Reach(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}

// play is a week that is being played.
type play struct {
	Options
	clock  *clock
	store  *sqlite.Store
	engine *relay.Engine
	desk   *desk.Desk
}

// all plays the events, what is due between them, and what people do meanwhile.
func (p *play) all(ctx context.Context) (events int, err error) {
	week, deeds := New().Week(p.Until, p.Config.Settings.Location), deeds(p.Until)
	for err == nil && ctx.Err() == nil {
		next := p.Until
		if events < len(week) {
			next = week[events].At
		}
		if len(deeds) > 0 && deeds[0].at.Before(next) {
			next = deeds[0].at
		}
		due, failed := p.due(ctx)
		switch {
		case failed != nil:
			err = failed
		case !due.IsZero() && due.Before(next):
			err = p.step(ctx, due)
		case len(deeds) > 0 && deeds[0].at.Equal(next):
			if err = p.step(ctx, next); err == nil {
				err = deeds[0].do(ctx, p)
			}
			deeds = deeds[1:]
		case events < len(week):
			err = p.post(ctx, &week[events])
			events++
		default:
			return events, p.step(ctx, next)
		}
	}
	return events, errors.Join(err, ctx.Err())
}

// post has an event arrive at its time.
func (p *play) post(ctx context.Context, e *Event) error {
	p.clock.Reach(e.At)
	now := p.clock.Now()
	p.Qase.Change(func(w *standin.World) { e.Tell(w, now) })
	ev, err := event.Parse(source, e.Body(now), now)
	if err != nil {
		return fmt.Errorf("an event of the week: %w", err)
	}
	if _, err := p.engine.Accept(ctx, ev); err != nil {
		return fmt.Errorf("accepting an event of the week: %w", err)
	}
	return p.settle(ctx)
}

// step moves the clock on, and returns when all that is due by then is done.
func (p *play) step(ctx context.Context, to time.Time) error {
	p.clock.Reach(to)
	p.engine.Look()
	return p.settle(ctx)
}

const (
	// settleTime is how long something that is due may stay undone, before the week goes on nevertheless.
	settleTime = 10 * time.Second
	// lookAgain is how long the engine works before it is made to look once more.
	lookAgain = 50 * time.Millisecond
)

// settle returns when nothing is to be done at this time.
func (p *play) settle(ctx context.Context) error {
	looked := time.Now()
	for start := looked; time.Since(start) < settleTime && ctx.Err() == nil; time.Sleep(200 * time.Microsecond) {
		if busy, err := p.isBusy(ctx); !busy || err != nil {
			return err
		}
		if time.Since(looked) > lookAgain {
			looked = time.Now()
			p.engine.Look()
		}
	}
	return ctx.Err()
}

// isBusy reports whether something is to be done at this time.
func (p *play) isBusy(ctx context.Context) (bool, error) {
	undecided, err := p.store.CountSlots(ctx, store.SlotPrefix+string(flow.Event)+"/", "")
	if undecided > 0 || err != nil {
		return undecided > 0, err
	}
	slots, _, err := p.store.OpenSlots(ctx, store.SlotFilter{Limit: 1})
	if err != nil || len(slots) > 0 && !slots[0].Due.After(p.clock.Now()) {
		return true, err
	}
	if p.store.Load().Deliveries == 0 {
		return false, nil
	}
	due, err := p.nextMessage(ctx) // first, since one that is due may be sent from now on
	if err != nil || !due.IsZero() && !due.After(p.clock.Now()) {
		return true, err
	}
	sending, _, err := p.store.Deliveries(ctx, store.DeliveryFilter{State: store.Sending, Limit: 1})
	return len(sending) > 0, err
}

// due returns when something is due next, or the zero time.
func (p *play) due(ctx context.Context) (time.Time, error) {
	message, err := p.nextMessage(ctx)
	if err != nil {
		return message, err
	}
	slot, err := p.store.NextWake(ctx, p.clock.Now(), false)
	if message.IsZero() || !slot.IsZero() && slot.Before(message) {
		return slot, err
	}
	return message, err
}

// nextMessage returns when the next message may go out, or the zero time: a notifier may pause longer than its messages
// wait.
func (p *play) nextMessage(ctx context.Context) (first time.Time, err error) {
	if p.store.Load().Deliveries == 0 {
		return first, nil
	}
	for name, state := range p.engine.NotifierStates() {
		due, err := p.store.NextDue(ctx, name)
		if err != nil {
			return first, err
		}
		if !due.IsZero() && state.NextTry.After(due) {
			due = state.NextTry
		}
		if first.IsZero() || !due.IsZero() && due.Before(first) {
			first = due
		}
	}
	return first, nil
}

// deed is what a person does in the week.
type deed struct {
	at time.Time
	do func(ctx context.Context, p *play) error
}

// by returns a context in which a person acts.
func by(ctx context.Context, name string) context.Context {
	return access.With(ctx, access.Actor{Name: name, Role: access.Operate, How: access.Local, Peer: "127.0.0.1"})
}

// deeds returns what people do in the week before a time: messages to a channel that was archived are sent again once it
// is back, and the failing tests of a service that moves are silenced.
func deeds(until time.Time) []deed {
	return []deed{
		{until.Add(5*time.Minute - channelBack), func(ctx context.Context, p *play) error {
			dead, _, err := p.store.Deliveries(ctx, store.DeliveryFilter{State: store.Dead, Rule: "release-news"})
			ids := make([]store.ID, len(dead))
			for i, d := range dead {
				ids[i] = d.ID
			}
			if err == nil {
				_, err = p.desk.RetryMany(by(ctx, "Dana Roth"), ids)
			}
			p.engine.Look()
			return errors.Join(err, p.settle(ctx))
		}},
		{until.Add(-20 * time.Hour), func(ctx context.Context, p *play) error {
			comment := "The sandbox of the payment service moves to another region"
			author := "Bob Bar"
			_, err := p.desk.AddSilence(by(ctx, author), desk.SilenceSpec{Matchers: []string{"rule=smoke-red", "project=API"},
				EndsAt: until.Add(4 * time.Hour).UTC().Format(time.RFC3339), Comment: &comment, Author: &author})
			return err
		}},
	}
}
