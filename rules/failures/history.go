package failures

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// Limits of a history.
const (
	maxRuns         = 20
	maxOlder        = 300       // runs before those, without their cases
	MaxHistoryBytes = 256 << 10 // of its encoding; over it, the cases whose last failure is oldest are left out
	maxText         = 100       // bytes of a title or id
	maxCases        = 50_000    // that are read
	maxPassedBytes  = 48 << 10  // of the ranges of cases that have passed
)

// outcome is how a case ended in one run.
type outcome uint64

const (
	notRun outcome = iota // or it is not known
	passed
	failed
	other // blocked, skipped
)

// History is what is kept of the last runs of a series: of the runs, and of the cases that failed in one of them. A case
// that is not in it has not failed. The zero value is empty.
type History struct {
	Runs   []Past // the newest end first
	Older  []End  // of the runs before these
	cases  map[int64]*series
	passed IDs // cases that have passed once, as far as they are known
	seen   linked
}

// Past is a run of a series that has ended.
type Past struct {
	ID, Title string
	Known     bool // it is known which cases failed
	End
}

// End is how a run has ended. It has no pointers, since a history has many.
type End struct {
	FinishedAt int64 // Unix seconds
	DurationMS int64
	Rate       int // the share of passed cases in per mille, or -1
	Aborted    bool
}

// ends returns the ends of all runs.
func (h *History) ends() []End {
	all := make([]End, 0, len(h.Runs)+len(h.Older))
	for i := range h.Runs {
		all = append(all, h.Runs[i].End)
	}
	return append(all, h.Older...)
}

// series are the outcomes of one case.
type series struct {
	outcomes uint64 // two bits for each of the runs, the newest first
	since    int64  // end of the run in which it began to fail; 0 if it does not fail
	more     int    // failing runs before the window, without one that it passed in between
	hash     uint64 // of its last failing result
	title    string // of a case that failed in the newest run with an outcome
	suite    string
}

func (s *series) at(run int) outcome { return outcome(s.outcomes >> (2 * run) & 3) }

// insert makes room for the outcome in a run, and drops what is out of the window.
func (s *series) insert(run int, o outcome) {
	low := s.outcomes & (1<<(2*run) - 1)
	if oldest := outcome(s.outcomes >> (2 * (maxRuns - 1)) & 3); oldest == failed {
		s.more++
	}
	s.outcomes = (s.outcomes>>(2*run)<<(2*run+2) | low | uint64(o)<<(2*run)) & (1<<(2*maxRuns) - 1)
	if s.has(passed) {
		s.more = 0
	}
}

// has reports whether the case has ended so in any of the runs.
func (s *series) has(o outcome) bool {
	for run := range maxRuns {
		if s.at(run) == o {
			return true
		}
	}
	return false
}

// version begins an encoded history. One before olderVersion has no older runs, one before defectsVersion no defects.
const (
	version        = 3
	defectsVersion = 3
	olderVersion   = 2
	firstVersion   = 1
)

// ReadHistory reads the output of Encode. Anything else is an empty history.
func ReadHistory(data []byte) *History {
	h, r := &History{cases: map[int64]*series{}}, reader{data: data}
	form := r.byte()
	if form < firstVersion || form > version {
		return h
	}
	runs := min(r.number(), maxRuns)
	h.Runs = make([]Past, 0, min(int(runs)+1, len(r.data))) // with room for the next one
	for range runs {
		run := Past{ID: r.text(), Title: r.text(), End: End{FinishedAt: int64(r.number()), Rate: int(r.number()) - 1,
			DurationMS: int64(r.number())}}
		flags := r.byte()
		run.Aborted, run.Known = flags&1 != 0, flags&2 != 0
		h.Runs = append(h.Runs, run)
	}
	id := int64(0)
	for range min(r.number(), maxCases) {
		if r.bad {
			break
		}
		id += int64(r.number())
		h.cases[id] = &series{outcomes: r.number() & (1<<(2*maxRuns) - 1), since: int64(r.number() &^ (1 << 63)), more: int(r.number() & 0xFFFF),
			hash: r.number(), title: r.text(), suite: r.text()}
	}
	next := 0
	for range min(r.number(), maxCases) {
		next += int(r.number() & 0xFFFFFFF)
		for range min(r.number(), uint64(maxIDs-len(h.passed))) {
			h.passed, next = append(h.passed, next), next+1
		}
	}
	if form >= olderVersion {
		h.Older = r.older()
	}
	if form >= defectsVersion {
		h.seen = r.linked()
	}
	if r.bad || len(r.data) > 0 {
		return &History{cases: map[int64]*series{}}
	}
	return h
}

