package ruletest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"qaserelay/rules"
)

func TestMemoryIsBounded(t *testing.T) {
	var m Memory
	at := time.Unix(1767225600, 0)
	value := bytes.Repeat([]byte{'x'}, 1<<20)
	m.put(rules.Change{Key: "used", Value: []byte("u")})
	m.put(rules.Change{Key: "unused", Value: []byte("u")})
	for n := range 200 {
		m.put(rules.Change{Key: fmt.Sprint(n), Value: value})
		if m.get("used", at) == nil {
			t.Fatalf("a value in use was dropped after %d MiB", n+1)
		}
		if held := len(m.fresh) + len(m.stale); held > 2*(maxFresh>>20)+4 {
			t.Fatalf("%d values of a MiB are held", held)
		}
	}
	if m.get("unused", at) != nil || !m.Dropped {
		t.Errorf("an unused value is still there, or Dropped is not set")
	}
}

func TestValuesInMemoryExpire(t *testing.T) {
	var m Memory
	at := time.Unix(1767225600, 0)
	m.put(rules.Change{Key: "a", Value: []byte("v"), Expires: at})
	m.put(rules.Change{Key: "b", Value: []byte("v")})
	if m.get("a", at.Add(-time.Second)) == nil || m.get("a", at) != nil || m.get("b", at.Add(1000*time.Hour)) == nil {
		t.Error("a value expires at the wrong time")
	}
}
