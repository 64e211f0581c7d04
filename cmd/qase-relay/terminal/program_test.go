package terminal

import (
	"strings"
	"testing"
)

func TestMadeByGoRun(t *testing.T) {
	for exe, want := range map[string]bool{
		"/tmp/go-build1234/b001/exe/qase-relay":                                     true,
		"/home/me/.cache/go-build/ab/" + strings.Repeat("0f", 32) + "-d/qase-relay": true,
		"/srv/cache/ab/" + strings.Repeat("0f", 32) + "-d/qase-relay":               true,
		"/usr/local/bin/qase-relay":                                                 false,
		"/home/me/go/bin/qase-relay":                                                false,
		"/tmp/qase-relay":                                                           false,
	} {
		if got := madeByGoRun(exe); got != want {
			t.Errorf("%s: got %v", exe, got)
		}
	}
}
