package client

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Load posts many events at the same time and counts the answers. Run is called once; Done may be called meanwhile.
type Load struct {
	o      Options
	events int
	event  func(n int) ([]byte, error)

	mu    sync.Mutex
	taken int
	took  []time.Duration
	sum   Summary
}

// Summary is the result of many posts.
type Summary struct {
	Sent       int            `json:"sent"`
	Duplicates int            `json:"duplicates"`
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"per_second"`
	Statuses   map[string]int `json:"statuses"`
	P50        float64        `json:"p50_ms"`
	P90        float64        `json:"p90_ms"`
	P99        float64        `json:"p99_ms"`
	Max        float64        `json:"max_ms"`

	Refused *Answer `json:"-"` // the first answer that did not accept its event, or nil
	Reached bool    `json:"-"` // there was an answer
}

// NewLoad returns a load of so many events, of which event makes the n-th, from 0 on.
func NewLoad(o Options, events int, event func(n int) ([]byte, error)) *Load {
	return &Load{o: o, events: events, event: event, sum: Summary{Statuses: map[string]int{}}}
}

// Run posts the events over Concurrency connections, until all are posted or ctx is done.
func (l *Load) Run(ctx context.Context) Summary {
	p, start := New(l.o), time.Now()
	var workers sync.WaitGroup
	for range min(l.o.Concurrency, l.events) {
		workers.Go(func() {
			for n, ok := l.take(); ok && ctx.Err() == nil; n, ok = l.take() {
				if body, err := l.event(n); err != nil {
					l.add(Answer{Err: err})
				} else {
					l.add(p.Post(ctx, body))
				}
			}
		})
	}
	workers.Wait()
	slices.Sort(l.took)
	l.sum.Seconds = time.Since(start).Seconds()
	l.sum.Rate = float64(l.sum.Sent) / max(l.sum.Seconds, 1e-9)
	l.sum.P50, l.sum.P90 = quantile(l.took, 50), quantile(l.took, 90)
	l.sum.P99, l.sum.Max = quantile(l.took, 99), quantile(l.took, 100)
	return l.sum
}

// Done returns the number of events that were posted so far.
func (l *Load) Done() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum.Sent
}

// take returns the number of the next event.
func (l *Load) take() (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == l.events {
		return 0, false
	}
	l.taken++
	return l.taken - 1, true
}

func (l *Load) add(a Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Sent++
	l.took = append(l.took, a.Took)
	if a.Duplicate {
		l.sum.Duplicates++
	}
	status := "no answer"
	if a.Code != 0 {
		l.sum.Reached, status = true, a.Status
	}
	l.sum.Statuses[status]++
	if !a.Accepted() && l.sum.Refused == nil {
		l.sum.Refused = &a
	}
}

// quantile returns the nearest-rank percentile of sorted times in milliseconds.
func quantile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
}
