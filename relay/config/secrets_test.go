package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSecretsOfAConfigurationAreHidden(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rules.yaml")
	err := os.WriteFile(name, []byte(`
sources: [{name: qase, secrets: [s3cret-of-webhook], api_token: t0ken-of-qase}]
notifiers:
  - {name: hook, type: http, url: "https://example.com/hook", bearer: bearer-of-hook, headers: {X-Key: key-of-hook}}
  - {name: chat, type: slack, token: xoxb-token-of-slack, channel: "#qa"}
rules:
  - {name: done, when: event_name == "run.completed", notify: [hook, chat]}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := Load([]string{name}, LoadOptions{})
	if cfg == nil {
		t.Fatal(problems)
	}
	got := cfg.Hide("got t0ken-of-qase, bearer-of-hook and xoxb-token-of-slack in it")
	if strings.Contains(got, "-of-") || !strings.HasSuffix(got, "in it") {
		t.Errorf("got %s", got)
	}
	if got := (&Config{}).Hide("text"); got != "text" {
		t.Errorf("got %s", got)
	}
}
