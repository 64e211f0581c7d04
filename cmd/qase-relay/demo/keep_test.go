package demo

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/demo/week"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
)

// TestTheWeekFillsAStore plays a week that ends in working time and one that ends in a night at the weekend. Each has all
// that the console shows.
func TestTheWeekFillsAStore(t *testing.T) {
	for name, until := range map[string]time.Time{"working time": time.Date(2026, 11, 25, 14, 20, 0, 0, time.UTC),
		"a night": time.Date(2026, 11, 30, 3, 10, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startReceivers(t)
			file := filepath.Join(t.TempDir(), "relay.db")
			files, err := d.writeRules(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := config.Load(files, config.LoadOptions{})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			d.receivers.quiet.Store(true)
			n, err := week.Play(t.Context(), week.Options{Path: file, Config: cfg, Qase: d.receivers.qase, Until: until,
				Receive: func(ask week.Receive) { d.receivers.ask(ask) }})
			if err != nil || n < 400 {
				t.Fatalf("%d events, %v", n, err)
			}
			checkWeek(t, "sqlite:"+file, cfg, until)
		})
	}
}

// startReceivers starts the receivers of a demo that is kept.
func startReceivers(t *testing.T) *player {
	t.Helper()
	r, err := NewReceivers()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return &player{receivers: r, secret: "s", keep: true}
}

func checkWeek(t *testing.T, url string, cfg *config.Config, until time.Time) {
	t.Helper()
	s, err := app.OpenStore(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	states, retried, matched := map[store.State]int{}, 0, map[string]bool{}
	list, _, err := s.Deliveries(t.Context(), store.DeliveryFilter{Limit: 1000})
	for _, one := range list {
		states[one.State]++
		matched[one.Rule] = true
		if one.State == store.Delivered && one.Attempts > 1 {
			retried++
		}
		if one.CreatedAt.Before(until.AddDate(0, 0, -7)) || one.UpdatedAt.After(until.Add(time.Minute)) {
			t.Errorf("%s is of %v to %v", one.Title, one.CreatedAt, one.UpdatedAt)
		}
	}
	if err != nil || states[store.Delivered] < 60 || states[store.Dead] < 1 || retried < 1 {
		t.Errorf("deliveries: %v, %d after a retry, %v", states, retried, err)
	}
	for _, rule := range cfg.Rules.Names() {
		if !matched[rule] {
			t.Errorf("%s never sent anything", rule)
		}
	}
	events, _, err := s.Outlines(t.Context(), store.OutlineFilter{Limit: 1000})
	nights := slices.DeleteFunc(slices.Clone(events), func(e store.Outlined) bool {
		return e.ReceivedAt.UTC().Hour() != 0 && e.ReceivedAt.UTC().Hour() < 23 || e.ReceivedAt.After(until.Add(-2*time.Hour))
	})
	if err != nil || len(nights) > len(events)/20 {
		t.Errorf("%d of %d events in the middle of a night, %v", len(nights), len(events), err)
	}
	hours, err := s.Tallies(t.Context(), store.TallyFilter{Kind: store.TallyEvent, From: until.AddDate(0, 0, -7), Until: until})
	if err != nil || len(hours) < 40 {
		t.Errorf("%d tallies of events, %v", len(hours), err)
	}
	slots, _, err := s.OpenSlots(t.Context(), store.SlotFilter{Limit: 20})
	if err != nil || !slices.ContainsFunc(slots, func(one store.Slot) bool { return strings.Contains(one.Key, "case-news") }) {
		t.Errorf("no digest waits: %v, %v", slots, err)
	}
	deeds, _, err := s.Audit(t.Context(), store.AuditFilter{})
	if err != nil || len(deeds) != 2 {
		t.Errorf("people have done %v, %v", deeds, err)
	}
}

// TestTheDemoIsKept starts the demo with a week, and stops it once it has printed the address of the console.
func TestTheDemoIsKept(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		cmd := New(terminal.NewConsole(os.Stdin, w, w))
		cmd.SetArgs([]string{"--keep"})
		ended <- cmd.ExecuteContext(ctx)
		_ = w.Close()
	}()
	found := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		t.Log(lines.Text())
		if address, ok := strings.CutPrefix(lines.Text(), "console  "); ok {
			found = strings.HasPrefix(address, "http://127.0.0.1:") && strings.HasSuffix(address, "/")
			stop()
		}
	}
	if err := <-ended; err != nil || !found {
		t.Errorf("the demo ended with %v; the address of the console was found: %v", err, found)
	}
}
