package notifiers

import (
	"encoding/json"
	"strings"
	"testing"
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
			m := testMessage(func(m *Message) { m.Level, m.Options, m.Thread = c.level, json.RawMessage(c.options), c.thread })
			got, err := Preview("pagerduty", m, nil)
			if err != nil {
				t.Fatal(err)
			}
			var event pagerEvent
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
		return pagerDedup(pagerOptions{}, testMessage(func(m *Message) { m.Thread, m.Series = thread, series }))
	}
	if red, green := key("qase/WEB/run/7", "qase/WEB/plan/3/staging"), key("qase/WEB/run/8", "qase/WEB/plan/3/staging"); red != green {
		t.Errorf("%s is not resolved by %s", red, green)
	}
	if own := pagerDedup(pagerOptions{DedupKey: "nightly"}, testMessage(func(m *Message) { m.Series = "s" })); own != "nightly" {
		t.Errorf("a rule's own key became %s", own)
	}
}

func TestPagerDutyRefusesWordsThatItDoesNotKnow(t *testing.T) {
	for _, options := range []string{`{"action":"page"}`, `{"severity":"bad"}`} {
		m := testMessage(func(m *Message) { m.Options = json.RawMessage(options) })
		if _, err := Preview("pagerduty", m, nil); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%s: %v", options, err)
		}
		if _, err := newPager(pagerKind().Sample(), json.RawMessage(options)); err == nil {
			t.Errorf("%s is taken on the notifier", options)
		}
	}
}

func TestALongKeyOfAnAlertStaysItsOwn(t *testing.T) {
	long := strings.Repeat("x", 300)
	a := pagerDedup(pagerOptions{DedupKey: long + "a"}, testMessage())
	b := pagerDedup(pagerOptions{DedupKey: long + "b"}, testMessage())
	if a == b || len(a) > pagerKey || len(b) > pagerKey {
		t.Errorf("%s\n%s", a, b)
	}
}
