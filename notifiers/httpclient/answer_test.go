package httpclient_test

import (
	"fmt"
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
		_, err = httpclient.Exchange(httpclient.NewClient(httpclient.DialGuard{}), req, 100)
		err = httpclient.NewRedactor().AttemptError(t.Context(), "posting", err)
		if notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("%s: %v", name, err)
		}
		notifierstest.NoSecrets(t, []string{"s3cret"}, notifiers.Receipt{}, err)
	}
}

// TestExchangeDoesWhatAClientDoes but following redirects.
func TestExchangeDoesWhatAClientDoes(t *testing.T) {
	plain := notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		_, _ = w.Write([]byte(r.Header.Get("Authorization")))
	})
	host := strings.TrimPrefix(plain, "http://")
	for url, want := range map[string]string{
		"http://relay:secret@" + host: "302 Basic cmVsYXk6c2VjcmV0",
		"https://" + host:             "server gave HTTP response to HTTPS client",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := httpclient.Exchange(httpclient.NewClient(httpclient.DialGuard{}), req, 100)
		got := fmt.Sprint(a.Code, " ", string(a.Body))
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

// TestASecretAtTheEndOfALongAnswerIsHidden shifts a secret over the place where an answer is truncated.
func TestASecretAtTheEndOfALongAnswerIsHidden(t *testing.T) {
	const secret = "S3cretCore-é-S3cretCore"
	m := httpclient.NewRedactor(secret)
	for shift := range len(secret) {
		body := strings.Repeat("x", httpclient.MaxReceipt-shift) + secret
		a := httpclient.Answer{Code: 400, Status: "400 Bad Request", Body: []byte(body[:httpclient.MaxReceipt])}
		if r := a.Receipt(m); strings.Contains(r.Response, "S3cr") || strings.HasSuffix(r.Response, "\uFFFD") {
			t.Errorf("%d: …%s", shift, r.Response[len(r.Response)-40:])
		}
	}
}

// TestASecretOfAPageIsHiddenBeforeItsLinesAreCut puts a secret at the end of a long line of a web page.
func TestASecretOfAPageIsHiddenBeforeItsLinesAreCut(t *testing.T) {
	m := httpclient.NewRedactor(`S3cretCore&"<x>`)
	for shift := range 30 {
		line := strings.Repeat("x", 200-shift) + " " + `S3cretCore&amp;&quot;&lt;x&gt;` + " and more"
		a := httpclient.Answer{Code: 503, Body: []byte("<html><body><p>" + line + "</p></body></html>")}
		if r := a.Receipt(m); strings.Contains(r.Response, "S3cr") || !strings.HasPrefix(r.Response, "xxx") {
			t.Errorf("%d: %s", shift, r.Response)
		}
	}
}

func TestTheSecretsOfATokenEndpointAreHidden(t *testing.T) {
	o := httpclient.OAuth2{ClientID: "relay", ClientSecret: notifiers.NewSecret("S3cretOne&é"),
		TokenURL:       "https://login.example.com/token?key=S3cretTwo",
		EndpointParams: map[string]string{"assertion": "S3cretThree", "audience": "hooks"}}
	text := "key=S3cretTwo, S3cretThree, relay:S3cretOne%26%C3%A9, client_secret=S3cretOne&é for the audience hooks"
	if got := httpclient.NewRedactor(o.Secrets()...).Redact(text); strings.Contains(got, "S3cret") || !strings.Contains(got, "hooks") {
		t.Errorf("got %s", got)
	}
}
