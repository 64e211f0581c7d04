package payload

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheFieldsThatDifferAreNamed(t *testing.T) {
	const before = `{"event_name":"run.started","payload":{"id":7,"title":"Nightly","tags":["a","b"],"plan":{"id":1},"gone":null,"same":1.50}}`
	const after = `{"event_name":"run.completed","payload":{"same":1.50,"id":7,"tags":["a","c","d"],"plan":{},"a.b":"x\u202e","title":"Nightly"}}`
	all, same, left, err := Diff([]byte(before), []byte(after))
	if err != nil || left != 0 {
		t.Fatal(all, left, err)
	}
	var got []string
	for _, d := range all {
		got = append(got, fmt.Sprintf("%s %s %s %s", d.Kind, d.Path, d.Before, d.After))
	}
	want := []string{
		`changed event_name "run.started" "run.completed"`, `changed payload.tags[1] "b" "c"`, `added payload.tags[2]  "d"`,
		`added payload.plan  {}`, `added payload["a.b"]  "x\u202e"`, `removed payload.plan.id 1 `, `removed payload.gone null `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || same != 4 {
		t.Errorf("%d same:\n%s\nwant\n%s", same, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all, same, _, err := Diff([]byte(before), []byte(before)); len(all) > 0 || same != 8 || err != nil {
		t.Errorf("with itself: %v, %d same, %v", all, same, err)
	}
}

func TestHugeAndBrokenBodiesAreComparedWithinBounds(t *testing.T) {
	many := "[" + strings.Repeat("1,", 2000) + "1]"
	all, same, left, err := Diff([]byte(many), []byte(strings.ReplaceAll(many, "1", "2")))
	if len(all) != maxDifferences || same != 0 || left != 2001-maxDifferences || err != nil {
		t.Errorf("%d named, %d same, %d left, %v", len(all), same, left, err)
	}
	all, _, _, _ = Diff([]byte(`{"a":""}`), []byte(`{"a":"`+strings.Repeat("é", 5000)+`"}`))
	if len(all) != 1 || len(all[0].After) > maxValue+3 || !strings.HasSuffix(all[0].After, "é…") {
		t.Errorf("a long value: %v", all)
	}
	deep := strings.Repeat("[", 10_000)
	for _, broken := range []string{"", "{", `{"a":`, deep, `{"a" 1}`} {
		if _, _, _, err := Diff([]byte(`{}`), []byte(broken)); err == nil {
			t.Errorf("%.20s is compared", broken)
		}
		if _, _, _, err := Diff([]byte(broken), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "earlier") {
			t.Errorf("%.20s is compared: %v", broken, err)
		}
	}
}
