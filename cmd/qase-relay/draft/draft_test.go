package draft

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestValuesOfSetFlagsHaveTheirTypes(t *testing.T) {
	for text, want := range map[string]any{
		"3": json.Number("3"), "-1.5": json.Number("-1.5"), "1e3": json.Number("1e3"), "true": true, "null": nil,
		"staging": "staging", "": "", "007": "007", "1.2.3": "1.2.3", `"3"`: "3", `"`: `"`, `["a"]`: []any{"a"},
		`{"id":1}`: map[string]any{"id": json.Number("1")},
	} {
		got, err := parseValue(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parseValue(%q) = %#v, %v, want %#v", text, got, err, want)
		}
	}
	if _, err := parseValue(`{"id":`); err == nil {
		t.Error("broken JSON is taken as text")
	}
}

func TestCopiesOfAnEventDiffer(t *testing.T) {
	now := time.Unix(1767225600, 0)
	for name, d := range map[string]*Draft{
		"an id counts up":              {event: map[string]any{"payload": map[string]any{"id": json.Number("7")}}},
		"a hash gets a number":         {event: map[string]any{"payload": map[string]any{"hash": "abc"}}},
		"without an id it gets one":    {event: map[string]any{"payload": map[string]any{}}},
		"a file is changed as well":    {raw: []byte(`{"payload":{"id":1}}`), fixTime: true},
		"an id that is text is passed": {event: map[string]any{"payload": map[string]any{"id": "seven"}}},
	} {
		seen := map[string]bool{}
		for n := range 3 {
			body, err := d.Copy(n, now)
			if err != nil || seen[string(body)] {
				t.Errorf("%s: copy %d is %s, %v", name, n, body, err)
			}
			seen[string(body)] = true
		}
	}
}
