package app

import (
	"maps"
	"net/http"
	"slices"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
	"qaserelay/relay/ingest"
	"qaserelay/relay/metrics"
)

func newAdminServer(s *Service, metrics *metrics.Metrics) *http.Server {
	return ingest.Server("", admin.New(admin.Options{
		Store:   s.Store,
		Metrics: metrics.Handler(),
		Ready:   s.engine.Ready,
		Reload:  s.reloader.Reload,
		Status:  s.status,
		Retry:   s.engine.Retry,
		Replay:  s.engine.Replay,
		Resume:  s.engine.Resume,
		Drift:   func() any { return s.engine.Drift() },
		Token:   s.O.AdminToken,
		Logger:  s.O.Logger,
	}))
}

// status tells the admin API what runs.
func (s *Service) status() admin.Status {
	last, cfg := s.reloader.Status(), s.engine.Config()
	st := admin.Status{Version: terminal.Version(), DryRun: s.O.DryRun, LoadedAt: last.LoadedAt}
	if terminal.HasErrors(last.Problems) {
		st.LoadError = terminal.OnlyErrors(last.Problems).Error()
	}
	st.Rules = cfg.Rules.Rules()
	states := s.engine.NotifierStates()
	st.States = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Outs)) {
		out := cfg.Outs[name]
		n := admin.Notifier{Name: name, Type: out.Spec.Type, Configured: true}
		n.Rate, n.RateEach = out.RateText()
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
