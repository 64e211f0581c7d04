package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/console"
	"qaserelay/relay/metrics"
	"qaserelay/relay/presence"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
	"qaserelay/rules/diag"
)

// adminOptions are those of the API, with the console beside it.
func (r *Relay) adminOptions(m *metrics.Metrics) (admin.Options, error) {
	r.jobs = jobs.New(r.jobOptions())
	r.desk = desk.New(desk.Options{Store: r.store, Jobs: r.jobs, Status: r.status, Retry: r.engine.Retry,
		Cancel: r.engine.Cancel, Rerender: r.engine.Rerender, Replay: r.engine.Replay,
		Resume: r.engine.Resume, Pause: r.engine.Pause, TestMessage: r.engine.TestMessage, FireNow: r.engine.FireNow, Drift: r.engine.Drift,
		FilledFrom: r.engine.FilledFrom, Relays: r.relays, Refused: r.refused.List,
		Problems: func() diag.Problems { return r.reloader.Status().Problems.Errors() }, Silences: r.engine.Silences(),
		Config: r.engine.Config, Logger: r.o.Logger})
	r.guard = access.New(r.accessOptions())
	asker := why.New(r.desk, r.store)
	r.backtests = trial.NewBacktests(trial.BacktestOptions{Config: r.engine.Config, Store: r.store, Work: r.o.WorkOnHistory,
		Webhooks: r.engine.Webhooks})
	tries := trial.New(trial.Options{Config: r.engine.Config, Store: r.store, Work: r.o.Work})
	pages, err := console.New(console.Options{Desk: r.desk, Why: asker, Trial: tries, Backtests: r.backtests, Access: r.guard, URLs: r.o.AdminURLs, Logger: r.o.Logger,
		Stopping: r.stopping})
	return admin.Options{
		Desk:  r.desk,
		Why:   asker,
		Trial: tries, Backtests: r.backtests,
		Metrics: m.Handler(),
		Ready:   r.engine.Ready,
		Reload:  r.reload,
		Listen:  r.o.AdminListen,
		URLs:    r.o.AdminURLs,
		Access:  r.guard,
		Console: pages,
		Logger:  r.o.Logger,
	}, err
}

// jobOptions are those of the jobs, which change deliveries as people do.
func (r *Relay) jobOptions() jobs.Options {
	return jobs.Options{Store: r.store, Logger: r.o.Logger, Busy: r.engine.Busy,
		NewID: func(now time.Time) string { return r.engine.IDs.Next(now).String() },
		Retry: r.engine.Retry, Rerender: r.engine.Rerender,
		Cancel: func(ctx context.Context, list []store.Delivery) (int, error) {
			return r.engine.CancelMany(ctx, list, desk.CancelledByPerson)
		},
		Refused: func(err error) string {
			var refused *relay.RerenderError
			if errors.As(err, &refused) {
				return "not rendered again: " + refused.Reason
			}
			return ""
		}}
}

// accessOptions are those of the command line, with the sessions in the store.
func (r *Relay) accessOptions() access.Options {
	o := r.o.Access
	o.Sessions, o.Logger = r.store, r.o.Logger
	o.Secure = r.admin.scheme == "https" || len(r.o.AdminURLs) > 0
	for _, text := range r.o.AdminURLs {
		o.Secure = o.Secure && (r.admin.scheme == "https" || strings.HasPrefix(text, "https:"))
	}
	return o
}

// status describes the running relay for the admin API.
func (r *Relay) status() desk.Status {
	last, cfg, states := r.reloader.Status(), r.engine.Config(), r.engine.NotifierStates()
	st := desk.Status{Version: r.o.Version, DryRun: r.o.DryRun, LoadedAt: last.LoadedAt, States: map[string]string{},
		Timezone: cfg.Settings.Location.String(), HasZone: cfg.Settings.HasZone}
	if errs := last.Problems.Errors(); len(errs) > 0 {
		st.LoadError = errs.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Notifiers)) {
		configured := cfg.Notifiers[name]
		n := desk.Notifier{Name: name, Type: configured.Spec.Type, Configured: true}
		n.Rate, n.RateEach = configured.RateText()
		if state, runs := states[name]; runs {
			n.State, n.Why, n.Since = state.State, state.Why, &state.Since
			if !state.NextTry.IsZero() {
				n.NextTry = &state.NextTry
			}
			st.States[name] = state.State
		}
		st.Notifiers = append(st.Notifiers, n)
	}
	return st
}

// newPresence returns the board on which the relays of a store show the states of their notifiers, or nil where no other
// relay can use the store.
func (r *Relay) newPresence() *presence.Board {
	if r.store.Notifications() == nil {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "a relay"
	}
	return presence.New(presence.Options{KV: r.store, Now: r.store.Now, ID: rand.Text(), Logger: r.o.Logger,
		Name:   func() string { return fmt.Sprintf("%s, node %d", host, r.store.Node()) },
		States: r.engine.NotifierStates})
}

// relays lists the relays that use the store.
func (r *Relay) relays(ctx context.Context) ([]presence.Relay, error) {
	if r.presence == nil {
		return nil, nil
	}
	return r.presence.List(ctx)
}
