package email

import (
	"testing"

	"qaserelay/notifiers/notifierstest"
)

// BenchmarkEmailSend tells how many mails a connection carries.
func BenchmarkEmailSend(b *testing.B) {
	for _, mode := range []string{"none", "starttls"} {
		b.Run("tls="+mode, func(b *testing.B) {
			s := serveMail(b, &server{}, mode)
			n := testEmail(b, s.port, s.roots, func(c *Config) { c.TLS = mode })
			notifierstest.AtOnce(b, concurrency, func() error {
				_, err := n.Send(b.Context(), messageTo(`{"to":["a@x.io"]}`))
				return err
			})
			b.ReportMetric(float64(len(s.mails()))/float64(s.sessions), "mails/connection")
		})
	}
}
