package event

import (
	"reflect"
	"strings"
	"testing"
)

func TestAValueIsSetAtAPath(t *testing.T) {
	for path, want := range map[string]any{
		"payload.failed": map[string]any{"payload": map[string]any{"failed": 1, "tags": []any{"a", "b"}}},
		"payload.tags.1": map[string]any{"payload": map[string]any{"tags": []any{"a", 1}}},
		"facts.run.left": map[string]any{"payload": map[string]any{"tags": []any{"a", "b"}},
			"facts": map[string]any{"run": map[string]any{"left": 1}}},
	} {
		at := map[string]any{"payload": map[string]any{"tags": []any{"a", "b"}}}
		if err := SetPath(at, strings.Split(path, "."), 1); err != nil || !reflect.DeepEqual(at, want) {
			t.Errorf("%s: %v, %v", path, at, err)
		}
	}
}

func TestAPathThatLeadsNowhere(t *testing.T) {
	for path, want := range map[string]string{"payload.tags.2": `"2" is not an index into a list of 2`,
		"payload.tags.x": `"x" is not an index into a list of 2`, "payload.tags.0.id": `the parent of "id" is not an object`} {
		at := map[string]any{"payload": map[string]any{"tags": []any{"a", "b"}}}
		if err := SetPath(at, strings.Split(path, "."), 1); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
