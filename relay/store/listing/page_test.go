package listing

import (
	"slices"
	"testing"
	"time"

	"qaserelay/relay/store"
)

func TestAPageEndsWhenItIsFullOrHasLookedFarEnough(t *testing.T) {
	late := time.Now().Add(time.Hour)
	few := steps{first: 10, next: 100, rows: 210, ends: late}
	cases := []struct {
		name   string
		match  func(store.ID) bool
		steps  steps
		limit  int
		oldest bool
		want   []store.ID // of the first page
		next   store.ID
	}{
		{"a page fills from the first look", func(id store.ID) bool { return id%2 == 0 }, few, 3, false,
			[]store.ID{1000, 998, 996}, 996},
		{"a page goes on over looks", func(id store.ID) bool { return id%80 == 0 }, few, 2, false, []store.ID{960, 880},
			880},
		{"what matches nothing ends after so many rows", func(store.ID) bool { return false }, few, 3, false, nil, 791},
		{"what matches little ends there too, with what was found", func(id store.ID) bool { return id == 890 }, few, 3,
			false, []store.ID{890}, 791},
		{"what matches nothing ends after so long", func(store.ID) bool { return false }, steps{10, 100, 2000, time.Now()}, 3,
			false, nil, 991},
		{"the last page says so", func(id store.ID) bool { return id == 7 }, steps{10, 100, 2000, late}, 3, false,
			[]store.ID{7}, 0},
		{"a full page that is the last says so", func(id store.ID) bool { return id <= 3 },
			steps{10, 100, 2000, late}, 3, false, []store.ID{3, 2, 1}, 0},
		{"the oldest come first", func(id store.ID) bool { return id%80 == 0 }, few, 2, true, []store.ID{80, 160}, 210},
		{"the oldest first, and few", func(id store.ID) bool { return id == 111 }, few, 2, true, []store.ID{111}, 210},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := numbers(1000, c.match, c.limit)
			got, next, err := p.page(Span{OldestFirst: c.oldest}, c.steps)
			if err != nil || !slices.Equal(got, c.want) || next != c.next {
				t.Errorf("got %v, next %d, %v; want %v, next %d", got, next, err, c.want, c.next)
			}
			if all := follow(t, p, c.steps, c.oldest); len(all) != len(slices.DeleteFunc(upTo(1000),
				func(id store.ID) bool { return !c.match(id) })) {
				t.Errorf("all pages have %v", all)
			}
		})
	}
}

// numbers is a list of the ids from 1 on that match.
func numbers(n int, match func(store.ID) bool, limit int) pager[store.ID] {
	of := func(s Span) []store.ID {
		ids := slices.DeleteFunc(upTo(n), func(id store.ID) bool {
			return id <= s.After || s.Before != 0 &&
				id >= s.Before
		})
		if !s.OldestFirst {
			slices.Reverse(ids)
		}
		return ids
	}
	return pager[store.ID]{
		limit: limit,
		id:    func(id store.ID) store.ID { return id },
		reach: func(s Span, n int) (store.ID, error) {
			if ids := of(s); len(ids) >= n {
				return ids[n-1], nil
			}
			return 0, nil
		},
		read: func(s Span, limit int) ([]store.ID, error) {
			ids := slices.DeleteFunc(of(s), func(id store.ID) bool { return !match(id) })
			return ids[:min(limit, len(ids))], nil
		},
	}
}

func upTo(n int) (ids []store.ID) {
	for i := range n {
		ids = append(ids, store.ID(i+1))
	}
	return ids
}

// follow reads all pages.
func follow(t *testing.T, p pager[store.ID], l steps, oldestFirst bool) (all []store.ID) {
	t.Helper()
	for s := (Span{OldestFirst: oldestFirst}); ; {
		page, next, err := p.page(s, l)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); next == 0 {
			return all
		}
		_, s = s.Split(next)
	}
}
