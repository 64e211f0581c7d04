// Package latency makes percentiles of what is counted of durations.
package latency

import (
	"strconv"

	"qaserelay/relay/store"
)

// Latency are percentiles in seconds, interpolated within the buckets of a histogram, which double from 1 ms on.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// Of returns the percentiles of tallies of durations, or nil if there are none.
func Of(list []store.Tally) *Latency {
	var h Histogram
	for _, t := range list {
		h.Add(t.B, t.N)
	}
	return h.Percentiles()
}

// Histogram counts durations in the buckets of the store. The zero value is empty.
type Histogram struct {
	n   [store.LatencyBuckets]int64
	sum int64
}

// Add counts n durations of a bucket.
func (h *Histogram) Add(bucket string, n int64) {
	i, err := strconv.Atoi(bucket)
	if err == nil && i >= 0 && i < len(h.n) {
		h.n[i] += n
		h.sum += n
	}
}

// Percentiles returns nil if there is nothing.
func (h *Histogram) Percentiles() *Latency {
	if h.sum == 0 {
		return nil
	}
	return &Latency{h.at(0.5), h.at(0.9), h.at(0.99)}
}

// at returns the duration in seconds under which a share of all is.
func (h *Histogram) at(share float64) float64 {
	want, below := share*float64(h.sum), 0.0
	for i, n := range h.n {
		if n == 0 {
			continue
		}
		if here := float64(n); below+here >= want {
			from, under := store.LatencyRange(i)
			return from.Seconds() + (under-from).Seconds()*(want-below)/here
		}
		below += float64(n)
	}
	return 0
}
