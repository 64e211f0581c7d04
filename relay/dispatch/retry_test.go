package dispatch

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"qaserelay/notifiers"
)

func TestRetryNext(t *testing.T) {
	plain := errors.New("503 Service Unavailable")
	after := func(d time.Duration) error {
		return fmt.Errorf("sending: %w", &notifiers.RetryAfterError{After: d, Err: plain})
	}
	doubtful := &notifiers.RetryAfterError{After: time.Second, Err: &notifiers.DoubtfulError{Err: plain}}
	own := Retry{Initial: time.Second, Max: 10 * time.Second, For: time.Minute}
	cases := []struct {
		name    string
		retry   Retry
		attempt int
		since   time.Duration
		err     error
		random  float64
		wait    time.Duration
		again   bool
	}{
		{"the first wait is at most 5 seconds", Retry{}, 1, 0, plain, 1, 5 * time.Second, true},
		{"a wait is never nothing", Retry{}, 1, 0, plain, 0, 500 * time.Millisecond, true},
		{"the ceiling doubles", Retry{}, 4, time.Minute, plain, 1, 40 * time.Second, true},
		{"waits end at an hour", Retry{}, 30, 20 * time.Hour, plain, 1, time.Hour, true},
		{"a huge number of attempts does not overflow", Retry{}, 1 << 40, time.Hour, plain, 1, time.Hour, true},
		{"the notifier's own limits are used", own, 9, 10 * time.Second, plain, 1, 10 * time.Second, true},
		{"after its time it gives up", own, 9, time.Minute + 1, plain, 1, 0, false},
		{"after a day it gives up", Retry{}, 31, 24*time.Hour + 1, plain, 1, 0, false},
		{"a permanent error is never tried again", Retry{}, 1, 0, &notifiers.PermanentError{Err: plain}, 1, 0, false},
		{"a doubtful answer is tried again", Retry{}, 9, 15 * time.Minute, doubtful, 1, 1280 * time.Second, true},
		{"but not for long", Retry{}, 9, 15*time.Minute + 1, doubtful, 1, 0, false},
		{"and not for longer than the notifier wants", own, 9, time.Minute + 1, doubtful, 1, 0, false},
		{"a receiver's later time is kept", Retry{}, 1, 0, after(30 * time.Second), 1, 30 * time.Second, true},
		{"a receiver's sooner time does not shorten the wait", Retry{}, 4, 0, after(time.Second), 1,
			40 * time.Second, true},
		{"a receiver cannot ask for more than an hour", own, 1, 0, after(24 * time.Hour), 1, time.Hour, true},
		{"a longer limit of the notifier bounds what a receiver may ask", Retry{Max: 3 * time.Hour}, 1, 0,
			after(24 * time.Hour), 1, 3 * time.Hour, true},
		{"a receiver's time does not outlast the notifier's", own, 1, 2 * time.Minute, after(time.Second), 1, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wait, again := c.retry.Next(c.attempt, c.since, c.err, c.random)
			if wait != c.wait || again != c.again {
				t.Errorf("got %v, %v; want %v, %v", wait, again, c.wait, c.again)
			}
		})
	}
}

func FuzzRetryNext(f *testing.F) {
	f.Add(1, int64(0), int64(5e9), int64(3600e9), int64(86400e9), int64(0), 0.5)
	f.Add(1<<62, int64(-1), int64(-1), int64(1<<62), int64(1<<62), int64(1<<62), 7.0)
	f.Fuzz(func(t *testing.T, attempt int, since, initial, most, limit, after int64, random float64) {
		r := Retry{time.Duration(initial), time.Duration(most), time.Duration(limit)}
		err := &notifiers.RetryAfterError{After: time.Duration(after), Err: errors.New("busy")}
		wait, again := r.Next(attempt, time.Duration(since), err, random)
		ceiling := max(time.Hour, r.Max)
		if wait < 0 || wait > ceiling {
			t.Errorf("wait %v is not between 0 and %v", wait, ceiling)
		}
		if asked := min(err.After, ceiling); again && wait < asked {
			t.Errorf("wait %v, but the receiver asked for %v", wait, asked)
		}
		if again && wait == 0 && initial > 10 && most > 10 {
			t.Error("another attempt without any wait")
		}
		allowance := r.For
		if allowance <= 0 {
			allowance = 24 * time.Hour
		}
		if again != (time.Duration(since) <= allowance) {
			t.Errorf("again is %v after %v of %v", again, time.Duration(since), allowance)
		}
	})
}

func TestGiveUpSaysHowLongAndHowOften(t *testing.T) {
	err := errors.New("503 Service Unavailable")
	for since, want := range map[time.Duration]string{
		24*time.Hour + 4*time.Second:  "gave up after 24h and 31 attempts: 503 Service Unavailable",
		90*time.Minute + time.Second:  "gave up after 1h30m and 31 attempts: 503 Service Unavailable",
		45*time.Second + 3:            "gave up after 45s and 31 attempts: 503 Service Unavailable",
		10*time.Minute + 10:           "gave up after 10m and 31 attempts: 503 Service Unavailable",
		20 * time.Hour:                "gave up after 20h and 31 attempts: 503 Service Unavailable",
		100*time.Hour + 3*time.Minute: "gave up after 100h3m and 31 attempts: 503 Service Unavailable",
	} {
		if got := giveUp(err, 31, since); got != want {
			t.Errorf("%v: got %q, want %q", since, got, want)
		}
	}
	if got := giveUp(&notifiers.PermanentError{Err: errors.New("channel_not_found")}, 1,
		0); got != "channel_not_found" {
		t.Errorf("a permanent error reads %q", got)
	}
}
