package lint

import (
	"slices"

	"qaserelay/rules/condition"
)

// meet reports whether some event could make both conditions true, given their terms. It says yes where it does not know.
func meet(a, b []condition.Term) bool {
	for _, x := range a {
		for _, y := range b {
			if !slices.ContainsFunc(x, func(c condition.Claim) bool { return slices.ContainsFunc(y, c.Excludes) }) {
				return true
			}
		}
	}
	return false
}
