package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// session is one authenticated connection to a mail server. One goroutine at a time may use it.
type session struct {
	conn   *httpclient.LimitedConn
	client *smtp.Client
	expiry *time.Timer // closes the session while it is in the pool
	handed bool        // the server may have accepted the email
	broken bool        // the server ends the session, or takes no email in it
	// writing means that an email is on its way, which locks the client.
	writing bool
}

// maxAnswers bounds the size of the server's answers in one attempt, with its certificates.
const maxAnswers = 256 << 10

// follow closes the connection at the end of ctx, until stop is called; stop reports whether it is still open.
func (s *session) follow(ctx context.Context) (stop func() bool) {
	s.conn.Left = maxAnswers
	return context.AfterFunc(ctx, func() { _ = s.conn.Close() })
}

// maxReset bounds the time of the check that an idle session still works.
const maxReset = 5 * time.Second

// idle returns a reset session from the pool that still works, or nil.
func (n *notifier) idle(ctx context.Context) *session {
	for s := n.pool.take(); s != nil; s = n.pool.take() {
		soon, cancel := context.WithTimeout(ctx, maxReset)
		stop := s.follow(soon)
		err := s.client.Reset()
		alive := stop()
		cancel()
		if alive && err == nil {
			s.handed = false
			return s
		}
		s.close()
	}
	return nil
}

// release returns a session to the pool after an email that ended with err, or closes it.
func (n *notifier) release(s *session, err error) {
	if s.reusable(err) && !s.broken {
		n.pool.put(s)
	} else {
		s.close()
	}
}

// dial connects, encrypts and logs in.
func (n *notifier) dial(ctx context.Context) (*session, error) {
	addr := net.JoinHostPort(n.config.Host, strconv.Itoa(n.config.Port))
	raw, err := n.guard.Dialer().DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	s := &session{conn: &httpclient.LimitedConn{Conn: raw}}
	stop := s.follow(ctx)
	defer stop()
	if err := n.greet(s); err != nil {
		s.close()
		return nil, fmt.Errorf("greeting %s: %w", addr, turnedAway(err))
	}
	if err := n.login(ctx, s.client); err != nil {
		s.close()
		return nil, fmt.Errorf("logging in to %s: %w", addr, err)
	}
	return s, nil
}

// turnedAway adds advice to the error of a server that has refused the connection.
func turnedAway(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 500 {
		return notifiers.Permanent("%w: check host and port, and that the server accepts emails from this machine", err)
	}
	return err
}

// greet says hello and encrypts the connection as configured.
func (n *notifier) greet(s *session) error {
	var conn net.Conn = s.conn
	if n.config.TLS == "implicit" {
		conn = tls.Client(conn, n.trust)
	}
	client, err := smtp.NewClient(conn, n.config.Host)
	if err != nil {
		return err
	}
	s.client = client
	if err := client.Hello(n.config.hello()); err != nil {
		return err
	}
	if n.config.TLS != "starttls" {
		return nil
	}
	if ok, _ := client.Extension("STARTTLS"); !ok {
		return notifiers.Permanent(
			"the server offers no STARTTLS; write tls: implicit, or tls: none for a server you trust the way to")
	}
	return client.StartTLS(n.trust)
}

// hello returns the name of this host for the greeting.
func (c Config) hello() string {
	if c.Hello != "" {
		return c.Hello
	}
	if name, err := os.Hostname(); err == nil && name != "" && !strings.ContainsAny(name, " \r\n") {
		return name
	}
	return "localhost"
}

// close closes the connection, which aborts an open transaction. The end of an encrypted one is announced.
func (s *session) close() {
	if s.client != nil && !s.writing {
		_ = s.conn.SetDeadline(time.Now().Add(time.Second))
		_ = s.client.Close()
	}
	_ = s.conn.Close()
}

// quit ends an idle session with QUIT, within a second.
func (s *session) quit() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second))
	_ = s.client.Quit()
	s.close()
}

// Close implements [notifiers.Closer].
func (n *notifier) Close() { n.pool.drain() }

// reusable reports whether the session can send another email after one that ended with err.
func (s *session) reusable(err error) bool {
	var reply *textproto.Error
	var sender *senderError
	return err == nil || errors.As(err, &reply) && reply.Code != 421 && !errors.As(err, &sender)
}
