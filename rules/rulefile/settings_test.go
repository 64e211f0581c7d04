package rulefile_test

import (
	"fmt"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestLimitsInSettings(t *testing.T) {
	s := rulefiletest.Parse(t,
		"sources: [{name: qase, secrets: [s]}]\nrules: [{name: r, when: \"true\", stop: true}]").Settings
	if got, want := fmt.Sprint(s.OrderWait, s.Backlog, s.MinFreeDisk),
		"1h0m0s {1000000 10737418240} 67108864"; got != want {
		t.Errorf("by default %s, want %s", got, want)
	}
	s = rulefiletest.Parse(t,
		"sources: [{name: qase, secrets: [s]}]\nsettings: {order_wait: 5m, backlog: {deliveries: 1000, bytes: "+
			"1.5GiB}, min_free_disk: 500MB}\nrules: [{name: r, when: \"true\", stop: true}]").Settings
	if got, want := fmt.Sprint(s.OrderWait, s.Backlog, s.MinFreeDisk), "5m0s {1000 1610612736} 500000000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s = rulefiletest.Parse(t,
		"sources: [{name: qase, secrets: [s]}]\nsettings: {backlog: {deliveries: 0, bytes: 0}, min_free_disk: "+
			"0}\nrules: [{name: r, when: \"true\", stop: true}]").Settings
	if got, want := fmt.Sprint(s.Backlog, s.MinFreeDisk), "{0 0} 0"; got != want {
		t.Errorf("without limits %s, want %s", got, want)
	}
}
