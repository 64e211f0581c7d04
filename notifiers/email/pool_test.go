package email

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"qaserelay/notifiers/notifierstest"
)

func TestUnderLoadAConnectionCarriesManyMails(t *testing.T) {
	const mails = 160
	s := serveMail(t, &server{}, "starttls")
	n := testEmail(t, s.port, s.roots, func(c *Config) { c.TLS = "starttls" })
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for range mails / concurrency {
				if _, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(s.mails()); got != mails || s.sessions > concurrency || mails < 10*s.sessions {
		t.Errorf("%d mails over %d connections", got, s.sessions)
	}
}

// A server may end a session between two mails in many ways. None of them costs an attempt.
func TestABrokenIdleConnectionCostsNoAttempt(t *testing.T) {
	hello := []string{"220 hi", "250 hi"}
	mail := []string{"250 ok", "250 ok", "354 go", "DATA", "250 taken"}
	for name, after := range map[string][]string{
		"it hangs up":                   {},
		"it answers 421":                {"421 time is up"},
		"it hangs up at the next mail":  {"250 reset"},
		"it answers 421 to the sender":  {"250 reset", "421 that is enough"},
		"it answers 421 to a recipient": {"250 reset", "250 ok", "421 that is enough"},
		"it answers 421 to DATA":        {"250 reset", "250 ok", "250 ok", "421 that is enough"},
		"it takes no further sender":    {"250 reset", "450 too many emails in this session"},
		"it refuses the next sender":    {"250 reset", "550 too many emails in this session"},
		"it answers 421 to the mail":    {"250 reset", "250 ok", "250 ok", "354 go", "DATA", "421 that is enough"},
		"it talks nonsense":             {"what?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sessions atomic.Int32
			first := append(append(append([]string{}, hello...), mail...), after...)
			again := append(append([]string{}, hello...), mail...)
			addr := notifierstest.Listen(t, func(c net.Conn) {
				if sessions.Add(1) == 1 {
					speak(c, first)
				} else {
					speak(c, again)
				}
			})
			var port int
			fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &port)
			n := testEmail(t, port, nil, func(c *Config) { c.Username = "" })
			for i := range 2 {
				if r, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`)); err != nil ||
					r.Status != "250 taken" {
					t.Fatalf("mail %d: %+v, %v", i+1, r, err)
				}
			}
			if sessions.Load() != 2 {
				t.Errorf("%d connections", sessions.Load())
			}
		})
	}
}

// records keeps the type of the last TLS record that was read, of TLS 1.2 or before.
type records struct {
	net.Conn
	left int // bytes of the record
	last byte
	head []byte
}

// Read implements [net.Conn].
func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	for _, b := range p[:n] {
		if r.left > 0 {
			r.left--
			continue
		}
		if r.head = append(r.head, b); len(r.head) == 5 {
			r.last, r.left, r.head = r.head[0], int(r.head[3])<<8|int(r.head[4]), nil
		}
	}
	return n, err
}

// TestTheEndOfTLSIsAnnounced reads to the end of each session. Without a close_notify, which is an alert (RFC 5246,
// section 7.2.1), servers log an error for each.
func TestTheEndOfTLSIsAnnounced(t *testing.T) {
	const alert = 21
	config, roots := selfSigned(t)
	config.MaxVersion = tls.VersionTLS12 // in which the types of records can be read
	mail := []string{"250 hi", "250 ok", "250 ok", "354 go", "DATA", "250 taken"}
	for name, end := range map[string]struct {
		lines []string
		after func(*notifier)
	}{
		"a refused sender":       {lines: []string{"250 hi", "550 no"}},
		"an answer of nonsense":  {lines: []string{"250 hi", "250 ok", "what?"}},
		"a refused greeting":     {lines: []string{"550 no", "550 no"}},
		"a session that expires": {append(mail, "221 bye"), func(n *notifier) { n.pool.expire(n.pool.idle[0]) }},
		"a program that ends":    {append(mail, "221 bye"), (*notifier).Close},
	} {
		for _, mode := range []string{"implicit", "starttls"} {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				ended := make(chan byte, 1)
				addr := notifierstest.Listen(t, func(c net.Conn) {
					from := &records{Conn: c}
					secured := tls.Server(from, config)
					if mode == "starttls" {
						speak(c, []string{"220 hi", "250-hi\r\n250 STARTTLS", "220 go"}) // without TLS
						_, _ = secured.Read(make([]byte, 1000))                          // the second EHLO
						speak(secured, end.lines)
					} else {
						speak(secured, append([]string{"220 hi"}, end.lines...))
					}
					_, _ = io.Copy(io.Discard, secured)
					ended <- from.last
				})
				var port int
				fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &port)
				n := testEmail(t, port, roots, func(c *Config) { c.Username, c.TLS = "", mode })
				_, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
				if end.after == nil && err == nil {
					t.Fatal("it was sent")
				}
				if end.after != nil {
					if err != nil {
						t.Fatal(err)
					}
					end.after(n)
				}
				if last := <-ended; last != alert {
					t.Errorf("the session ended with a record of type %d", last)
				}
			})
		}
	}
}
