package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/silences"
	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite"
	"qaserelay/rules"
	"qaserelay/rules/people"
)

// testAPI is a running admin API over a real store with five events. Each has a delivery: that of the third is dead,
// the others are pending.
type testAPI struct {
	url        string
	store      store.Store
	events     []store.ID
	deliveries []store.ID
	ready      error
	reload     error
	reloads    int
	jobs       *jobs.Register
	replayed   string // what was asked for last
}

// replay replaces the engine: the first event has gone, all others match a rule more.
func (d *testAPI) replay(_ context.Context, ids []store.ID, o relay.ReplayOptions) []relay.Replay {
	var all []relay.Replay
	d.replayed = fmt.Sprint(ids, o.Dry)
	for i, id := range ids {
		r := relay.Replay{Event: id, New: store.ID(100 + i), Matched: []string{"done", "new"}, Gained: []string{"new"},
			Messages: []relay.MadeMessage{{ID: store.ID(200 + i), Rule: "new", Notifier: "ops", Title: "t"}}}
		if id == d.events[0] {
			r = relay.Replay{Event: id, Err: store.ErrNotFound}
		}
		all = append(all, r)
	}
	return all
}

const message = `{"id":"x","rule":"r","level":"info","title":"<b> & c","options":{"url":"https://user:pw@hooks.example.com/T0/s3cret?key=s3cret",` +
	`"headers":{"X-Key":"s3cret","Authorization":"Bearer s3cret"},"method":"POST"},"created_at":"2026-01-02T03:04:05Z"}`

func open(t *testing.T, token string) *testAPI {
	return start(t, Options{Access: access.New(access.Options{Token: token})})
}

// start is open with more options.
func start(t *testing.T, o Options) *testAPI {
	t.Helper()
	d := &testAPI{}
	if o.Access == nil {
		o.Access = access.New(access.Options{})
	}
	var err error
	if d.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "relay.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	d.fill(t)
	d.jobs = jobs.New(d.jobOptions())
	o.Desk = desk.New(d.options())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.jobs.Run(ctx) })
	o.Why = why.New(o.Desk, d.store)
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "metrics 1\n")
	})
	o.Ready = func(context.Context) error { return d.ready }
	o.Reload = func(context.Context) error { d.reloads++; return d.reload }
	server := httptest.NewServer(described(t, New(o)))
	t.Cleanup(func() { server.Close(); cancel(); running.Wait(); _ = d.store.Close() })
	d.url = server.URL
	return d
}

// jobOptions are those of jobs that work with the store alone.
func (d *testAPI) jobOptions() jobs.Options {
	ids := store.NewIDs(2)
	return jobs.Options{Store: d.store, Logger: slog.New(slog.DiscardHandler), Busy: func() string { return "" },
		NewID: func(now time.Time) string { return ids.Next(now).String() },
		Retry: d.store.Retry,
		Cancel: func(ctx context.Context, list []store.Delivery) (int, error) {
			var ids []store.ID
			for _, one := range list {
				ids = append(ids, one.ID)
			}
			return d.store.Cancel(ctx, ids, desk.CancelledByPerson)
		}}
}

// options are those of a desk over the store.
func (d *testAPI) options() desk.Options {
	ids := store.NewIDs(1)
	return desk.Options{
		Store: d.store,
		Status: func() desk.Status {
			return desk.Status{Version: "1.2.3",
				Notifiers: []desk.Notifier{{Name: "ops", Type: "http", Configured: true},
					{Name: "idle", Type: "email", Configured: true}}}
		},
		Jobs:  d.jobs,
		Retry: d.store.Retry,
		Cancel: func(ctx context.Context, id store.ID, why string) (bool, error) {
			n, err := d.store.Cancel(ctx, []store.ID{id}, why)
			return n > 0, err
		},
		Resume: func(_ context.Context, name string) error {
			if name != "ops" {
				return dispatch.ErrNoNotifier
			}
			return nil
		},
		Replay: d.replay,
		Silences: silences.New(silences.Options{KV: d.store, Now: d.store.Now, Logger: slog.New(slog.DiscardHandler),
			NewID: func(now time.Time) string { return ids.Next(now).String() }}),
		Config: configWithRule,
	}
}

// configWithRule has the rule done and the notifier ops.
func configWithRule() *config.Config {
	cfg := dispatchtest.Config(dispatchtest.Senders{"ops": nil})
	cfg.Settings.Location = time.FixedZone("CET", 3600)
	cfg.Rules = rules.NewSet(rules.Options{Settings: cfg.Settings, People: people.New(nil)},
		[]*rules.Rule{{RuleInfo: rules.RuleInfo{Name: "done", When: "true", Enabled: true}}})
	return cfg
}

func (d *testAPI) fill(t *testing.T) {
	t.Helper()
	ids, start := store.NewIDs(0), time.Now().Add(-time.Minute)
	for i := range 5 {
		at := start.Add(time.Duration(i) * time.Second)
		e := store.Event{ID: ids.Next(at), Source: "qase", Name: "run.completed", Project: []string{"WEB", "API"}[i%2],
			Hash: [32]byte{byte(i)}, Body: fmt.Appendf(nil, `{"event_name":"run.completed","payload":{"id":%d}}`,
				i), ReceivedAt: at}
		delivery := ids.Next(at)
		_, err := d.store.Accept(t.Context(), []store.Event{e},
			func(int, func(string) ([]byte, error)) (store.Plan, error) {
				return store.Plan{Decisions: []byte(`{"results":[{"rule":"done","outcome":"matched"}],"not_matched":0}`),
					Outline: store.Outline{Subject: fmt.Sprint("run ", i), Outcome: store.OutcomeMatched,
						Rules: []store.RuleOutcome{{Rule: "done", Outcome: "matched"}}},
					Deliveries: []store.NewDelivery{{ID: delivery, Rule: "done", Notifier: []string{"ops", "gone"}[i%2],
						Title: fmt.Sprint("title ", i), Message: []byte(message)}}}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		d.events, d.deliveries = append(d.events, e.ID), append(d.deliveries, delivery)
	}
	claimed, err := d.store.Claim(t.Context(), "ops", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claimed {
		o := store.Outcome{ID: c.ID, Lease: c.Lease, State: store.Pending}
		if c.ID == d.deliveries[2] {
			o.State = store.Dead
			o.Attempt = &store.Attempt{At: time.Now(), Took: 1500 * time.Millisecond, Status: "404 Not Found",
				Reason: "clientError", Error: "no such hook", Response: "nope"}
		}
		if err := d.store.Finish(t.Context(), []store.Outcome{o}); err != nil {
			t.Fatal(err)
		}
	}
}

// call returns the status and the answer, as text and as JSON if it is.
func (d *testAPI) call(t *testing.T, method, path string, headers ...string) (int, string, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, d.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // some answers are plain text
	return resp.StatusCode, string(text), answer
}
