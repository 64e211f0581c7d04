package backtest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"qaserelay/rules"
)

func TestTheStateStaysWithinItsBounds(t *testing.T) {
	s, at := newState(), time.Unix(1767225600, 0)
	value := bytes.Repeat([]byte{'x'}, 1<<20)
	s.apply([]rules.Change{{Key: "used", Value: []byte("u")}, {Key: "unused", Value: []byte("u")}})
	for n := range 200 {
		s.apply([]rules.Change{{Key: fmt.Sprint(n), Value: value}})
		if s.get("used", at) == nil {
			t.Fatalf("a value in use was forgotten after %d MiB", n+1)
		}
		if held := len(s.recent) + len(s.old); held > 2*(maxRecent>>20)+4 {
			t.Fatalf("%d values of a MiB are kept", held)
		}
	}
	if s.get("unused", at) != nil || !s.forgot {
		t.Error("a value that was not used for long is still there, or the state does not say that it forgot")
	}
}

func TestAValueExpires(t *testing.T) {
	s, at := newState(), time.Unix(1767225600, 0)
	s.apply([]rules.Change{{Key: "a", Value: []byte("v"), Expires: at}, {Key: "b", Value: []byte("v")}})
	if s.get("a", at.Add(-time.Second)) == nil || s.get("a", at) != nil || s.get("b", at.Add(1000*time.Hour)) == nil {
		t.Error("a value ends at another time than it expires")
	}
}
