package pagerduty

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/preview"
)

func TestPagerDuty(t *testing.T) {
	const secret = "hooks3cret"
	key := notifiers.NewSecret(secret)
	notifierstest.Service{
		Kind: Kind(), Secrets: []string{secret},
		Config: func(base string, timeout time.Duration) any {
			return &Config{RoutingKey: key, APIURL: base, Timeout: timeout}
		},
		OK:        `{"status":"success","message":"Event processed","dedup_key":"k"}`,
		Delivered: "PagerDuty has taken it for the alert k; to resolve that: notify it --level success",
		Title:     func(b map[string]any) any { return b["payload"].(map[string]any)["summary"] },
		Answers: []notifierstest.ServiceAnswer{
			notifierstest.On(202, `{"status":"success","message":"Event processed"}`, "delivered", ""),
			notifierstest.On(400,
				`{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}`, "permanent", "routing_key"),
			notifierstest.On(400,
				`{"status":"invalid event","message":"Event object is invalid","errors":["'payload.severity' is invalid"]}`, "permanent", "change its title"),
			notifierstest.On(403, "", "permanent", "check routing_key"),
		},
		Faults: map[string]notifierstest.Fault{
			"without a key": notifierstest.Blame(&Config{APIURL: "https://x/", Timeout: 1}, ``, "routing_key"),
			"with an odd address": notifierstest.Blame(&Config{RoutingKey: key, APIURL: "events", Timeout: 1}, ``,
				"api_url"),
			"with an odd action": notifierstest.Blame(&Config{RoutingKey: key, APIURL: "https://x/", Timeout: 1},
				`{"action":"page"}`, "action"),
		},
	}.Run(t)
}

// previewOf returns the event that a sample notifier would send.
func previewOf(m *notifiers.Message) ([]byte, error) {
	n, err := Kind().New(Kind().Sample(), nil)
	if err != nil {
		return nil, err
	}
	return n.(preview.Previewer).Preview(m)
}

func TestWhatBecomesOfAnAlert(t *testing.T) {
	for name, c := range map[string]struct {
		level, options, thread string
		action, key, severity  string
	}{
		"an error triggers": {"error", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7",
			"error"},
		"a warning triggers": {"warning", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7",
			"warning"},
		"news trigger too":                  {"info", `{}`, "qase/WEB/run/7", "trigger", "qase/WEB/run/7", "info"},
		"a success resolves":                {"success", `{}`, "qase/WEB/run/7", "resolve", "qase/WEB/run/7", ""},
		"a success that is to trigger does": {"success", `{"action":"trigger"}`, "k", "trigger", "k", "info"},
		"a rule acknowledges":               {"info", `{"action":" Acknowledge"}`, "k", "acknowledge", "k", ""},
		"a success with its level as severity": {"success", `{"action":"trigger","severity":"success"}`, "k", "trigger",
			"k", "info"},
		"a key and a severity of the rule's own": {"error", `{"dedup_key":"nightly","severity":"critical"}`, "k",
			"trigger", "nightly", "critical"},
		"what is about nothing is its own alert": {"error", `{}`, "", "trigger", "01JDELIVERY0000000000000001",
			"error"},
	} {
		t.Run(name, func(t *testing.T) {
			m := notifierstest.Message(func(m *notifiers.Message) {
				m.Level, m.Options, m.Thread = c.level, json.RawMessage(c.options), c.thread
			})
			got, err := previewOf(m)
			if err != nil {
				t.Fatal(err)
			}
			var event event
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
		return dedupKey(Options{},
			notifierstest.Message(func(m *notifiers.Message) { m.Thread, m.Series = thread, series }))
	}
	if red, green := key("qase/WEB/run/7", "qase/WEB/plan/3/staging"),
		key("qase/WEB/run/8", "qase/WEB/plan/3/staging"); red != green {
		t.Errorf("%s is not resolved by %s", red, green)
	}
	if own := dedupKey(Options{DedupKey: "nightly"},
		notifierstest.Message(func(m *notifiers.Message) { m.Series = "s" })); own != "nightly" {
		t.Errorf("a rule's own key became %s", own)
	}
}

func TestPagerDutyRefusesWordsThatItDoesNotKnow(t *testing.T) {
	for _, options := range []string{`{"action":"page"}`, `{"severity":"bad"}`} {
		m := notifierstest.Message(func(m *notifiers.Message) { m.Options = json.RawMessage(options) })
		if _, err := previewOf(m); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%s: %v", options, err)
		}
		if _, err := Kind().New(Kind().Sample(), json.RawMessage(options)); err == nil {
			t.Errorf("%s is taken on the notifier", options)
		}
	}
}

func TestALongKeyOfAnAlertStaysItsOwn(t *testing.T) {
	long := strings.Repeat("x", 300)
	a := dedupKey(Options{DedupKey: long + "a"}, notifierstest.Message())
	b := dedupKey(Options{DedupKey: long + "b"}, notifierstest.Message())
	if a == b || len(a) > maxKey || len(b) > maxKey {
		t.Errorf("%s\n%s", a, b)
	}
}
