package email

import (
	"cmp"
	"fmt"
	"testing"
)

func TestRecipientsInTheRulesAreMailAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		option string
		value  any
		want   string
	}{
		"an address":             {"to", "bob@example.com", ""},
		"an address with a name": {"cc", []any{"Bob <bob@example.com>"}, ""},
		"what the event tells":   {"to", []any{"{{ .payload.reviewer.email }}"}, ""},
		"what a variable holds":  {"to", "${QA_MAIL}", ""},
		"no recipient at all":    {"to", "", ""},
		"a subject":              {"subject", "nobody", ""},
		"a word":                 {"to", "nobody", `[to: "nobody" is not a valid email address []]`},
		"a word among addresses": {"bcc", []any{"a@b.io", "qa"}, `[bcc: "qa" is not a valid email address [1]]`},
		"addresses that make one text": {"to", "a@b.io, c@d.io",
			`[to: "a@b.io, c@d.io" is not a valid email address []]`},
		"where answers go": {"reply_to", []any{"x", "y"},
			`[reply_to: "x" is not a valid email address [0] reply_to: "y" is not a valid email address [1]]`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range advise(nil, c.option, c.value) {
				got = append(got, fmt.Sprint(a.Message, " ", a.Path))
			}
			if want := cmp.Or(c.want, "[]"); fmt.Sprint(got) != want {
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}
}
