package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"qaserelay/relay/store"
)

// openCases are about slots that wait, and about those that a person has fired.
func openCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"open slots are listed by due time and key, in pages, and those of dry runs apart": func(f *Fixture) {
			f.arm(f.Now().Add(2*time.Hour), "slot:w/r/2", "slot:w/r/1", "slot:w/other/3")
			f.arm(f.Now().Add(time.Hour), "slot:g/r/9")
			f.arm(f.Now().Add(-time.Hour), "slot:dry/w/r/1")
			f.Equal("all", f.openKeys(store.SlotFilter{Limit: 2}),
				"slot:g/r/9 slot:w/other/3 | slot:w/r/1 slot:w/r/2")
			f.Equal("dry", f.openKeys(store.SlotFilter{Limit: 2, Dry: true}), "slot:dry/w/r/1")
			f.Equal("of a rule", f.openKeys(store.SlotFilter{Limit: 1, Match: func(key string) bool {
				return strings.HasPrefix(key, "slot:w/r/")
			}}), "slot:w/r/1 | slot:w/r/2")
			for prefix, want := range map[string]int{"slot:w/": 3, "slot:g/": 1, "slot:t/": 0, "slot:dry/w/": 1} {
				n, err := f.CountSlots(f.Context(), prefix, "")
				f.NoError(err)
				f.Equal("number of "+prefix, n, want)
			}
		},
		"a slot is read with its oldest items, and counted by its value": func(f *Fixture) {
			for range 3 {
				f.Join("slot:g/r/1", time.Minute)
			}
			s, err := f.OpenSlot(f.Context(), "slot:g/r/1", 2)
			f.NoError(err)
			f.Equal("due", s.Due, f.Now().Add(time.Minute))
			f.Equal("items", len(s.Items), 2)
			f.Equal("first", []any{string(s.Items[0].Data), s.Items[0].Event.Name, len(s.Items[0].Event.Body)},
				[]any{"member 1", "run.completed", 0})
			_, err = f.OpenSlot(f.Context(), "slot:g/r/2", 2)
			f.Equal("not found", errors.Is(err, store.ErrNotFound), true)
			f.Join("slot:g/r/3", time.Minute)
			n, err := f.CountSlots(f.Context(), "slot:g/", `"count":3`)
			f.NoError(err)
			f.Equal("with three", n, 1)
		},
		"the values of slots are read by key, also of those without a due time": func(f *Fixture) {
			f.AcceptOne(f.MakeEvent(), store.Plan{Changes: []store.Change{
				{Key: "slot:f/qase/2", Value: []byte("2"), Due: f.Now()}, {Key: "slot:f/qase/1", Value: []byte("1")},
				{Key: "slot:f/qase/3", Value: []byte("3")}, {Key: "slot:g/r/1", Value: []byte("g")},
				{Key: "slot:f", Value: []byte("f")}}})
			for most, want := range map[int]string{10: "1 2 3", 2: "1 2"} {
				values, err := f.SlotValues(f.Context(), "slot:f/", most)
				f.NoError(err)
				f.Equal("values", string(bytes.Join(values, []byte(" "))), want)
			}
		},
		"one slot is fired before it is due, once, and no other one": func(f *Fixture) {
			f.Join("slot:g/r/1", time.Minute)
			f.Join("slot:g/r/2", -time.Minute)
			w := store.Wake{Limit: 1, Only: []string{"slot:g/r/1"}, Decide: f.Flush}
			f.Equal("fired", firedKeys(f.wake(w)), []string{"slot:g/r/1"})
			f.Equal("again", f.wake(w).Looked, 0)
			f.Equal("digests", f.Digests(), []string{`{"n":1}`})
			w.Only, w.Dry = []string{"slot:g/r/2"}, true
			f.Equal("of a real run", f.wake(w).Looked, 0)
			f.Equal("the other", firedKeys(f.WakeAll()), []string{"slot:g/r/2"})
		},
		"several slots are fired before they are due, and no others": func(f *Fixture) {
			for i := range 4 {
				f.Join(fmt.Sprintf("slot:g/r/%d", i), time.Duration(4-i)*time.Minute)
			}
			w := store.Wake{Limit: 2, Only: []string{"slot:g/r/0", "slot:g/r/2", "slot:g/r/3", "slot:g/r/9"}, Decide: f.Flush}
			f.Equal("fired", firedKeys(f.wake(w)), []string{"slot:g/r/3", "slot:g/r/2"})
			f.Equal("the rest", firedKeys(f.wake(w)), []string{"slot:g/r/0"})
			f.Equal("again", f.wake(w).Looked, 0)
		},
		"one slot may move to any later time, or stay": func(f *Fixture) {
			f.arm(f.Now().Add(time.Hour), "slot:w/r/1")
			w := store.Wake{Limit: 1, Only: []string{"slot:w/r/1"}}
			w.Decide = func(int, *store.Slot, getter) (store.Firing, error) { return store.Firing{Leave: true}, nil }
			f.Equal("left", f.wake(w).Fired[0].Left, true)
			w.Decide = func(_ int, s *store.Slot, _ getter) (store.Firing, error) {
				next := store.Change{Key: s.Key, Value: []byte(`{}`), Due: s.Due.Add(time.Hour)}
				return store.Firing{Plan: store.Plan{Changes: []store.Change{next}}}, nil
			}
			f.NoError(f.wake(w).Fired[0].Err)
			f.Equal("next", f.nextWake(false), f.Now().Add(2*time.Hour))
		},
		"a page ends behind many slots that are not selected": func(f *Fixture) {
			for i := range 6 {
				var keys []string
				for j := range store.ScanSlots / 5 {
					keys = append(keys, fmt.Sprintf("slot:w/r/%d-%d", i, j))
				}
				f.arm(f.Now().Add(time.Duration(i+1)*time.Hour), keys...)
			}
			last := func(key string) bool { return strings.HasPrefix(key, "slot:w/r/5-9") }
			list, next, err := f.OpenSlots(f.Context(), store.SlotFilter{Limit: 5, Match: last})
			f.NoError(err)
			f.Equal("first page", len(list), 0)
			list, _, err = f.OpenSlots(f.Context(), store.SlotFilter{Limit: 5, Match: last, After: next})
			f.NoError(err)
			f.Equal("second page", len(list), 5)
		},
	}
}

// openKeys lists all keys, page by page.
func (f *Fixture) openKeys(filter store.SlotFilter) string {
	f.Helper()
	var pages []string
	for {
		list, next, err := f.OpenSlots(f.Context(), filter)
		f.NoError(err)
		var keys []string
		for _, s := range list {
			keys = append(keys, s.Key)
			f.Equal("value of "+s.Key, string(s.Value), "{}")
		}
		if pages = append(pages, strings.Join(keys, " ")); next.Key == "" {
			return strings.Join(pages, " | ")
		}
		filter.After = next
	}
}
