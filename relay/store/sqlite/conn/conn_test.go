package conn

import "testing"

func TestAtLeast(t *testing.T) {
	for version, want := range map[string]bool{
		"3.51.3": true, "3.51.2": false, "3.54.1": true, "3.52.0": true, "4.0.0": true, "3.50.9": false, "3.51": false, "x": false,
	} {
		if got := atLeast(version, [3]int{3, 51, 3}); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}