// HasBefore reports whether there is a run that one can be compared with which ends at a time, in Unix seconds.
func (h *History) HasBefore(id string, end int64) bool {
	return slices.ContainsFunc(h.Runs, func(p Past) bool { return p.isBefore(id, end) })
}

// Forget removes a case, and reports whether it was known.
func (h *History) Forget(id int) bool {
	_, failed := h.cases[int64(id)]
	delete(h.cases, int64(id))
	at, passed := slices.BinarySearch(h.passed, id)
	if passed {
		h.passed = slices.Delete(h.passed, at, at+1)
	}
	h.seen.forget(int64(id))
	return failed || passed
}

// WasRed reports whether a case failed in the run before one that ends at a time, in Unix seconds.
func (h *History) WasRed(id string, end int64) bool {
	at := slices.IndexFunc(h.Runs, func(p Past) bool { return p.isBefore(id, end) })
	if at < 0 {
		return false
	}
	for _, c := range h.cases {
		if c.at(at) == failed {
			return true
		}
	}
	return false
}

// isBefore reports whether a run is one that another run can be compared with, which ends at a time.
func (p *Past) isBefore(id string, end int64) bool {
	return p.ID != id && p.FinishedAt <= end && !p.Aborted && p.Known
}

// Encode returns the history in at most MaxHistoryBytes.
func (h *History) Encode() []byte {
	for {
		data := h.encode()
		if len(data) <= MaxHistoryBytes {
			return data
		}
		ids := slices.SortedFunc(maps.Keys(h.cases), func(a, b int64) int { return h.lastFailure(b) - h.lastFailure(a) })
		for _, id := range ids[:len(ids)/10+1] {
			delete(h.cases, id)
		}
	}
}

// lastFailure returns how many runs ago a case failed.
func (h *History) lastFailure(id int64) int {
	for run := range maxRuns {
		if h.cases[id].at(run) == failed {
			return run
		}
	}
	return maxRuns
}

func (h *History) encode() []byte {
	out := make([]byte, 0, 256+40*len(h.Runs)+12*len(h.Older)) // mostly enough
	out = binary.AppendUvarint(append(out, version), uint64(len(h.Runs)))
	for _, r := range h.Runs {
		out = appendText(appendText(out, r.ID), r.Title)
		for _, n := range []int64{r.FinishedAt, int64(r.Rate) + 1, r.DurationMS} {
			out = binary.AppendUvarint(out, uint64(max(n, 0)))
		}
		flags := byte(0)
		if r.Aborted {
			flags |= 1
		}
		if r.Known {
			flags |= 2
		}
		out = append(out, flags)
	}
	out = binary.AppendUvarint(out, uint64(len(h.cases)))
	last := int64(0)
	for _, id := range slices.Sorted(maps.Keys(h.cases)) {
		c := h.cases[id]
		for _, n := range []uint64{uint64(id - last), c.outcomes, uint64(max(c.since, 0)), uint64(c.more), c.hash} {
			out = binary.AppendUvarint(out, n)
		}
		out, last = appendText(appendText(out, c.title), c.suite), id
	}
	return h.seen.append(h.appendOlder(h.passed.append(out)))
}

