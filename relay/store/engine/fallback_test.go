package engine

import (
	"testing"

	"qaserelay/relay/store"
)

func TestMayFallBack(t *testing.T) {
	for name, c := range map[string]struct {
		made []Fallback
		want bool
	}{
		"the first fallback":                       {nil, true},
		"a fallback of another delivery":           {[]Fallback{{2, 9, store.Delivered}}, true},
		"after a fallback that is pending":         {[]Fallback{{2, 1, store.Pending}}, false},
		"after a fallback that is being sent":      {[]Fallback{{2, 1, store.Sending}}, false},
		"after a fallback that was delivered":      {[]Fallback{{2, 1, store.Delivered}}, false},
		"after a fallback that failed permanently": {[]Fallback{{2, 1, store.Dead}}, true},
		"after a fallback that was cancelled":      {[]Fallback{{2, 1, store.Cancelled}}, true},
		"while the fallback of its fallback is pending": {[]Fallback{{3, 2, store.Pending}, {2, 1, store.Dead}},
			false},
		"after the fallback of its fallback was delivered": {[]Fallback{{2, 1, store.Dead}, {3, 2, store.Delivered}},
			false},
		"after the fallback of its fallback failed too": {[]Fallback{{2, 1, store.Dead}, {3, 2, store.Dead}}, true},
		"after one of two fallbacks was delivered": {[]Fallback{{2, 1, store.Dead}, {3, 1, store.Delivered}},
			false},
	} {
		if got := mayFallBack(1, c.made); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
