package chart

import (
	"strings"
	"testing"
	"time"
)

func TestColumnsAreStacked(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := NewStack("Events", "events", []Series{{Name: "WEB", Class: "a", Values: []int64{3, 0, 1}}, {Name: "API", Class: "b", Values: []int64{1, 0, 7}}},
		Steps{From: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC), Step: time.Hour, Count: 4, Zone: berlin,
			Link: func(from, until time.Time) string { return from.Format("15") + "-" + until.Format("15") }})
	if s.Top != "8" || len(s.Columns) != 4 || s.Empty {
		t.Fatalf("%+v", s)
	}
	last := s.Columns[2]
	if want := []Part{{Y: 87.5, Height: 12.5, Class: "a"}, {Y: 0, Height: 87.5, Class: "b"}}; len(last.Parts) != 2 ||
		last.Parts[0] != want[0] || last.Parts[1] != want[1] {
		t.Errorf("parts %+v, want %+v", last.Parts, want)
	}
	if last.From != "Nov 27 11:00 +01:00" || last.Link != "10-11" || last.Sum != "8" {
		t.Errorf("column %+v", last)
	}
	if want := "Events: 12 events since Nov 27 09:00 +01:00, at most 8 an hour"; s.Sentence != want {
		t.Errorf("sentence %q, want %q", s.Sentence, want)
	}
	if len(s.Columns[1].Parts) != 0 || len(s.Columns[3].Parts) != 0 {
		t.Error("a column without events has parts")
	}
}

func TestAChartOfNothing(t *testing.T) {
	s := NewStack("Events", "events", nil, Steps{From: time.Unix(0, 0), Step: time.Minute, Count: 60})
	if !s.Empty || len(s.Columns) != 60 || !strings.Contains(s.Sentence, "0 events") {
		t.Errorf("%+v", s)
	}
	if NewStack("Events", "events", nil, Steps{Step: time.Minute}).Empty != true {
		t.Error("a chart without steps is not empty")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1204: "1,204", 1000000: "1,000,000", -1204: "-1,204"} {
		if got := Number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[int64]int64{0: 1, 1: 1, 4: 4, 5: 5, 9: 10, 11: 12, 101: 120, 999: 1000, 1201: 1500} {
		if got := roundUp(n); got != want {
			t.Errorf("roundUp(%d): %d, want %d", n, got, want)
		}
	}
}

func TestSharesAreOfTheGreatest(t *testing.T) {
	all := NewShares([]Share{{Name: "a", N: 2000}, {Name: "b", N: 1}, {Name: "c"}})
	if all[0].Percent != 100 || all[1].Percent != 1 || all[2].Percent != 0 || all[0].Text != "2,000" {
		t.Errorf("%+v", all)
	}
}
