package email

import (
	"context"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
)

func emailChannel() channel {
	return channel{
		name:    "email",
		secrets: []string{testPassword, "\x00user\x00" + testPassword},
		answers: append(smtpAnswers(), smtpBreaks()...),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			tcp, err := net.ResolveTCPAddr("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			return testEmail(t, tcp.Port, nil, func(c *Config) { c.Host, c.Timeout = tcp.IP.String(), timeout })
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			s := serveMail(t, &mailServer{}, "none")
			t.Cleanup(func() {
				// Of 8 connections at once the pool keeps Concurrency, so at least as many of the other 8 mails need no new one.
				if s.sessions > 16-Concurrency {
					t.Errorf("%d connections for 16 mails", s.sessions)
				}
			})
			return countingMailer{testEmail(t, s.port, nil), s, seen}
		},
	}
}

// smtpAnswers are what a whole server may say.
func smtpAnswers() []answerCase {
	at := func(name, want, says string, s *mailServer) answerCase {
		return answerCase{name: name, want: want, says: says, make: func(t *testing.T) notifiers.Notifier {
			serveMail(t, s, "none")
			return testEmail(t, s.port, nil)
		}}
	}
	fails := func(code int) func() error { return func() error { return smtpError(code, "no") } }
	rcpt := func(code int) func(string) error { return func(string) error { return smtpError(code, "no") } }
	return []answerCase{
		at("accepted", "delivered", "", &mailServer{}),
		at("421 at MAIL", "again", "421", &mailServer{onMail: fails(421)}),
		at("450 at RCPT", "again", "bob@bar.io", &mailServer{onRcpt: rcpt(450)}),
		at("451 after DATA", "again", "451", &mailServer{onData: fails(451)}),
		at("452 at RCPT", "again", "452", &mailServer{onRcpt: rcpt(452)}),
		at("550 at MAIL", "never", "check the addresses", &mailServer{onMail: fails(550)}),
		at("550 at RCPT", "never", "bob@bar.io", &mailServer{onRcpt: rcpt(550)}),
		at("552 after DATA", "never", "too big", &mailServer{onData: fails(552)}),
		at("554 after DATA", "never", "check", &mailServer{onData: fails(554)}),
		at("535 at AUTH", "never", "check username, password", &mailServer{login: func(string, string) error { return smtpError(535, "bad") }}),
		at("454 at AUTH", "again", "454", &mailServer{login: func(string, string) error { return smtpError(454, "later") }}),
		at("no login that will do", "never", "GSSAPI", &mailServer{mechs: []string{"GSSAPI"}}),
	}
}

// smtpBreaks are servers that talk oddly or hang up.
func smtpBreaks() []answerCase {
	raw := func(name, want, says string, lines ...string) answerCase {
		return answerCase{name: name, want: want, says: says, make: func(t *testing.T) notifiers.Notifier {
			_, port, _ := net.SplitHostPort(listen(t, func(c net.Conn) { speak(c, lines) }))
			p, _ := new(big.Int).SetString(port, 10)
			return testEmail(t, int(p.Int64()), nil, func(c *Config) { c.Username = "" })
		}}
	}
	return []answerCase{
		raw("421 as a greeting", "again", "421", "421 busy"),
		raw("554 as a greeting", "never", "check host and port", "554 go away"),
		raw("drops after it took the mail", "delivered", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA", "250 2.0.0 queued as X1"),
		raw("drops before it took the mail", "again", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA"),
		raw("drops within the mail", "again", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go"),
	}
}

// speak plays an SMTP server that says these lines, each after one of the client's; at DATA it reads a mail instead.
func speak(c net.Conn, lines []string) {
	buf := make([]byte, 1<<16)
	for i, line := range lines {
		if line == "DATA" {
			for all := ""; !strings.HasSuffix(all, "\r\n.\r\n"); {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				all += string(buf[:n])
			}
			continue
		}
		if i > 0 && lines[i-1] != "DATA" {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
		_, _ = io.WriteString(c, line+"\r\n")
	}
}

// countingMailer reports the id in the Message-ID of each mail that its server got.
type countingMailer struct {
	*Notifier
	server *mailServer
	seen   func(string)
}

func (n countingMailer) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	r, err := n.Notifier.Send(ctx, m)
	for _, got := range n.server.mails() {
		if strings.Contains(got.data, "Message-ID: <"+m.ID+"@example.com>") {
			n.seen(m.ID)
			return r, err
		}
	}
	return r, errors.Join(err, errors.New("the mail did not arrive"))
}
