package failures

import (
	"encoding/json"
	"slices"
)

// Limits of what events of results leave.
const (
	maxFailing      = 500
	maxFailingBytes = 64 << 10
)

// Failing are the failing results of a run that has not ended, as far as events have brought them. They are a help without
// a token for the Qase API, which knows better.
type Failing struct {
	Results []Result `json:"results"` // in the order of their cases
	Left    int      `json:"left,omitempty"`
}

// ReadFailing reads the output of Encode. Anything else is empty.
func ReadFailing(data []byte) *Failing {
	var f Failing
	if len(data) == 0 || json.Unmarshal(data, &f) != nil {
		return &Failing{}
	}
	return &f
}

// Encode returns the results as JSON of at most 64 KiB, or nil if there are none.
func (f *Failing) Encode() []byte {
	for {
		if len(f.Results)+f.Left == 0 {
			return nil
		}
		data, err := json.Marshal(f)
		if err == nil && len(data) <= maxFailingBytes {
			return data
		}
		half := len(f.Results) / 2
		f.Results, f.Left = f.Results[:half], f.Left+len(f.Results)-half
	}
}

// Take takes a result: one that fails is kept, and one that does not takes away that of its case. It reports whether
// anything has changed.
func (f *Failing) Take(r *Result) bool {
	at, found := slices.BinarySearchFunc(f.Results, r, func(old Result, r *Result) int { return compareKeys(&old, r) })
	switch {
	case found && f.Results[at].EndTime > r.EndTime: // it comes late
		return false
	case found && !Fails(r.Status):
		f.Results = slices.Delete(f.Results, at, at+1)
	case !Fails(r.Status):
		return false
	case found:
		f.Results[at] = *r
	case len(f.Results) >= maxFailing:
		f.Left++
	default:
		f.Results = slices.Insert(f.Results, at, *r)
	}
	return true
}

// compareKeys orders results by their cases.
func compareKeys(a, b *Result) int {
	switch x, y := a.Key(), b.Key(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Run returns what is known of the results of a run with so many failing ones, or nil for nothing.
func (f *Failing) Run(failed int) *Run {
	if len(f.Results) == 0 {
		return nil
	}
	n := len(f.Results) + f.Left
	return &Run{Known: true, Complete: n >= failed && f.Left == 0, Source: FromEvents, Failed: failed, Results: f.Results, Left: f.Left}
}
