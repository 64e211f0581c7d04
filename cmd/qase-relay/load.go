package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
)

// sendMany posts many copies concurrently and prints a summary of the answers.
func sendMany(ctx context.Context, c *terminal.Console, f sendFlags, d *draft) error {
	if _, err := d.copy(1, time.Now()); err != nil {
		return err
	}
	base := 1 + rand.IntN(1<<30) // makes the copies of two runs within a second differ
	p, t := client.New(f.Options), newTally(f.count)
	bar := &progress{s: c.Err, want: f.count}
	start := time.Now()
	var workers sync.WaitGroup
	for range min(f.Concurrency, f.count) {
		workers.Go(func() {
			for n, ok := t.take(); ok && ctx.Err() == nil; n, ok = t.take() {
				body, err := d.copy(base+n, time.Now())
				if err != nil {
					t.add(client.Answer{Err: err})
					continue
				}
				t.add(p.Post(ctx, body))
			}
		})
	}
	finished := make(chan struct{})
	go func() { workers.Wait(); close(finished) }()
	bar.watch(t, finished)
	sum := t.sum(time.Since(start))
	if f.json {
		if err := c.WriteJSON(sum); err != nil {
			return err
		}
	} else {
		sum.print(c.Out)
	}
	return t.err(f.URL, f.json)
}

// tally counts answers. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	want     int
	taken    int
	done     int
	dups     int
	statuses map[string]int
	took     []time.Duration
	reached  bool
	failed   *client.Answer // the first answer that did not accept
}

func newTally(want int) *tally { return &tally{want: want, statuses: map[string]int{}} }

// take returns the number of the next copy.
func (t *tally) take() (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken == t.want {
		return 0, false
	}
	t.taken++
	return t.taken - 1, true
}

func (t *tally) add(a client.Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.took = append(t.took, a.Took)
	if a.Duplicate {
		t.dups++
	}
	if a.Code != 0 {
		t.reached = true
		t.statuses[a.Status]++
	} else {
		t.statuses["no answer"]++
	}
	if !a.Accepted() && t.failed == nil {
		t.failed = &a
	}
}

func (t *tally) progress() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done
}

// err returns the error of the command. quiet leaves out the message.
func (t *tally) err(to string, quiet bool) error {
	switch {
	case t.failed == nil && t.done < t.want:
		return terminal.Wrong(fmt.Errorf("stopped after %d of %d", t.done, t.want))
	case t.failed == nil:
		return nil
	}
	code := terminal.ExitWrong
	if !t.reached {
		code = terminal.ExitUsage
	}
	if quiet {
		return &terminal.ExitError{Code: code}
	}
	return &terminal.ExitError{Code: code, Err: terminal.AnswerError(*t.failed, to)}
}

// summary is the result of many posts.
type summary struct {
	Sent       int            `json:"sent"`
	Duplicates int            `json:"duplicates"`
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"per_second"`
	Statuses   map[string]int `json:"statuses"`
	P50        float64        `json:"p50_ms"`
	P90        float64        `json:"p90_ms"`
	P99        float64        `json:"p99_ms"`
	Max        float64        `json:"max_ms"`
}

func (t *tally) sum(took time.Duration) summary {
	slices.Sort(t.took)
	s := summary{Sent: t.done, Duplicates: t.dups, Seconds: took.Seconds(), Statuses: t.statuses}
	s.Rate = float64(t.done) / max(took.Seconds(), 1e-9)
	s.P50, s.P90, s.P99, s.Max = quantile(t.took, 50), quantile(t.took, 90), quantile(t.took, 99), quantile(t.took, 100)
	return s
}

// quantile returns the nearest-rank percentile of sorted times in milliseconds.
func quantile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
}

func (s summary) print(out *terminal.Screen) {
	out.Printf("posted %s in %.2f s: %s\n", terminal.Plural(s.Sent, "event"), s.Seconds,
		out.Bold(fmt.Sprintf("%.0f a second", s.Rate)))
	for _, status := range slices.Sorted(maps.Keys(s.Statuses)) {
		out.Printf("  %6d  %s\n", s.Statuses[status], status)
	}
	if s.Duplicates > 0 {
		out.Printf("  %6d  of them duplicates, which the relay sends only once\n", s.Duplicates)
	}
	out.Printf("answered within  p50 %.1f ms  p90 %.1f ms  p99 %.1f ms  max %.1f ms\n", s.P50, s.P90, s.P99, s.Max)
}

// progress is a progress bar. Without a terminal it prints nothing.
type progress struct {
	s    *terminal.Screen
	want int
}

// watch draws the bar until finished is closed.
func (p *progress) watch(t *tally, finished <-chan struct{}) {
	if !p.s.Terminal {
		<-finished
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		p.draw(t.progress())
		select {
		case <-finished:
			p.s.Printf("\r\x1b[K")
			return
		case <-tick.C:
		}
	}
}

func (p *progress) draw(done int) {
	wide := min(40, p.s.Columns-24)
	full := wide * done / p.want
	p.s.Printf("\r%s%s %d/%d", p.s.Good(strings.Repeat("█", full)), p.s.Dim(strings.Repeat("░", wide-full)), done, p.want)
}
