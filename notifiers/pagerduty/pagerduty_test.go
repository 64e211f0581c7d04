package pagerduty_test

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/pagerduty"
)

func TestWhatBecomesOfAnAlert(t *testing.T) {
	for name, c := range map[string]struct {
		level, options, thread string
		action, key, severity  string
	}{
		"an error triggers":                      {"error", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7", "error"},
		"a warning triggers":                     {"warning", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7", "warning"},
		"news trigger too":                       {"info", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7", "info"},
		"a success resolves":                     {"success", `{}`, "qase/WEB/run/7", "resolve", "qase/WEB/run/7", ""},
		"a success that is to trigger does":      {"success", `{"action":"trigger"}`, "k", "trigger", "k", "info"},
		"a rule acknowledges":                    {"info", `{"action":" Acknowledge"}`, "k", "acknowledge", "k", ""},
		"a key and a severity of the rule's own": {"error", `{"dedup_key":"nightly","severity":"critical"}`, "k", "trigger", "nightly", "critical"},
		"what is about nothing is its own alert": {"error", `{}`, "", "trigger", "01JDELIVERY0000000000000001", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			m := SharedTestMessage(func(m *notifiers.Message) {
				m.Level, m.Options, m.Thread = c.level, json.RawMessage(c.options), c.thread
			})
			got, err := builtin.Preview("pagerduty", m, nil)
			if err != nil {
				t.Fatal(err)
			}
			var event pagerduty.PagerEvent
			if err := json.Unmarshal(got, &event); err != nil {
				t.Fatal(err)
			}
			severity := ""
			if event.Payload != nil {
				severity = event.Payload.Severity
			}
			if event.Action != c.action || event.DedupKey != c.key || severity != c.severity {
				t.Errorf("got %s %s %s", event.Action, event.DedupKey, severity)
			}
		})
	}
}

func TestTheNextRunOfThePlanIsAboutTheSameAlert(t *testing.T) {
	key := func(thread, series string) string {
		return pagerduty.PagerDedup(pagerduty.Options{}, SharedTestMessage(func(m *notifiers.Message) { m.Thread, m.Series = thread, series }))
	}
	if red, green := key("qase/WEB/run/7", "qase/WEB/plan/3/staging"), key("qase/WEB/run/8", "qase/WEB/plan/3/staging"); red != green {
		t.Errorf("%s is not resolved by %s", red, green)
	}
	if own := pagerduty.PagerDedup(pagerduty.Options{DedupKey: "nightly"}, SharedTestMessage(func(m *notifiers.Message) { m.Series = "s" })); own != "nightly" {
		t.Errorf("a rule's own key became %s", own)
	}
}

func TestPagerDutyRefusesWordsThatItDoesNotKnow(t *testing.T) {
	for _, options := range []string{`{"action":"page"}`, `{"severity":"bad"}`} {
		m := SharedTestMessage(func(m *notifiers.Message) { m.Options = json.RawMessage(options) })
		if _, err := builtin.Preview("pagerduty", m, nil); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%s: %v", options, err)
		}
		if _, err := pagerduty.NewPager(pagerduty.Kind().Sample(), json.RawMessage(options)); err == nil {
			t.Errorf("%s is taken on the notifier", options)
		}
	}
}

func TestALongKeyOfAnAlertStaysItsOwn(t *testing.T) {
	long := strings.Repeat("x", 300)
	a := pagerduty.PagerDedup(pagerduty.Options{DedupKey: long + "a"}, SharedTestMessage())
	b := pagerduty.PagerDedup(pagerduty.Options{DedupKey: long + "b"}, SharedTestMessage())
	if a == b || len(a) > pagerduty.PagerKey || len(b) > pagerduty.PagerKey {
		t.Errorf("%s\n%s", a, b)
	}
}
