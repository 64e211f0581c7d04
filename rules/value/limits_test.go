package value_test

import (
	"fmt"
	"testing"

	"qaserelay/rules/value"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "1024": "1024", "10B": "10", "3kB": "3000", "3KB": "3000", "2MB": "2000000", "64MiB": "67108864",
		"1GiB": "1073741824", "1TB": "1000000000000",
		"":            `"" is not a size: write it like 500MB, 64MiB or 10GiB`,
		"-1":          `"-1" is not a size: write it like 500MB, 64MiB or 10GiB`,
		"1mb":         `"1mb" is not a size: write it like 500MB, 64MiB or 10GiB`,
		"1.2.3GB":     `"1.2.3GB" is not a size: write it like 500MB, 64MiB or 10GiB`,
		"99999999TiB": `"99999999TiB" is too much`,
	} {
		var s value.Size
		got := ""
		if err := s.UnmarshalText([]byte(text)); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(int64(s))
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
