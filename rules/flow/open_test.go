package flow

import (
	"testing"
	"time"
)

func TestPeopleSeeWhatIsOpen(t *testing.T) {
	due := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	key := func(kind Kind, owner string) string { return Name{Kind: kind, Owner: owner, Hash: Hash("7")}.Key() }
	wait := key(Wait, "stuck")
	for _, c := range []struct {
		key, value string
		want       Open
	}{
		{key(Digest, "r"), `{"id":"06b","opened":1000,"count":3,"by":["a=1","b=2"],"notifier":"mail"}`,
			Open{ID: "06b", Kind: "digest", Owner: "r", Key: "a=1, b=2", Count: 3, Notifier: "mail"}},
		{key(Digest, "r"), `{"id":"06b","opened":1000,"count":1,"hold":true,"fault":{"tries":2,"error":"x"}}`,
			Open{ID: "06b", Kind: "hold", Owner: "r", Count: 1, Fault: Fault{2, "x"}}},
		{wait, `{"started":1000,"event":"06c","entity":"qase/WEB/run/7","title":"Nightly","told":1}`,
			Open{ID: Hash(wait)[:16], Kind: "wait", Owner: "stuck", Key: "qase/WEB/run/7", Count: 1, Title: "Nightly",
				Event: "06c", Sent: 1}},
		{"slot:f/qase/WEB", `{"source":"qase","project":"WEB","last":1000}`,
			Open{ID: Hash("slot:f/qase/WEB")[:16], Kind: "feed", Owner: "qase", Key: "WEB"}},
	} {
		c.want.Since, c.want.Due = time.UnixMilli(1000).UTC(), due
		if got, ok := ReadOpen(c.key, []byte(c.value), due); !ok || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.key, got, ok, c.want)
		}
	}
	for _, k := range []string{key(Throttle, "r"), key(Summary, "r"), "entity:x", BadKey(wait)} {
		if got, ok := ReadOpen(k, []byte(`{}`), due); ok {
			t.Errorf("%s is seen as %+v", k, got)
		}
	}
	if _, ok := ReadOpen(wait, []byte("no"), due); ok {
		t.Error("a faulty value was read")
	}
	for _, kind := range OpenKinds() {
		if len(KindsOf(kind)) != 1 {
			t.Errorf("%s is of %v", kind, KindsOf(kind))
		}
	}
}
