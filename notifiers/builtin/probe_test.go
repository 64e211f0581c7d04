package builtin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/email"
	httpkind "qaserelay/notifiers/http"
	"qaserelay/notifiers/httpclient"
)

func TestAMailServerIsTriedWithoutAMail(t *testing.T) {
	for name, tt := range map[string]struct {
		server     *mailServer
		mode       string
		options    []string
		want, says string
	}{
		"all is well": {&mailServer{}, "starttls", []string{`{"to":["a@x.io"]}`, `{"to":["b@x.io"],"cc":["A@x.io","a@x.io"]}`}, "delivered",
			"over TLS 1.3, logged in as user; the server takes mails from qase@example.com for the 3 recipients"},
		"in the open":             {&mailServer{}, "none", nil, "delivered", "without encryption, logged in as user; the server takes mails from qase@example.com; no mail"},
		"a wrong password":        {&mailServer{login: func(string, string) error { return wrongPassword() }}, "implicit", nil, "never", "check username, password"},
		"a sender that is no one": {&mailServer{onMail: func() error { return smtpError(550, "no") }}, "none", nil, "never", "naming the sender <qase@example.com>"},
		"a recipient that is no one": {&mailServer{onRcpt: func(string) error { return smtpError(550, "no") }}, "none", []string{`{"to":["a@x.io"]}`},
			"never", "does not take mails for a@x.io (550"},
		"a recipient that is busy": {&mailServer{onRcpt: func(string) error { return smtpError(450, "no") }}, "none", []string{`{"to":["a@x.io"]}`}, "again", "450"},
		"no address":               {&mailServer{}, "none", []string{`{"to":["nobody"]}`}, "never", "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, tt.server, tt.mode)
			n := testEmail(t, s.port, s.roots, func(c *email.Config) { c.TLS = tt.mode })
			said, err := n.Probe(t.Context(), raws(tt.options))
			if outcome(err) != tt.want || !strings.Contains(said+errorText(err), tt.says) || len(s.mails()) != 0 {
				t.Errorf("%s, %d mails: %q, %v", outcome(err), len(s.mails()), said, err)
			}
			noSecrets(t, emailChannel(), notifiers.Receipt{Response: said}, err)
		})
	}
}

func raws(options []string) []json.RawMessage {
	out := make([]json.RawMessage, len(options))
	for i, o := range options {
		out[i] = json.RawMessage(o)
	}
	return out
}

func TestAReceiverIsTriedWithoutARequest(t *testing.T) {
	var requests atomic.Int32
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	plain := httptest.NewServer(count)
	t.Cleanup(plain.Close)
	files := testPEM(t)
	secure := secureServer(t, files, &requests)
	var given atomic.Int32
	endpoint := tokenEndpoint(t, &given)
	trusting := func(c *httpkind.Config) {
		c.TLS = httpclient.TLS{CA: files.ca, Cert: files.cert, Key: notifiers.NewSecret(files.key), ServerName: "hooks.internal"}
	}
	var asked []string
	byProxy := func(c *httpkind.Config) {
		trusting(c)
		c.ProxyURL = notifiers.NewSecret(strings.Replace(proxy(t, &asked), "http://", "http://u:pr0xy-s3cret@", 1))
	}
	for name, tt := range map[string]struct {
		edit       func(*httpkind.Config)
		url        string
		options    []string
		want, says string
	}{
		"in the open":          {func(*httpkind.Config) {}, plain.URL + "/secret", []string{`{}`, fmt.Sprintf(`{"url":%q}`, plain.URL+"/other")}, "delivered", "connected to 127.0.0.1"},
		"over TLS":             {trusting, secure, nil, "delivered", "over TLS 1.3; no request was made"},
		"not trusted":          {func(c *httpkind.Config) { c.TLS.ServerName = "hooks.internal" }, secure, nil, "again", "tls: {ca_file: …}"},
		"with a token":         {oauth2To(endpoint), plain.URL, nil, "delivered", "got a token"},
		"without a token":      {oauth2To("http://127.0.0.1:1/token"), plain.URL, nil, "again", "token_url"},
		"by a proxy":           {byProxy, secure, nil, "delivered", "over TLS 1.3"},
		"by a proxy, open":     {byProxy, "http://receiver.invalid/", nil, "delivered", "connected to the proxy"},
		"metadata by a proxy":  {byProxy, "http://169.254.169.254/", nil, "never", "metadata"},
		"metadata":             {func(*httpkind.Config) {}, "http://169.254.169.254/", nil, "never", "metadata"},
		"not allowed":          {func(c *httpkind.Config) { c.AllowHosts = []string{"x.io"} }, "", []string{`{"url":"http://y.io/"}`}, "never", "allow_hosts"},
		"not there":            {func(*httpkind.Config) {}, "http://127.0.0.1:1/secret", nil, "again", "refused"},
		"nothing to be tried":  {func(*httpkind.Config) {}, "", nil, "delivered", "nothing could be checked"},
		"a host by a template": {trusting, "", []string{`{"body":"x"}`}, "delivered", "nothing could be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &httpkind.Config{Timeout: 5 * time.Second}
			tt.edit(c)
			n, err := httpkind.New(c, fmt.Appendf(nil, `{"url":%q}`, tt.url))
			if err != nil {
				t.Fatal(err)
			}
			said, err := n.(notifiers.Prober).Probe(t.Context(), raws(tt.options))
			if outcome(err) != tt.want || !strings.Contains(said+errorText(err), tt.says) {
				t.Errorf("%s: %q, %v", outcome(err), said, err)
			}
			noSecrets(t, channel{secrets: []string{"/secret", "pr0xy-s3cret", testClientSecret}}, notifiers.Receipt{Response: said}, err)
		})
	}
	if requests.Load() != 0 || given.Load() != 1 {
		t.Errorf("the receivers got %d requests, the token endpoint %d", requests.Load(), given.Load())
	}
}

func TestAProbeEndsWithItsTime(t *testing.T) {
	for _, c := range []channel{httpChannel(), emailChannel()} {
		n := c.at(t, listen(t, untilClosed), 60*time.Millisecond)
		if c.name == "http" {
			_, port, _ := net.SplitHostPort(listen(t, untilClosed))
			var err error
			if n, err = httpkind.New(&httpkind.Config{Timeout: 60 * time.Millisecond}, fmt.Appendf(nil, `{"url":"https://127.0.0.1:%s"}`, port)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if _, err := n.(notifiers.Prober).Probe(t.Context(), nil); notifiers.Reason(err) != notifiers.ReasonTimeout || time.Since(start) > patience {
			t.Errorf("%s: %s after %s: %v", c.name, notifiers.Reason(err), time.Since(start), err)
		}
	}
}
