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
	"qaserelay/notifiers/notifierstest"
)

func TestEmail(t *testing.T) {
	fault := func(key string, edit func(*Config)) notifierstest.Fault {
		c := Kind().Config().(*Config)
		c.Host, c.From, c.Username, c.Password = "smtp.example.com", "a@x.io", "u", notifiers.NewSecret("p")
		edit(c)
		return notifierstest.Fault{Config: c, Key: key}
	}
	cc := fault("cc", func(*Config) {})
	cc.Options = `{"cc":["nobody"]}`
	notifierstest.Run(t, notifierstest.Suite{
		Kind:     Kind(),
		Channels: []notifierstest.Channel{channel()},
		Faults: map[string]notifierstest.Fault{
			"no host":                 fault("host", func(c *Config) { c.Host = "" }),
			"no such port":            fault("port", func(c *Config) { c.Port = 70000 }),
			"no sender":               fault("from", func(c *Config) { c.From = "nobody" }),
			"an odd name":             fault("hello", func(c *Config) { c.Hello = "a b" }),
			"an odd security":         fault("tls", func(c *Config) { c.TLS = "ssl" }),
			"a password in the clear": fault("auth", func(c *Config) { c.Auth, c.TLS = "plain", "none" }),
			"no user":                 fault("username", func(c *Config) { c.Auth, c.Username = "login", "" }),
			"no password":             fault("password", func(c *Config) { c.Password = notifiers.Secret{} }),
			"a negative time":         fault("timeout", func(c *Config) { c.Timeout = -1 }),
			"no address":              cc,
		},
	})
}

func channel() notifierstest.Channel {
	return notifierstest.Channel{
		Name:    "email",
		Options: `{"to":["bob@bar.io"]}`,
		Secrets: []string{testPassword, "\x00user\x00" + testPassword},
		Answers: append(answers(), breaks()...),
		At: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			tcp, err := net.ResolveTCPAddr("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			return testEmail(t, tcp.Port, nil, func(c *Config) { c.Host, c.Timeout = tcp.IP.String(), timeout })
		},
		Accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			s := serveMail(t, &server{}, "none")
			t.Cleanup(func() {
				// Of 8 connections at once the pool keeps concurrency, so at least as many of the other 8 emails need no
				// new one.
				if s.sessions > 16-concurrency {
					t.Errorf("%d connections for 16 mails", s.sessions)
				}
			})
			return countingMailer{testEmail(t, s.port, nil), s, seen}
		},
	}
}

// answers are what a whole server may say.
func answers() []notifierstest.Answer {
	at := func(name, want, says string, s *server) notifierstest.Answer {
		return notifierstest.Answer{Name: name, Want: want, Says: says, Make: func(t *testing.T) notifiers.Notifier {
			serveMail(t, s, "none")
			return testEmail(t, s.port, nil)
		}}
	}
	fails := func(code int) func() error { return func() error { return smtpError(code, "no") } }
	rcpt := func(code int) func(string) error { return func(string) error { return smtpError(code, "no") } }
	return []notifierstest.Answer{
		at("accepted", "delivered", "", &server{}),
		at("421 at MAIL", "retry", "421", &server{onMail: fails(421)}),
		at("450 at RCPT", "retry", "bob@bar.io", &server{onRcpt: rcpt(450)}),
		at("451 after DATA", "retry", "451", &server{onData: fails(451)}),
		at("452 at RCPT", "retry", "452", &server{onRcpt: rcpt(452)}),
		at("550 at MAIL", "permanent", "check the addresses", &server{onMail: fails(550)}),
		at("550 at RCPT", "permanent", "bob@bar.io", &server{onRcpt: rcpt(550)}),
		at("552 after DATA", "permanent", "too big", &server{onData: fails(552)}),
		at("554 after DATA", "permanent", "check", &server{onData: fails(554)}),
		at("535 at AUTH", "permanent", "check username, password",
			&server{login: func(string, string) error { return smtpError(535, "bad") }}),
		at("454 at AUTH", "retry", "454",
			&server{login: func(string, string) error { return smtpError(454, "later") }}),
		at("no login that will do", "permanent", "GSSAPI", &server{mechs: []string{"GSSAPI"}}),
	}
}

// breaks are servers that talk oddly or hang up.
func breaks() []notifierstest.Answer {
	raw := func(name, want, says string, lines ...string) notifierstest.Answer {
		return notifierstest.Answer{Name: name, Want: want, Says: says, Make: func(t *testing.T) notifiers.Notifier {
			_, port, _ := net.SplitHostPort(notifierstest.Listen(t, func(c net.Conn) { speak(c, lines) }))
			p, _ := new(big.Int).SetString(port, 10)
			return testEmail(t, int(p.Int64()), nil, func(c *Config) { c.Username = "" })
		}}
	}
	return []notifierstest.Answer{
		raw("421 as a greeting", "retry", "421", "421 busy"),
		raw("554 as a greeting", "permanent", "check host and port", "554 go away"),
		raw("drops after it took the mail", "delivered", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA",
			"250 2.0.0 queued as X1"),
		raw("drops before it took the mail", "retry", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA"),
		raw("drops within the mail", "retry", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go"),
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
	*notifier
	server *server
	seen   func(string)
}

func (n countingMailer) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	r, err := n.notifier.Send(ctx, m)
	for _, got := range n.server.mails() {
		if strings.Contains(got.data, "Message-ID: <"+m.ID+"@example.com>") {
			n.seen(m.ID)
			return r, err
		}
	}
	return r, errors.Join(err, errors.New("the mail did not arrive"))
}
