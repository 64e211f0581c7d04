package builtin_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// TestNoOptionWithASecretIsShown puts a secret into each message option that a kind declares as secret.
func TestNoOptionWithASecretIsShown(t *testing.T) {
	for _, k := range builtin.Kinds() {
		options := reflect.TypeOf(k.Options)
		for i := range options.NumField() {
			f := options.Field(i)
			if f.Tag.Get("secret") != "masked" {
				continue
			}
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			for _, value := range []string{`"s3cret"`, `"https://u:s3cret@example.com/s3cret?s3cret"`,
				`{"x-any":"s3cret"}`, `["s3cret"]`} {
				written := json.RawMessage(`{"` + key + `":` + value + `,"other":"shown"}`)
				for _, shown := range []json.RawMessage{k.MaskOptions(written), config.MaskOptions(written)} {
					if strings.Contains(string(shown), "s3cret") ||
						!strings.Contains(string(shown), `"other":"shown"`) {
						t.Errorf("%s: %s is shown as %s", k.Type, written, shown)
					}
				}
			}
		}
	}
}

// TestNoSecretOfTheExamplesIsExplained explains an event with all notifiers of the examples, whose secrets hold s3cret.
func TestNoSecretOfTheExamplesIsExplained(t *testing.T) {
	secrets := []any{map[string]any{"notifier": "http", "url": "https://u:s3cret@example.com/s3cret",
		"headers": map[string]any{"X-Any": "s3cret"}}}
	cfg := parse(t, everything(t,
		map[string]any{"name": "secrets", "when": "true", "notify": append(secrets, targets(t)...)}))
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ev, err := event.Parse("qase",
		[]byte(`{"event_name":"defect.created","timestamp":1767225600,"project_code":"ID","payload":{"id":2,"title":"a title"}}`), at)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(cfg.Rules.Explain(ev, rules.State{Now: at}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown), "s3cret") || !strings.Contains(string(shown), "https://example.com/…") {
		t.Errorf("explain shows %s", shown)
	}
}
