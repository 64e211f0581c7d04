package failures

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Limits of the defects that a history keeps.
const (
	maxDefects     = 50 // the newest
	maxDefectTests = 50 // of each
)

// linked are the open defects that the failing tests of the newest run of a series are linked to.
type linked struct {
	end     int64 // of the run, in Unix seconds
	defects []linkedDefect
}

// linkedDefect is a defect with the tests that it explains.
type linkedDefect struct {
	id    int
	title string
	tests []int64 // their keys, in order
}

// linkDefects keeps the open defects of a run, if it is the newest whose failing tests are known. One that was aborted adds
// to those of the run before, since it says nothing of the tests that it did not run.
func (r *Report) linkDefects() {
	if !r.known() || r.place != 0 {
		return
	}
	tests, titles := map[int]map[int64]bool{}, map[int]string{}
	add := func(id int, title string, test int64) {
		if titles[id] = title; tests[id] == nil {
			tests[id] = map[int64]bool{}
		}
		tests[id][test] = true
	}
	if r.Aborted {
		for _, d := range r.History.seen.defects {
			for _, test := range d.tests {
				add(d.id, d.title, test)
			}
		}
	}
	for _, f := range r.List {
		if f.Defect != nil && !f.Deleted {
			add(f.Defect.ID, short(f.Defect.Title), f.key)
		}
	}
	seen := linked{end: r.FinishedAt}
	for _, id := range slices.Sorted(maps.Keys(tests)) {
		keys := slices.Sorted(maps.Keys(tests[id]))
		seen.defects = append(seen.defects, linkedDefect{id, titles[id], keys[:min(len(keys), maxDefectTests)]})
	}
	seen.defects = seen.defects[max(0, len(seen.defects)-maxDefects):]
	r.History.seen = seen
}

// Resolve removes a defect that is not open any more, and reports whether it was kept.
func (h *History) Resolve(id int) bool {
	before := len(h.seen.defects)
	h.seen.defects = slices.DeleteFunc(h.seen.defects, func(d linkedDefect) bool { return d.id == id })
	return len(h.seen.defects) < before
}

// forget removes a test, and the defects that no other test is linked to.
func (l *linked) forget(test int64) {
	l.defects = slices.DeleteFunc(l.defects, func(d linkedDefect) bool { return len(d.tests) == 1 && d.tests[0] == test })
	for i := range l.defects {
		if at, found := slices.BinarySearch(l.defects[i].tests, test); found {
			l.defects[i].tests = slices.Delete(l.defects[i].tests, at, at+1)
		}
	}
}

// append appends the defects to an encoded history.
func (l *linked) append(out []byte) []byte {
	out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(max(l.end, 0))), uint64(len(l.defects)))
	for _, d := range l.defects {
		out = appendText(binary.AppendUvarint(out, uint64(max(d.id, 0))), d.title)
		out = binary.AppendUvarint(out, uint64(len(d.tests)))
		last := int64(0)
		for _, test := range d.tests {
			out, last = binary.AppendUvarint(out, uint64(test-last)), test
		}
	}
	return out
}

// linked reads what append has written.
func (r *reader) linked() (l linked) {
	l.end = int64(r.number() &^ (1 << 63))
	for range min(r.number(), maxDefects) {
		d := linkedDefect{id: int(r.number() &^ (1 << 63)), title: r.text()}
		last := int64(0)
		for range min(r.number(), maxDefectTests) {
			last += int64(r.number())
			d.tests = append(d.tests, last)
		}
		l.defects = append(l.defects, d)
	}
	return l
}
