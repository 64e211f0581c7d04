package defaults

import (
	"strings"
	"testing"

	"qaserelay/rules/catalog"
)

func TestEveryEventHasADefaultMessage(t *testing.T) {
	d := load()
	for _, e := range catalog.All() {
		if _, ok := d.Events[e.Name]; !ok {
			t.Errorf("no default message for %s", e.Name)
		}
	}
	for name, m := range d.Events {
		if _, known := catalog.Lookup(strings.TrimSuffix(name, WithResults)); !known && name != "*" {
			t.Errorf("a default message for %s, which the catalog does not know", name)
		}
		if m.Level == "" || m.Title == "" || len(m.Fields) == 0 {
			t.Errorf("%s: a part is missing: %+v", name, m)
		}
		for _, list := range m.Fields {
			if len(d.Fields[list]) == 0 {
				t.Errorf("%s: there are no fields %q", name, list)
			}
		}
	}
}
