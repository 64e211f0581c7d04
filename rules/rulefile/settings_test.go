package rulefile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

func TestTheTimeToCatchUpIsASetting(t *testing.T) {
	const file = "sources: [{name: qase, secrets: [s]}]\nsettings: {%s}\nrules: [{name: r, when: \"true\", stop: true}]"
	for text, want := range map[string]time.Duration{"emoji: true": 5 * time.Minute, "catch_up: 1h30m": 90 * time.Minute,
		"catch_up: 0s": 0, "catch_up: 0": 0} {
		if got := rulefiletest.Parse(t, fmt.Sprintf(file, text)).Settings.CatchUp; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{"catch_up: soon": `settings.catch_up: "soon" is not a duration`,
		"catch_up: -5m": `settings.catch_up: "-5m" is not a duration`, "catch_up: ": "settings.catch_up has no value"} {
		_, problems := rulefiletest.Check("rules.yaml", fmt.Sprintf(file, text))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: got %v, want %s", text, problems, want)
		}
	}
}

func TestTheIndexOfWordsIsASetting(t *testing.T) {
	const file = "sources: [{name: qase, secrets: [s]}]\nsettings: {%s}\nrules: [{name: r, when: \"true\", stop: true}]"
	for text, off := range map[string]bool{"emoji: true": false, "search: on": false, "search: off": true, `search: "off"`: true,
		"search: false": true, "search: true": false} {
		if got := rulefiletest.Parse(t, fmt.Sprintf(file, text)).Settings.NoSearch; got != off {
			t.Errorf("%s: off is %v", text, got)
		}
	}
	for text, want := range map[string]string{"search: no": `settings.search: want on or off, not "no"`,
		"search: [off]": "settings.search", "search: ": "settings.search has no value"} {
		_, problems := rulefiletest.Check("rules.yaml", fmt.Sprintf(file, text))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: got %v, want %s", text, problems, want)
		}
	}
}

func TestNetworksOfProxiesAndClients(t *testing.T) {
	const file = "sources: [{name: qase, secrets: [s], allow_from: [%s]}]\nsettings: {trusted_proxies: [%s]}\n" +
		"rules: [{name: r, when: \"true\", stop: true}]"
	cfg := rulefiletest.Parse(t, fmt.Sprintf(file, `"::ffff:203.0.113.7", 198.51.100.9/24`, `10.0.0.0/8, "fd00::1"`))
	if got, want := fmt.Sprint(cfg.Settings.TrustedProxies, cfg.Sources[0].AllowFrom),
		"[10.0.0.0/8 fd00::1/128] [203.0.113.7/32 198.51.100.0/24]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for networks, want := range map[[2]string]string{
		{"0.0.0.0", "10.0.0.1"}:        "allow_from: 0.0.0.0 is the address of no client, so it never matches",
		{"ff02::1", "10.0.0.1"}:        "allow_from: ff02::1 is the address of no client",
		{"224.0.0.0/4", "10.0.0.1"}:    "allow_from: 224.0.0.0/4 is the address of no client",
		{"127.0.0.1", "nginx"}:         `settings.trusted_proxies: "nginx" is neither an address nor a network`,
		{"127.0.0.1", "[0.0.0.0/0]"}:   "every address is trusted",
		{"127.0.0.1", `"::/0"`}:        "every address is trusted",
		{"127.0.0.1", "10.0.0.1:8080"}: `settings.trusted_proxies: "10.0.0.1:8080" is neither`,
	} {
		networks[1] = strings.Trim(networks[1], "[]")
		_, problems := rulefiletest.Check("rules.yaml", fmt.Sprintf(file, networks[0], networks[1]))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%q: got %v, want %s", networks, problems, want)
		}
	}
}
