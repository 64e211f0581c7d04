package failures

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestFactsSurviveTheirEncoding(t *testing.T) {
	f := &Facts{AskedAt: 5, Entity: map[string]any{"title": "Nightly"}, Run: &Run{Known: true, Source: FromAPI, Failed: 2,
		Cases: IDs{1, 2, 3, 7, 9, 10}, Results: []Result{{CaseID: 7, Status: "failed", Owner: &Person{Name: "Ana"}}}}}
	data := f.Encode()
	if !strings.Contains(string(data), `"cases":"1-3,7,9-10"`) {
		t.Errorf("encoded %s", data)
	}
	if got := ReadFacts(data); !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"", "null x", `{"run":{"cases":"3-1"}}`, `{"run":{"cases":"1-999999999"}}`, `{"run":{"cases":"a"}}`} {
		if got := ReadFacts([]byte(bad)); got != nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
	if (*Facts)(nil).Encode() != nil {
		t.Error("no facts have a text")
	}
}

func TestFactsAreBounded(t *testing.T) {
	f := &Facts{Run: &Run{Known: true, Complete: true, Failed: 5000}}
	for i := range 5000 {
		f.Run.Results = append(f.Run.Results, Result{CaseID: i + 1, Status: "failed", Title: fmt.Sprint("Test ", i),
			Reason: strings.Repeat("x", 200)})
	}
	data := f.Encode()
	got := ReadFacts(data)
	if len(data) > MaxFactsBytes || got.Run.Complete || got.Run.Left+len(got.Run.Results) != 5000 || len(got.Run.Results) < 300 {
		t.Errorf("%d bytes, %d results, %d left, complete: %t", len(data), len(got.Run.Results), got.Run.Left, got.Run.Complete)
	}
	wide := &Facts{Run: &Run{Results: []Result{{Title: strings.Repeat("x", 300_000)}}}}
	if data := wide.Encode(); len(data) > MaxFactsBytes || !json.Valid(data) {
		t.Errorf("%d bytes", len(data))
	}
}

// TestATraceIsNoAnswer: facts that are no more than a traceparent are as none.
func TestATraceIsNoAnswer(t *testing.T) {
	if got := ReadFacts((&Facts{Trace: "00-a-b-01"}).Encode()); got != nil {
		t.Errorf("got %+v", got)
	}
	if got := ReadFacts((&Facts{Trace: "00-a-b-01", AskedAt: 1}).Encode()); got == nil || got.Trace != "00-a-b-01" {
		t.Errorf("got %+v", got)
	}
}
