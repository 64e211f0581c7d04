package flow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAKeyNamesItsSlot(t *testing.T) {
	for _, kind := range Kinds() {
		for _, owner := range []string{"failed-run", "a/b", "правило", "a b", "dry/x"} {
			for _, isDry := range []bool{false, true} {
				n := Name{isDry, kind, owner, Hash("1", "2")}
				if got, ok := Parse(n.Key()); !ok || got != n {
					t.Errorf("%s: got %+v, %v, want %+v", n.Key(), got, ok, n)
				}
			}
		}
		if kind.Text() == "unknown" {
			t.Errorf("%s has no text", kind)
		}
	}
	for _, key := range []string{"", "entity:x", "slot:", "slot:t", "slot:t/rule", "slot:x/rule/1", "slot:t//1",
		"slot:t/rule/", "t/rule/1", BadKey("slot:t/rule/1"), BadKey("slot:dry/t/rule/1")} {
		if n, ok := Parse(key); ok {
			t.Errorf("%q was read as %+v", key, n)
		}
	}
	if got := BadKey("slot:dry/t/rule/1"); got != "slot:dry/bad/t/rule/1" {
		t.Error(got)
	}
}

func TestAHashTellsListsApart(t *testing.T) {
	seen := map[string]string{}
	for _, list := range [][]string{nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"a\x00b"},
		{strings.Repeat("x", 300)}, {strings.Repeat("x", 300) + "y"}, {"a\xff"}} {
		h := Hash(list...)
		if other, known := seen[h]; known || len(h) != 32 {
			t.Errorf("%q has the hash of %s", list, other)
		}
		seen[h] = fmt.Sprintf("%q", list)
	}
}

func TestAFaultIsTriedAgainLaterEachTime(t *testing.T) {
	value := []byte(`{"count":3}`)
	for i, want := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		var f Fault
		var err error
		if value, f, err = WithFault(value, strings.Repeat("no ", 1000)); err != nil || f.Tries != i+1 ||
			f.Pause() != time.Duration(want)*time.Minute || len(f.Error) > maxFault+3 {
			t.Errorf("fault %d: %d tries, %v, %v", i+1, f.Tries, f.Pause(), err)
		}
	}
	if !strings.Contains(string(value), `"count":3`) || !strings.Contains(string(value), `"tries":8`) {
		t.Errorf("the value is %s", value)
	}
	for _, bad := range []string{"", "null", "[]", "7", "{", "\xff"} {
		if _, _, err := WithFault([]byte(bad), "x"); !errors.Is(err, ErrUnreadable) || Check([]byte(bad)) == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if value, f, err := WithFault([]byte(`{"fault":"x"}`), "y"); err != nil || f.Tries != 1 || Check(value) != nil {
		t.Errorf("%s, %+v, %v", value, f, err)
	}
}
