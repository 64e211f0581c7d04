package funcs

import (
	"strconv"
	"testing"
)

func TestPercentOfWholeNumbersIsExact(t *testing.T) {
	for part := range 101 {
		want := strconv.Itoa(part) + "%"
		if got := percent(part, 100); got != want {
			t.Errorf("%d of 100: got %v", part, got)
		}
	}
}
