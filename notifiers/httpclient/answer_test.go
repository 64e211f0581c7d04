package httpclient_test

import (
	"net/http"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

func TestARequestThatCannotBeSentFailsPermanently(t *testing.T) {
	url := notifierstest.Server(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	for name, edit := range map[string]func(*http.Request){
		"a line break":        func(r *http.Request) { r.Header.Set("X-Key", "s3cret\nX: y") },
		"a control character": func(r *http.Request) { r.Header["X-Key"] = []string{"ok", "s3cret\x01"} },
		"a host of two words": func(r *http.Request) { r.Host = "s3cret host" },
		"a host with a break": func(r *http.Request) { r.Host = "s3cret\r\n" },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		edit(req)
		_, err = httpclient.Exchange(http.DefaultClient, req, 100)
		err = httpclient.NewRedactor().AttemptError(t.Context(), "posting", err)
		if notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("%s: %v", name, err)
		}
		notifierstest.NoSecrets(t, []string{"s3cret"}, notifiers.Receipt{}, err)
	}
}
