package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
)

// limited starts an engine with these settings. Its notifier answers when it is told to.
func limited(t *testing.T, s rules.Settings) (r *rig, answer chan struct{}) {
	answer = make(chan struct{})
	r = newRig(t, dispatchtest.Senders{"n": func(ctx context.Context, _ *notifiers.Message) (notifiers.Receipt, error) {
		select {
		case <-answer:
		case <-ctx.Done():
		}
		return notifiers.Receipt{}, nil
	}}, func(o *Options) { o.Config.Settings = s })
	return r, answer
}

// offer offers events until one is refused, and returns how many were taken.
func (r *rig) offer(t *testing.T) int {
	for n := 0; ; n++ {
		if _, err := r.Accept(t.Context(), newEvent(t, "", fmt.Sprint(time.Now(), n))); err != nil {
			if !errors.Is(err, errFull) || n > 100 {
				t.Fatalf("after %d events: %v", n, err)
			}
			return n
		}
	}
}

// scrape returns the metrics as text.
func (r *rig) scrape() string {
	w := httptest.NewRecorder()
	r.Metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestEventsAreRefusedWhileTheBacklogIsAtItsLimit(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit func(message int) rules.Backlog
	}{
		{"by deliveries", func(int) rules.Backlog { return rules.Backlog{Deliveries: 5} }},
		{"by bytes", func(message int) rules.Backlog { return rules.Backlog{Bytes: int64(4*message + message/2)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, answer := limited(t, rules.Settings{})
				r.accept(t, "", fmt.Sprint(time.Now(), 0))
				cfg := *r.Config()
				with := *cfg.Config
				with.Settings.Backlog = c.limit(int(r.Store.Load().Bytes))
				cfg.Config = &with
				r.Reload(&cfg)
				if err := r.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if n := r.offer(t); n != 4 {
					t.Errorf("%d more were taken, want 4", n)
				}
				if err := r.Ready(t.Context()); !errors.Is(err, errFull) {
					t.Errorf("ready: %v", err)
				}
				r.offer(t)
				answer <- struct{}{} // deliveries go on, and make room for one
				synctest.Wait()
				time.Sleep(time.Second)
				if n := r.offer(t); n != 1 {
					t.Errorf("with room for one, %d were taken", n)
				}
				logs := r.logs.String()
				if strings.Count(logs, "events refused") != 2 || strings.Count(logs, "events accepted again") != 1 {
					t.Errorf("logs:\n%s", logs)
				}
				if text := r.scrape(); !strings.Contains(text, `outcome="refused",source="qase"} 3`) {
					t.Errorf("metrics:\n%s", text)
				}
				close(answer)
			})
		})
	}
}

func TestABurstPassesTheLimitByNoMoreThanABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, answer := limited(t, rules.Settings{Backlog: rules.Backlog{Deliveries: 10}})
		r.memory.Slow = time.Millisecond
		var callers sync.WaitGroup
		for i := range 3 * maxBatch {
			callers.Go(func() { _, _ = r.Accept(t.Context(), newEvent(t, "", fmt.Sprint(i))) })
		}
		callers.Wait()
		if n := r.Store.Load().Deliveries; n < 10 || n > 10+maxBatch {
			t.Errorf("%d deliveries are unfinished", n)
		}
		close(answer)
	})
}

// smallDisk is a store whose file system is nearly full.
type smallDisk struct {
	*memory.Store
	mu    sync.Mutex
	free  int64
	err   error
	looks int
}

func (d *smallDisk) FreeDisk() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	return d.free, d.err
}

func (d *smallDisk) set(free int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.err = free, err
}

func TestEventsAreRefusedWhileTheDiskIsNearlyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &smallDisk{free: 1000}
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"n": got.Always(nil)}, func(o *Options) {
			disk.Store = o.Store.(*memory.Store)
			o.Store, o.Config.Settings = disk, rules.Settings{MinFreeDisk: 1000}
		})
		for range 10 {
			r.accept(t, "", fmt.Sprint(time.Now()))
			time.Sleep(50 * time.Millisecond)
		}
		if disk.looks != 1 {
			t.Errorf("looked %d times within a second", disk.looks)
		}
		disk.set(999, nil)
		time.Sleep(time.Second)
		if n := r.offer(t); n != 0 {
			t.Errorf("%d were taken", n)
		}
		if !strings.Contains(r.logs.String(),
			"999 bytes are free on the file system of the store, and settings.min_free_disk is 1000 bytes") {
			t.Errorf("logs:\n%s", r.logs)
		}
		if text := r.series(); !strings.Contains(text, "\nqase_relay_disk_free_bytes 999\n") ||
			!strings.Contains(text, "\nqase_relay_disk_min_free_bytes 1000\n") {
			t.Errorf("metrics:\n%s", text)
		}
		disk.set(0, errors.New("no idea"))
		time.Sleep(time.Second)
		r.accept(t, "", "where nothing is known, there is room")
		disk.set(1000, nil)
		time.Sleep(time.Second)
		r.accept(t, "", "and when there is enough again")
	})
}
