package catalog

import (
	"slices"
	"strings"
)

// DidYouMean returns `did you mean "x"?` for the candidate nearest to word, or a short list of the candidates, or "".
func DidYouMean(word string, candidates []string) string {
	sorted := slices.Sorted(slices.Values(candidates))
	if best := Nearest(word, sorted); word != "" && best != "" {
		return `did you mean "` + best + `"?`
	}
	if n := len(sorted); n > 0 && n <= 20 {
		return "known here: " + strings.Join(sorted, ", ")
	}
	return ""
}
