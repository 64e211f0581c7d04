package notifiers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"qaserelay/notifiers"
)

// wholeCharacters returns texts whose characters are made of several runes.
func wholeCharacters() []string {
	return []string{"👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301", "1️⃣", "กำ", "각", "🏳️‍🌈", "a"}
}

func characters(s string) (all []string) {
	for g := uniseg.NewGraphemes(s); g.Next(); {
		all = append(all, g.Str())
	}
	return all
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, c := range wholeCharacters() {
		for _, before := range []string{"", "x", "xy", "x\n"} {
			s := before + strings.Repeat(c, 100)
			for limit := 30; limit < 60; limit++ {
				for name, got := range map[string]string{"units": notifiers.Cut(s, limit), "bytes": notifiers.CutBytes(s, limit)} {
					kept := characters(strings.TrimSuffix(got, notifiers.Ellipsis))
					if whole := characters(s); !slices.Equal(kept, whole[:len(kept)]) {
						t.Errorf("%s of %q, %d: %q", name, c, limit, got)
					}
					if name == "units" && notifiers.Units(got) > limit || name == "bytes" && len(got) > limit || len(kept) == 0 {
						t.Errorf("%s of %q, %d: %q has another length", name, c, limit, got)
					}
				}
			}
		}
	}
}

func TestACharacterThatIsTooLongIsCutAnyway(t *testing.T) {
	s := "e" + strings.Repeat("\u0301", 100)
	if got := notifiers.PrefixLen(s, 10); got == 0 {
		t.Error("nothing is left")
	}
}
