package email

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"qaserelay/notifiers"
)

// server is a real SMTP server on loopback. Its hooks may be nil.
type server struct {
	port  int
	roots *x509.CertPool

	certificate []byte // its own, in DER

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
func serveMail(t testing.TB, s *server, tlsMode string) *server {
	t.Helper()
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, secured := c.TLSConnectionState(); !secured ||
			tlsMode != "starttls" { // after STARTTLS it is the same connection
			s.sessions++
		}
		return &serverSession{server: s, conn: c}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth, srv.EnableSMTPUTF8, srv.ErrorLog = "localhost", true, true, silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if tlsMode != "none" {
		srv.TLSConfig, s.roots = selfSigned(t)
		s.certificate = srv.TLSConfig.Certificates[0].Certificate[0]
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

func (s *server) mails() []gotMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

type serverSession struct {
	server *server
	conn   *smtp.Conn
	mail   gotMail
}

func (s *serverSession) Reset()        { s.mail = gotMail{} }
func (s *serverSession) Logout() error { return nil }

func (s *serverSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mail.from = from
	if s.server.onMail != nil {
		return s.server.onMail()
	}
	return nil
}

func (s *serverSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.onRcpt != nil {
		if err := s.server.onRcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *serverSession) Data(r io.Reader) error {
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

func (s *serverSession) AuthMechanisms() []string {
	if s.server.mechs != nil {
		return s.server.mechs
	}
	return []string{sasl.Plain}
}

func (s *serverSession) Auth(mech string) (sasl.Server, error) {
	check := func(_, user, password string) error {
		if s.server.login == nil {
			return nil
		}
		return s.server.login(user, password)
	}
	switch {
	case mech == sasl.Login:
		return &loginServer{check: check}, nil
	case mech == "CRAM-MD5":
		return &cramServer{check: check}, nil
	case mech == "XOAUTH2":
		return &xoauth2Server{check: check}, nil
	case strings.HasPrefix(mech, "SCRAM-"):
		state, _ := s.conn.TLSConnectionState()
		return &scramServer{mechanism: mech, state: &state, check: check}, nil
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

func selfSigned(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true,
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
func testEmail(t testing.TB, port int, roots *x509.CertPool, edit ...func(*Config)) *notifier {
	t.Helper()
	c := Kind().Config().(*Config)
	c.Host, c.Port, c.From, c.TLS = "127.0.0.1", port, "Qase <qase@example.com>", "none"
	c.Username, c.Password = "user", notifiers.NewSecret(testPassword)
	for _, e := range edit {
		e(c)
	}
	n, err := newNotifier(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.(*notifier).trust.RootCAs = roots
	return n.(*notifier)
}

func smtpError(code int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text + " " +
		testPassword}
}

// dripping says these lines as speak does, and then one digit at a time.
func dripping(lines []string) func(net.Conn) {
	return func(c net.Conn) {
		speak(c, lines)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, "2"); err != nil {
				return
			}
		}
	}
}
