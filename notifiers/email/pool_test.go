package email

import (
	"fmt"
	"net"
	"qaserelay/notifiers/notifierstest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
