package search

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"qaserelay/relay/store"
)

func TestATextIsWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"Checkout: pay by CARD":        "checkout pay by card",
		"bob@example.com, WEB-123":     "bob example com web 123",
		"3.14 1e6 0x1F":                "3 14 1e6 0x1f",
		"Größe STRASSE Straße":         "grosse strasse strasse",
		"Été été e\u0301te\u0301":      "ete ete ete",
		"Ελλάς ΕΛΛΆΣ":                  "ελλασ ελλασ",
		"İstanbul ıstanbul Istanbul":   "istanbul istanbul istanbul",
		"支付失败 ok":                      "支 付 失 败 ok",
		"ﬁne ½ Ⅷ ２":                    "fine 1 2 viii 2",
		"\x00\xff*\"'()&|!:":           "",
		"a\u200bb":                     "a b",
		strings.Repeat("x", 50) + " y": strings.Repeat("x", 40) + " y",
		strings.Repeat("я", 41):        strings.Repeat("я", 40),
		Facet(Project, "WEB"):          Facet(Project, "WEB")[len(facetMark):],
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWhatPeopleAskFor(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "[]",
		" checkout card* ":                 "[{checkout false} {card true}]",
		"WEB-12*":                          "[{web false} {12 true}]",
		"a a A":                            "[{a false}]",
		"card-*":                           "[{card false}]",
		"支付*":                              "[{支 false} {付 false}]",
		"é*":                               "error",
		"x*":                               "error",
		"***":                              "error",
		"\"*":                              "error",
		"()&|":                             "error",
		"\x00":                             "error",
		"\xff":                             "error",
		"a\x00b":                           "[{a false} {b false}]",
		"'); DROP TABLE":                   "[{drop false} {table false}]",
		"a OR b NOT c":                     "[{a false} {or false} {b false} {not false} {c false}]",
		strings.Repeat("x", 10<<10):        "error",
		strings.Repeat("ab ", 100):         "[{ab false}]",
		fmt.Sprint(make([]struct{}, 0), 1): "[{1 false}]",
	} {
		q, err := Parse(text)
		got := fmt.Sprint(q)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%.40q: got %s (%v), want %s", text, got, err, want)
		}
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprint("word", i))
	}
	if _, err := Parse(strings.Join(many, " ")); err == nil {
		t.Error("a hundred words are looked for")
	}
}

func TestEntitiesThatPeopleAskFor(t *testing.T) {
	want := Query{}.OfThing("run", "7").Of(Project, "WEB").Of(Source, "qase")
	for key, n := range map[string]int{"run/7": 1, "RUN/007": 1, "WEB/run/7": 2, "qase/WEB/run/7": 3} {
		q, err := Query{}.OfEntity(key)
		if err != nil || len(q) != n || fmt.Sprint(q) != fmt.Sprint(want[:n]) {
			t.Errorf("%s: %v, %v", key, q, err)
		}
	}
	for _, key := range []string{"run", "/7", "run/", "a/b/c/d/e", "/"} {
		if _, err := (Query{}).OfEntity(key); err == nil {
			t.Errorf("%s is taken", key)
		}
	}
	if q, _ := (Query{}).OfEntity("shared_step/a%2Fb"); fmt.Sprint(q) != fmt.Sprint(Query{}.OfThing("shared_step", "a/b")) {
		t.Error("an escaped id is not read")
	}
}

// FuzzWords holds that words of any text are what the engines can keep and are asked for in the same form.
func FuzzWords(f *testing.F) {
	for _, text := range []string{"Checkout WEB-1", "Größe ½ 支付", "\x00\xff\uE000pabc", "İı\u0307"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range Words(text) {
			if word == "" || !utf8.ValidString(word) || strings.ContainsAny(word, " \x00\"'*\uE000") {
				t.Fatalf("%q has the word %q", text, word)
			}
			if again := Words(word); len(again) != 1 || again[0] != word {
				t.Fatalf("the word %q of %q is asked for as %q", word, text, again)
			}
		}
	})
}

func TestADocumentHasItsValuesAndNotItsKeys(t *testing.T) {
	d := Document{Event: store.StoredEvent{Name: "run.completed", Project: "WEB", Source: "qase", Body: []byte(
		`{"event_name":"run.completed","payload":{"id":7,"title":"a \u00e9t\u00e9","nested":[{"deep":["x1", 2.5, true, null]}]},"extra":"outside"}`)}}
	words := d.Words()
	for _, want := range []string{"7", "ete", "x1", "2", "5", "outside", "completed", Facet(Project, "WEB"), Facet(Entity, "run/7")} {
		if !(Query{{Text: want}}).Matches(words) {
			t.Errorf("no word %q in %q", want, words)
		}
	}
	for _, not := range []string{"title", "nested", "payload", "true", Facet(Project, ""), Facet(Rule, "")} {
		if (Query{{Text: not}}).Matches(words) {
			t.Errorf("the word %q is in %q", not, words)
		}
	}
}
