package builtin

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/email"
	httpkind "qaserelay/notifiers/http"
)

// BenchmarkHTTPSend compares a notifier with a bare client of net/http that sends the same bodies to the same receiver, 16 at a time.
func BenchmarkHTTPSend(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(s.Close)
	m := SharedTestMessage()
	body, err := httpkind.DefaultBody(m)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64}
	bare := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	b.Cleanup(transport.CloseIdleConnections)
	b.Run("client=bare", func(b *testing.B) {
		atOnce(b, 16, func() error {
			resp, err := bare.Post(s.URL, "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return err
		})
	})
	for name, edit := range map[string]func(*httpkind.Config){
		"plain":  func(*httpkind.Config) {},
		"signed": func(c *httpkind.Config) { c.SigningSecret = []notifiers.Secret{notifiers.NewSecret(testSigning)} },
	} {
		c := &httpkind.Config{Timeout: 15 * time.Second}
		edit(c)
		n, err := httpkind.New(c, fmt.Appendf(nil, `{"url":%q}`, s.URL))
		if err != nil {
			b.Fatal(err)
		}
		b.Run("client=notifier/"+name, func(b *testing.B) {
			atOnce(b, 16, func() error { _, err := n.Send(b.Context(), m); return err })
		})
	}
}

// BenchmarkEmailSend tells how many mails a connection carries.
func BenchmarkEmailSend(b *testing.B) {
	for _, mode := range []string{"none", "starttls"} {
		b.Run("tls="+mode, func(b *testing.B) {
			s := serveMail(b, &mailServer{}, mode)
			n := testEmail(b, s.port, s.roots, func(c *email.Config) { c.TLS = mode })
			atOnce(b, email.Concurrency, func() error {
				_, err := n.Send(b.Context(), mailTo(`{"to":["a@x.io"]}`))
				return err
			})
			b.ReportMetric(float64(len(s.mails()))/float64(s.sessions), "mails/connection")
		})
	}
}

// atOnce runs do in so many goroutines until the benchmark has enough.
func atOnce(b *testing.B, workers int, do func() error) {
	b.SetParallelism(max(1, workers/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}
