package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/metrics"
	"qaserelay/relay/sampledlog"
	"qaserelay/relay/store"
)

// Errors of Accept. Any other error means that the store did not take the event.
var (
	ErrStopping = errors.New("the relay is not running, or about to stop")
	ErrBusy     = errors.New("too many events wait for the disk")
)

// Options are what an Engine works with. Store and Config are needed.
type Options struct {
	Store   store.Store
	Config  *config.Config
	DryRun  bool             // decide and record, send nothing
	Logger  *slog.Logger     // nil logs nothing
	Metrics *metrics.Metrics // nil means new ones that nobody reads
	Now     func() time.Time // nil means store.Clock()
	Rand    func() float64   // the jitter of retries, from 0 to 1; nil means math/rand
	IDs     *store.IDs       // nil means those of the store's Node
}

// Dispatcher sends deliveries and records what became of them.
type Dispatcher struct {
	Options
	Current atomic.Pointer[config.Config]
	Outbox  *Queue[Outcome]
	Lanes   atomic.Pointer[map[string]*Lane] // replaced only by Run
	Changed chan struct{}                    // there is a new config
	Fail    context.CancelCauseFunc          // ends Run
	Quiet   sampledlog.QuietLog
	spacing spacing

	messages messages // of deliveries that were handed over
}

// Retry makes dead or pending deliveries due now, and returns how many of them there were. Those of their notifiers whose receivers failed
// or are gone try them with one message; the others go on waiting.
func (e *Dispatcher) Retry(ctx context.Context, ids []store.ID) (int, error) {
	concerned, err := e.Store.NotifiersOf(ctx, ids) // now, since once they are due they may end at any time
	if err != nil {
		return 0, err
	}
	n, err := e.Store.Retry(ctx, ids)
	lanes := *e.Lanes.Load()
	for _, name := range concerned {
		if l := lanes[name]; l != nil {
			l.poke()
			err = errors.Join(err, l.tryNow(ctx))
		}
	}
	return n, err
}

// Listen wakes lanes for which another relay has stored work, until ctx is done.
func (e *Dispatcher) Listen(ctx context.Context) {
	for wakes := e.Store.Notifications(); wakes != nil; {
		select {
		case <-ctx.Done():
			return
		case name, open := <-wakes:
			if !open {
				return
			}
			if l := (*e.Lanes.Load())[name]; l != nil {
				l.poke()
			}
		}
	}
}

// logAttempt tells the operator of an attempt that failed, in whole or in part: of each that was the last, of others only now and then. The
// message itself is not logged, since it is the team's business.
func (e *Dispatcher) logAttempt(d store.Delivery, o store.Outcome) {
	a := o.Attempt
	if a == nil || a.Error == "" || a.Reason == notifiers.ReasonCanceled {
		return
	}
	args := []any{"delivery", d.ID.String(), "event", d.EventID.String(), "rule", d.Rule, "notifier", d.Notifier, "attempts", d.Attempts + 1, "reason", a.Reason, "error", a.Error}
	switch o.State {
	case store.Dead:
		e.Logger.Warn("a delivery is dead", args...)
		return
	case store.Delivered:
		if all, due := e.Quiet.Admit(sampledlog.LogLine{Kind: "delivered by " + d.Notifier, Every: RuleLogEvery}, e.Now(), args...); due {
			e.Logger.Warn("a message did not reach all of its recipients", all...)
		}
		return
	case store.Pending, store.Sending, store.Cancelled:
	}
	args = append(args, "next", o.NextAt)
	if all, due := e.Quiet.Admit(sampledlog.LogLine{Kind: "notifier " + d.Notifier, Every: retryLogEvery}, e.Now(), args...); due {
		e.Logger.Info("an attempt failed, it will be tried again", all...)
	} else {
		e.Logger.Debug("an attempt failed, it will be tried again", args...)
	}
}

func attempted(m *metrics.Metrics, o *config.Out, took time.Duration, err error) {
	m.Attempts.WithLabelValues(o.Spec.Name, o.Spec.Type).Inc()
	m.Took.WithLabelValues(o.Spec.Name).Observe(took.Seconds())
	if err != nil {
		m.Failures.WithLabelValues(o.Spec.Name, o.Spec.Type, notifiers.Reason(err)).Inc()
	}
}
