package rules

import (
	"slices"
	"strings"

	"qaserelay/rules/catalog"
)

// didYouMean returns `did you mean "x"?` for the candidate nearest to word, or a short list of the candidates, or "".
func didYouMean(word string, candidates []string) string {
	sorted := slices.Sorted(slices.Values(candidates))
	if best := catalog.Nearest(word, sorted); word != "" && best != "" {
		return `did you mean "` + best + `"?`
	}
	if n := len(sorted); n > 0 && n <= 20 {
		return "known here: " + strings.Join(sorted, ", ")
	}
	return ""
}
