package config_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
)

func TestTheURLOfAnHTTPNotifierIsReadFromAFile(t *testing.T) {
	paths := make(chan string, 2)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	defer s.Close()
	for name, c := range map[string]struct{ file, keys, says string }{
		"alone":           {s.URL + "/hook/s3cret\n", ``, ""},
		"with options":    {s.URL + "/hook/s3cret", `method: PUT`, ""},
		"with an url":     {s.URL, `url: "https://example.com/x"`, "url and url_file are both set"},
		"with a template": {s.URL + "/{{ .project_code }}", ``, "cannot have templates"},
		"without a host":  {"hook/s3cret", ``, "not an address to send to"},
		"empty":           {"\n", ``, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			secret, file := filepath.Join(folder, "url"), filepath.Join(folder, "rules.yaml")
			text := "sources: [{name: qase, secrets: [a-secret-of-its-own]}]\nnotifiers:\n  - name: ops\n    type: http\n" +
				"    url_file: " + secret + "\n    " + c.keys + "\n" +
				"rules: [{name: r, when: 'event_name == \"run.completed\"', notify: [ops]}]\n"
			for name, content := range map[string]string{secret: c.file, file: text} {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cfg, problems := config.Load([]string{file}, config.LoadOptions{})
			if got := problems.Error(); c.says == "" && got != "" || !strings.Contains(got, c.says) ||
				strings.Contains(got, "s3cret") {
				t.Fatalf("got %q, want %q", got, c.says)
			}
			if c.says != "" {
				return
			}
			if _, err := cfg.Notifiers["ops"].Notifier.Send(t.Context(), &notifiers.Message{ID: "1"}); err != nil {
				t.Fatal(err)
			}
			if got := <-paths; got != "/hook/s3cret" {
				t.Errorf("the request went to %s", got)
			}
		})
	}
}
