package relay

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
)

func TestAReloadSwitchesTheIndexOfWordsOffAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		for _, off := range []bool{false, true, false} {
			cfg := dispatchtest.Config(dispatchtest.Senders{"ops": got.Always(nil)})
			cfg.Settings.NoSearch = off
			r.Reload(cfg)
			time.Sleep(2 * indexRest)
			if state, err := r.memory.IndexState(t.Context()); err != nil || state.On == off {
				t.Errorf("off is %v, and the index %+v, %v", off, state, err)
			}
		}
	})
}

func TestTheLagOfTheIndexIsAMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		time.Sleep(2 * indexRest)
		if text := r.series(); !strings.Contains(text, "qase_relay_search_lag_seconds 0\n") {
			t.Errorf("no lag of 0 in\n%s", text)
		}
		r.accept(t, "", "late")
		time.Sleep(time.Minute)
		if text := r.series(); strings.Contains(text, "qase_relay_search_lag_seconds 0\n") ||
			!strings.Contains(text, "qase_relay_search_lag_seconds ") {
			t.Errorf("no lag of a minute in\n%s", text)
		}
	})
}

func TestTheIndexWritesOnceASecondAndGivesWayToManyEvents(t *testing.T) {
	const step = 20 * time.Millisecond
	for name, c := range map[string]struct {
		rate   int // events a second
		lag    time.Duration
		want   time.Duration
		relays int // zero is one
	}{
		"nothing but stored events": {0, 0, indexPause, 0},
		"an event of just now":      {100, time.Millisecond, indexRest - time.Millisecond, 0},
		"one that has waited":       {100, 2 * time.Second, indexPause, 0},
		"as many as are promised":   {2000, 2 * time.Second, indexPause, 0},
		"as many at each of two":    {2000, 2 * time.Second, (busyShare - 1) * step, 2},
		"more than that":            {10_000, 2 * time.Second, (busyShare - 1) * step, 0},
		"too far behind":            {10_000, mostBehind, indexPause, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := indexPace{looked: time.Now(), relays: max(1, c.relays)}
				time.Sleep(time.Second)
				if got := p.pause(uint64(c.rate), step, c.lag); got != c.want {
					t.Errorf("the pause is %s, want %s", got, c.want)
				}
			})
		})
	}
}
