package failures

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// summed returns the payload of a summary of the hours from and to of a world.
func (w *world) summed(from, to int64) map[string]any {
	s := &Period{Project: "WEB", QaseURL: "https://app.qase.io", From: time.Unix(from*3600, 0), To: time.Unix(to*3600, 0),
		Location: time.UTC, Series: []Ran{{"Regression", "staging", ReadHistory(w.history)}}}
	payload, _ := s.Payload()
	return payload
}

func named(list any) string {
	var all []string
	for _, one := range list.([]any) {
		all = append(all, one.(map[string]any)["code"].(string))
	}
	return strings.Join(all, " ")
}

func TestASummaryListsWhatBecameOfTheTestsInItsPeriod(t *testing.T) {
	w := &world{}
	w.end("1", 2, 9)    // 9 is fixed before the period
	w.end("2", 2, 3, 4) // hour 2
	w.end("3", 2, 3, 5) // hour 3: the period begins
	w.end("4", 2, 6, 7)
	w.end("5", 2, 5, 6, 8)
	w.end("6", 1) // after the period
	p := w.summed(3, 6)
	for key, want := range map[string]string{"newly_red": "WEB-5 WEB-8 WEB-6", "still_red": "WEB-2",
		"fixed": "WEB-7 WEB-3 WEB-4", "flakiest": "WEB-5"} {
		if got := named(p[key]); got != want {
			t.Errorf("%s: %s, not %s", key, got, want)
		}
	}
	if p["runs"] != 3 || p["pass_rate"] != 83 || p["pass_rate_before"] != 88 {
		t.Errorf("%v runs, %v and before %v", p["runs"], p["pass_rate"], p["pass_rate_before"])
	}
	still := p["still_red"].([]any)[0].(map[string]any)
	if still["since"] != "1970-01-01T01:00:00Z" || still["red_runs"] != 5 || still["series"] != "Regression · staging" ||
		still["url"] != "https://app.qase.io/case/WEB-2" {
		t.Errorf("still red: %v", still)
	}
	if empty := w.summed(40, 50); empty["runs"] != 0 || empty["pass_rate"] != nil || named(empty["still_red"]) != "" {
		t.Errorf("nothing has run: %v", empty)
	}
}

func TestASummaryCountsMoreRunsThanTheHistoryHasCasesOf(t *testing.T) {
	w := &world{}
	for i := range 60 {
		w.end(fmt.Sprint(i), 3)
	}
	p := w.summed(11, 61)
	if p["runs"] != 50 {
		t.Errorf("%v runs", p["runs"])
	}
	still := p["still_red"].([]any)[0].(map[string]any)
	if still["since"] != "1970-01-01T01:00:00Z" || still["red_runs"] != 60 {
		t.Errorf("%v", still)
	}
	days := p["days"].([]any)
	if len(days) != 3 || days[0].(map[string]any)["runs"] != 13 || days[0].(map[string]any)["pass_rate"] != 95 {
		t.Errorf("days: %v", days)
	}
	if len(w.history) > 2000 {
		t.Errorf("%d bytes", len(w.history))
	}
}

func TestASummaryNamesTheSeriesThatHaveBecomeSlower(t *testing.T) {
	w := &world{}
	for i, minutes := range []int64{10, 0, 10, 12, 14} {
		w.now += 3600
		w.endWith(&Ended{ID: fmt.Sprint(i), FinishedAt: w.now, DurationMS: minutes * 60_000})
	}
	if p := w.summed(4, 6); fmt.Sprint(p["slower"]) != "[map[before:600 duration:780 growth:30 series:Regression · staging]]" {
		t.Errorf("slower: %v", p["slower"])
	}
	if p := w.summed(2, 4); len(p["slower"].([]any)) != 0 {
		t.Errorf("slower without a change: %v", p["slower"])
	}
}
