package notifiers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server on loopback. Its hooks may be nil.
type mailServer struct {
	port  int
	roots *x509.CertPool

	onMail func() error
	onRcpt func(to string) error
	onData func() error
	login  func(user, password string) error
	mechs  []string // default: PLAIN

	mu       sync.Mutex
	got      []gotMail
	sessions int
}

type gotMail struct {
	from string
	to   []string
	data string
}

// serveMail starts s with the security of tlsMode.
func serveMail(t *testing.T, s *mailServer, tlsMode string) *mailServer {
	t.Helper()
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sessions++
		return &mailSession{server: s}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth, srv.EnableSMTPUTF8, srv.ErrorLog = "localhost", true, true, silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if tlsMode != "none" {
		srv.TLSConfig, s.roots = selfSigned(t)
	}
	if tlsMode == "implicit" {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); _ = l.Close(); <-done })
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func (s *mailServer) mails() []gotMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

type mailSession struct {
	server *mailServer
	mail   gotMail
}

func (s *mailSession) Reset()        { s.mail = gotMail{} }
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	if s.server.onMail != nil {
		return s.server.onMail()
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.onRcpt != nil {
		if err := s.server.onRcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.onData != nil {
		if err := s.server.onData(); err != nil {
			return err
		}
	}
	s.mail.data = string(b)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.got = append(s.server.got, s.mail)
	return nil
}

func (s *mailSession) AuthMechanisms() []string {
	if s.server.mechs != nil {
		return s.server.mechs
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(mech string) (sasl.Server, error) {
	check := func(_, user, password string) error {
		if s.server.login == nil {
			return nil
		}
		return s.server.login(user, password)
	}
	if mech == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(check), nil
}

// loginServer is the server side of AUTH LOGIN.
type loginServer struct {
	check func(identity, user, password string) error
	step  int
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", l.user, string(response))
}

func selfSigned(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

const testPassword = "p4ssw0rd-s3cret"

// testEmail is a notifier for the server at port of this machine.
func testEmail(t *testing.T, port int, roots *x509.CertPool, edit ...func(*emailConfig)) *emailNotifier {
	t.Helper()
	c := emailKind().Config().(*emailConfig)
	c.Host, c.Port, c.From, c.TLS = "127.0.0.1", port, "Qase <qase@example.com>", "none"
	c.Username, c.Password = "user", NewSecret(testPassword)
	for _, e := range edit {
		e(c)
	}
	n, err := newEmail(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.(*emailNotifier).tlsConfig.RootCAs = roots
	return n.(*emailNotifier)
}

func smtpError(code int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text + " " + testPassword}
}

func emailChannel() channel {
	at := func(name, want, says string, s *mailServer) answerCase {
		return answerCase{name: name, want: want, says: says, make: func(t *testing.T) Notifier {
			serveMail(t, s, "none")
			return testEmail(t, s.port, nil)
		}}
	}
	fails := func(code int) func() error { return func() error { return smtpError(code, "no") } }
	rcpt := func(code int) func(string) error { return func(string) error { return smtpError(code, "no") } }
	raw := func(name, want, says string, lines ...string) answerCase {
		return answerCase{name: name, want: want, says: says, make: func(t *testing.T) Notifier {
			_, port, _ := net.SplitHostPort(listen(t, func(c net.Conn) { speak(c, lines) }))
			p, _ := new(big.Int).SetString(port, 10)
			return testEmail(t, int(p.Int64()), nil, func(c *emailConfig) { c.Username = "" })
		}}
	}
	return channel{
		name:    "email",
		secrets: []string{testPassword, "\x00user\x00" + testPassword},
		answers: []answerCase{
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
			raw("421 as a greeting", "again", "421", "421 busy"),
			raw("554 as a greeting", "never", "554", "554 go away"),
			raw("drops after it took the mail", "delivered", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA", "250 2.0.0 queued as X1"),
			raw("drops before it took the mail", "again", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA"),
			raw("drops within the mail", "again", "", "220 hi", "250 hi", "250 ok", "250 ok", "354 go"),
		},
		at: func(t *testing.T, addr string, timeout time.Duration) Notifier {
			tcp, err := net.ResolveTCPAddr("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			return testEmail(t, tcp.Port, nil, func(c *emailConfig) { c.Timeout = timeout })
		},
		accepting: func(t *testing.T, seen func(string)) Notifier {
			s := serveMail(t, &mailServer{}, "none")
			t.Cleanup(func() {
				if s.sessions > emailConcurrency*2 {
					t.Errorf("%d connections for 16 mails", s.sessions)
				}
			})
			return countingMailer{testEmail(t, s.port, nil), s, seen}
		},
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
	*emailNotifier
	server *mailServer
	seen   func(string)
}

func (n countingMailer) Send(ctx context.Context, m *Message) (Receipt, error) {
	r, err := n.emailNotifier.Send(ctx, m)
	for _, got := range n.server.mails() {
		if strings.Contains(got.data, "Message-ID: <"+m.ID+"@example.com>") {
			n.seen(m.ID)
			return r, err
		}
	}
	return r, errors.Join(err, errors.New("the mail did not arrive"))
}