// appendOlder appends the older runs.
func (h *History) appendOlder(out []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(h.Older)))
	for _, r := range h.Older {
		aborted := uint64(0)
		if r.Aborted {
			aborted = 1
		}
		for _, n := range []int64{r.FinishedAt, (int64(r.Rate)+1)<<1 | int64(aborted), r.DurationMS} {
			out = binary.AppendUvarint(out, uint64(max(n, 0)))
		}
	}
	return out
}

// older reads what appendOlder has written.
func (r *reader) older() []End {
	n := min(r.number(), maxOlder)
	if r.bad || n == 0 {
		return nil
	}
	all := make([]End, 0, min(int(n)+1, len(r.data))) // with room for the next one
	for range n {
		end, rate, took := r.number(), r.number(), r.number()
		all = append(all, End{FinishedAt: int64(end), Rate: int(rate>>1) - 1, DurationMS: int64(took), Aborted: rate&1 != 0})
	}
	return all
}

// append appends the ids as ranges: of each the distance to the one before, and the length.
func (s IDs) append(out []byte) []byte {
	var ranges []byte
	n, next := 0, 0
	for i := 0; i < len(s); n++ {
		end := i + 1
		for end < len(s) && s[end] == s[end-1]+1 {
			end++
		}
		ranges = binary.AppendUvarint(binary.AppendUvarint(ranges, uint64(s[i]-next)), uint64(end-i))
		next, i = s[end-1]+1, end
	}
	if len(ranges) > maxPassedBytes || n > maxCases {
		return append(out, 0)
	}
	return append(binary.AppendUvarint(out, uint64(n)), ranges...)
}

func appendText(out []byte, s string) []byte {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

// reader reads an encoded history.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.bad = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

// number reads a number. A negative one as int64 is a damage.
func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.data)) || n > maxText {
		r.bad, r.data = true, nil
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

// hashed returns the hash of a text that a history keeps.
func hashed(s string) uint64 {
	if s == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// Key returns the key under which a history keeps the test: the id of its case, or for a result without a case one of its
// text.
func (r *Result) Key() int64 {
	if r.CaseID > 0 {
		return int64(r.CaseID)
	}
	if r.Title+r.Reason == "" { // texts are left out
		return 1<<61 | int64(hashed(r.Hash)>>4)
	}
	return 1<<61 | int64(hashed(r.Title+"\x00"+r.Reason)>>4)
}

// add puts an ended run in its place by its end, and in place of what was kept of the same run. It returns the place, or
// -1 for a run that is older than all that are kept.
func (h *History) add(run Past) int {
	if i := slices.IndexFunc(h.Runs, func(r Past) bool { return r.ID == run.ID }); i >= 0 {
		h.Runs = slices.Delete(h.Runs, i, i+1)
		for _, c := range h.cases {
			low := c.outcomes & (1<<(2*i) - 1)
			c.outcomes = c.outcomes>>(2*i+2)<<(2*i) | low
		}
	}
	at := 0
	for at < len(h.Runs) && h.Runs[at].FinishedAt > run.FinishedAt {
		at++
	}
	if at == maxRuns {
		h.addOlder(run.End)
		return -1
	}
	h.Runs = slices.Insert(h.Runs, at, run)
	if len(h.Runs) > maxRuns {
		h.addOlder(h.Runs[maxRuns].End)
		h.Runs = h.Runs[:maxRuns]
	}
	return at
}

// addOlder adds a run to those before the ones whose cases are kept.
func (h *History) addOlder(run End) {
	at := 0
	for at < len(h.Older) && h.Older[at].FinishedAt > run.FinishedAt {
		at++
	}
	if at < len(h.Older) && h.Older[at] == run { // it has come twice
		return
	}
	h.Older = slices.Insert(h.Older, at, run)
	h.Older = h.Older[:min(len(h.Older), maxOlder)]
}
