package http

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// BenchmarkHTTPSend compares a notifier with a bare client of net/http that sends the same bodies to the same receiver,
// 16 at a time.
func BenchmarkHTTPSend(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_,
			_ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(s.Close)
	m := notifierstest.Message()
	body, err := defaultBody(m)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64}
	bare := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	b.Cleanup(transport.CloseIdleConnections)
	b.Run("client=bare", func(b *testing.B) {
		notifierstest.AtOnce(b, 16, func() error {
			resp, err := bare.Post(s.URL, "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return err
		})
	})
	for name, edit := range map[string]func(*Config){
		"plain":  func(*Config) {},
		"signed": func(c *Config) { c.SigningSecret = []notifiers.Secret{notifiers.NewSecret(testSigning)} },
	} {
		c := &Config{Timeout: 15 * time.Second}
		edit(c)
		n, err := newNotifier(c, fmt.Appendf(nil, `{"url":%q}`, s.URL))
		if err != nil {
			b.Fatal(err)
		}
		b.Run("client=notifier/"+name, func(b *testing.B) {
			notifierstest.AtOnce(b, 16, func() error { _, err := n.Send(b.Context(), m); return err })
		})
	}
}
