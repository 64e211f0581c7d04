package http

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
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

func TestAReceiverIsTriedWithoutARequest(t *testing.T) {
	var requests atomic.Int32
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	plain := httptest.NewServer(count)
	t.Cleanup(plain.Close)
	files := notifierstest.NewPEM(t)
	secure := secureServer(t, files, &requests)
	var given atomic.Int32
	endpoint := notifierstest.TokenEndpoint(t, &given)
	trusting := func(c *Config) {
		c.TLS = httpclient.TLS{CA: files.CA, Cert: files.Cert, Key: notifiers.NewSecret(files.Key),
			ServerName: "hooks.internal"}
	}
	var asked []string
	byProxy := func(c *Config) {
		trusting(c)
		c.ProxyURL = notifiers.NewSecret(strings.Replace(proxy(t, &asked), "http://", "http://u:pr0xy-s3cret@", 1))
	}
	for name, tt := range map[string]struct {
		edit       func(*Config)
		url        string
		options    []string
		want, says string
	}{
		"in the open": {func(*Config) {}, plain.URL + "/secret",
			[]string{`{}`, fmt.Sprintf(`{"url":%q}`, plain.URL+"/other")}, "delivered", "connected to 127.0.0.1"},
		"over TLS": {trusting, secure, nil, "delivered", "over TLS 1.3; no request was made"},
		"not trusted": {func(c *Config) { c.TLS.ServerName = "hooks.internal" }, secure, nil, "retry",
			"tls: {ca_file: …}"},
		"with a token":        {oauth2To(endpoint), plain.URL, nil, "delivered", "got a token"},
		"without a token":     {oauth2To("http://127.0.0.1:1/token"), plain.URL, nil, "retry", "token_url"},
		"by a proxy":          {byProxy, secure, nil, "delivered", "over TLS 1.3"},
		"by a proxy, open":    {byProxy, "http://receiver.invalid/", nil, "delivered", "connected to the proxy"},
		"metadata by a proxy": {byProxy, "http://169.254.169.254/", nil, "permanent", "metadata"},
		"metadata":            {func(*Config) {}, "http://169.254.169.254/", nil, "permanent", "metadata"},
		"not allowed": {func(c *Config) { c.AllowHosts = []string{"x.io"} }, "",
			[]string{`{"url":"http://y.io/"}`}, "permanent", "allow_hosts"},
		"not there":            {func(*Config) {}, "http://127.0.0.1:1/secret", nil, "retry", "refused"},
		"nothing to be tried":  {func(*Config) {}, "", nil, "delivered", "nothing could be checked"},
		"a host by a template": {trusting, "", []string{`{"body":"x"}`}, "delivered", "nothing could be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Config{Timeout: 5 * time.Second}
			tt.edit(c)
			n, err := newNotifier(c, fmt.Appendf(nil, `{"url":%q}`, tt.url))
			if err != nil {
				t.Fatal(err)
			}
			said, err := n.(notifiers.Prober).Probe(t.Context(), raws(tt.options))
			if notifierstest.Outcome(err) != tt.want || !strings.Contains(said+notifierstest.ErrorText(err), tt.says) {
				t.Errorf("%s: %q, %v", notifierstest.Outcome(err), said, err)
			}
			notifierstest.NoSecrets(t, []string{"/secret", "pr0xy-s3cret", notifierstest.ClientSecret},
				notifiers.Receipt{Response: said}, err)
		})
	}
	if requests.Load() != 0 || given.Load() != 1 {
		t.Errorf("the receivers got %d requests, the token endpoint %d", requests.Load(), given.Load())
	}
}

func raws(options []string) []json.RawMessage {
	out := make([]json.RawMessage, len(options))
	for i, o := range options {
		out[i] = json.RawMessage(o)
	}
	return out
}

func TestAProbeEndsWithItsTimeout(t *testing.T) {
	_, port, _ := net.SplitHostPort(notifierstest.Listen(t, notifierstest.ReadUntilClosed))
	n, err := newNotifier(&Config{Timeout: 60 * time.Millisecond},
		fmt.Appendf(nil, `{"url":"https://127.0.0.1:%s"}`, port))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = n.(notifiers.Prober).Probe(t.Context(), nil)
	if took := time.Since(start); notifiers.Reason(err) != notifiers.ReasonTimeout || took > notifierstest.Patience {
		t.Errorf("%s after %s: %v", notifiers.Reason(err), took, err)
	}
}
