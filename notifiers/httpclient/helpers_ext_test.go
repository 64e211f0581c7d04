package httpclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"qaserelay/notifiers"
	"qaserelay/notifiers/discord"
	"qaserelay/notifiers/email"
	"qaserelay/notifiers/googlechat"
	httpkind "qaserelay/notifiers/http"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/mattermost"
	"qaserelay/notifiers/ntfy"
	"qaserelay/notifiers/pagerduty"
	"qaserelay/notifiers/slack"
	"qaserelay/notifiers/teams"
	"qaserelay/notifiers/telegram"
)

// channel is one way to send, as the contract suite sees it.
type channel struct {
	name    string
	secrets []string
	// answers are what the receiver may say, and what that means.
	answers []answerCase
	// at makes a notifier that sends to a raw TCP address.
	at func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier
	// accepting makes a notifier whose receiver takes everything and counts the ids of what it got.
	accepting func(t *testing.T, seen func(id string)) notifiers.Notifier
}

type answerCase struct {
	name  string
	make  func(t *testing.T) notifiers.Notifier
	want  string // delivered, again, not before, never, gone
	after time.Duration
	// reason, if any, is the Reason; says is part of the error's text.
	reason, says string
}

func channels() []channel {
	return append(serviceChannels(), httpChannel(), slackWebhookChannel(), slackTokenChannel(), emailChannel())
}

// patience is how long a test waits for what ends at once unless it hangs. The machine may be busy.
const patience = 20 * time.Second

// outcome names what err means for the delivery.
func outcome(err error) string {
	var p *notifiers.PermanentError
	var r *notifiers.RetryAfterError
	var g *notifiers.GoneError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &g):
		return "gone"
	case errors.As(err, &p):
		return "never"
	case errors.As(err, &r):
		return "not before"
	}
	return "again"
}

// optionsFor is a message that each channel can send.
func optionsFor(name string) *notifiers.Message {
	return SharedTestMessage(func(m *notifiers.Message) {
		switch {
		case strings.HasPrefix(name, "slack"):
			m.Options = []byte(`{"channel":"#qa"}`)
		case name == "email":
			m.Options = []byte(`{"to":["bob@bar.io"]}`)
		}
	})
}

// noSecrets fails if any way to print a result shows a secret.
func noSecrets(t *testing.T, c channel, receipt notifiers.Receipt, err error) {
	t.Helper()
	texts := []string{fmt.Sprintf("%+v", receipt), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", receipt)}
	for e := err; e != nil; e = errors.Unwrap(e) {
		texts = append(texts, e.Error(), fmt.Sprintf("%+v", e))
	}
	for _, text := range texts {
		for _, s := range c.secrets {
			if strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(s))) {
				t.Errorf("the secret %q is in %q", s, text)
			}
		}
	}
}

// listen serves each connection to a fresh loopback port with serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { conn.Close() })
			wg.Go(func() { defer stop(); defer conn.Close(); serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() }) // by now t.Context() is done
	return l.Addr().String()
}

// passwordCheck is what a server does with a login; the password is the one that it knows where the mechanism does not send it.
type passwordCheck func(identity, user, password string) error

func wrongPassword() error { return smtpError(535, "wrong password") }

// cramServer is the server side of CRAM-MD5 (RFC 2195).
type cramServer struct {
	check passwordCheck
	asked bool
}

func (c *cramServer) Next(response []byte) ([]byte, bool, error) {
	const challenge = "<1896.697170952@localhost>"
	if !c.asked {
		c.asked = true
		return []byte(challenge), false, nil
	}
	user, digest, _ := strings.Cut(string(response), " ")
	mac := hmac.New(md5.New, []byte(testPassword))
	mac.Write([]byte(challenge))
	if digest != hex.EncodeToString(mac.Sum(nil)) {
		return nil, true, wrongPassword()
	}
	return nil, true, c.check("", user, testPassword)
}

// xoauth2Server is the server side of XOAUTH2: it says why it refuses before it does.
type xoauth2Server struct {
	check  passwordCheck
	failed error
}

func (x *xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if x.failed != nil {
		return nil, true, x.failed
	}
	user, token, ok := strings.Cut(strings.TrimSuffix(string(response), "\x01\x01"), "\x01auth=Bearer ")
	if !ok {
		return nil, true, smtpError(501, "no token")
	}
	if x.failed = x.check("", strings.TrimPrefix(user, "user="), token); x.failed != nil {
		return []byte(`{"status":"400","schemes":"Bearer"}`), false, nil
	}
	return nil, true, nil
}

// scramServer is the server side of SCRAM (RFC 5802), bound to its connection with PLUS (RFC 9266).
type scramServer struct {
	mechanism string
	state     *tls.ConnectionState
	check     passwordCheck

	step          int
	binding, bare string
	first, user   string
}

func (s *scramServer) Next(response []byte) ([]byte, bool, error) {
	s.step++
	switch s.step {
	case 1:
		return nil, false, nil // no initial response came: ask for it
	case 2:
		return s.challenge(string(response))
	case 3:
		return s.verify(string(response))
	}
	return nil, true, s.check("", s.user, testPassword)
}

func (s *scramServer) challenge(message string) ([]byte, bool, error) {
	flag, bare, _ := strings.Cut(message, ",,")
	s.binding, s.bare = flag+",,", bare
	if plus := strings.HasSuffix(s.mechanism, "-PLUS"); plus != strings.HasPrefix(flag, "p=") {
		return nil, true, smtpError(501, "the wrong binding")
	}
	if flag == "p=tls-exporter" {
		key, err := s.state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return nil, true, err
		}
		s.binding += string(key)
	}
	user, nonce, _ := strings.Cut(bare, ",r=")
	s.user = strings.TrimPrefix(user, "n=")
	s.first = "r=" + nonce + "server,s=" + base64.StdEncoding.EncodeToString([]byte("salt")) + ",i=4096"
	return []byte(s.first), false, nil
}

func (s *scramServer) verify(final string) ([]byte, bool, error) {
	without, proof, _ := strings.Cut(final, ",p=")
	if bound, _, _ := strings.Cut(strings.TrimPrefix(without, "c="), ","); bound != base64.StdEncoding.EncodeToString([]byte(s.binding)) {
		return nil, true, smtpError(535, "not bound to this connection")
	}
	h := sha256.New
	if strings.HasPrefix(s.mechanism, "SCRAM-SHA-1") {
		h = sha1.New
	}
	salted, err := pbkdf2.Key(h, testPassword, []byte("salt"), 4096, h().Size())
	if err != nil {
		return nil, true, err
	}
	message := s.bare + "," + s.first + "," + without
	key := mac(h, salted, "Client Key")
	signature := mac(h, digest(h, key), message)
	for i := range signature {
		signature[i] ^= key[i]
	}
	if base64.StdEncoding.EncodeToString(signature) != proof {
		return nil, true, wrongPassword()
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(h, mac(h, salted, "Server Key"), message))), false, nil
}

func mac(h func() hash.Hash, key []byte, message string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}

func digest(h func() hash.Hash, b []byte) []byte {
	d := h()
	d.Write(b)
	return d.Sum(nil)
}

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
			return testEmail(t, tcp.Port, nil, func(c *email.Config) { c.Host, c.Timeout = tcp.IP.String(), timeout })
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			s := serveMail(t, &mailServer{}, "none")
			t.Cleanup(func() {
				// Of 8 connections at once the pool keeps EmailConcurrency, so at least as many of the other 8 mails need no new one.
				if s.sessions > 16-email.Concurrency {
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
			return testEmail(t, int(p.Int64()), nil, func(c *email.Config) { c.Username = "" })
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
	*email.Notifier
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

// mailServer is a real SMTP server on loopback. Its hooks may be nil.
type mailServer struct {
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
func serveMail(t testing.TB, s *mailServer, tlsMode string) *mailServer {
	t.Helper()
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, secured := c.TLSConnectionState(); !secured || tlsMode != "starttls" { // after STARTTLS it is the same connection
			s.sessions++
		}
		return &mailSession{server: s, conn: c}, nil
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

func (silent) Println(...any) {}

func (s *mailServer) mails() []gotMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   gotMail
}

func (s *mailSession) Reset() { s.mail = gotMail{} }

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
func testEmail(t testing.TB, port int, roots *x509.CertPool, edit ...func(*email.Config)) *email.Notifier {
	t.Helper()
	c := email.Kind().Config().(*email.Config)
	c.Host, c.Port, c.From, c.TLS = "127.0.0.1", port, "Qase <qase@example.com>", "none"
	c.Username, c.Password = "user", notifiers.NewSecret(testPassword)
	for _, e := range edit {
		e(c)
	}
	n, err := email.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.(*email.Notifier).TLSConfig.RootCAs = roots
	return n.(*email.Notifier)
}

func smtpError(code int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text + " " + testPassword}
}

// SharedTestMessage is a message as the relay makes it; edit changes it.
func SharedTestMessage(edit ...func(*notifiers.Message)) *notifiers.Message {
	m := &notifiers.Message{
		ID:        "01JDELIVERY0000000000000001",
		Rule:      "failed-run",
		Level:     "error",
		Title:     "Run 7 of WEB failed: 3 of 40 cases",
		Body:      "**3** of 40 cases failed.",
		URL:       "https://app.qase.io/run/WEB/dashboard/7",
		EventName: "run.completed",
		Project:   "WEB",
		Thread:    "qase/WEB/run/7",
		CreatedAt: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Event:     json.RawMessage(`{"event_name":"run.completed", "timestamp":1763894000,"payload":{"id":7,"failed":3},"project_code":"WEB"}`),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

const testClientSecret = "cl1ent-s3cret"

// login is what a receiver sees of the ways to log in.
func login(t *testing.T, edit func(*httpkind.Config), serve http.HandlerFunc) notifiers.Notifier {
	t.Helper()
	c := &httpkind.Config{Timeout: 10 * time.Second}
	edit(c)
	n, err := httpkind.New(c, fmt.Appendf(nil, `{"url":%q}`, server(t, serve)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func oauth2To(url string) func(*httpkind.Config) {
	return func(c *httpkind.Config) {
		c.OAuth2 = &httpclient.OAuth2{
			ClientID: "relay", ClientSecret: notifiers.NewSecret(testClientSecret), TokenURL: url,
			Scopes: []string{"hooks.write", "runs"}, EndpointParams: map[string]string{"audience": "hooks"},
		}
	}
}

func httpChannel() channel {
	return channel{
		name:    "http",
		secrets: []string{testSigning, testPath, testBearer, "querys3cret"},
		answers: slices.Concat(httpStatuses(), httpPatience(), httpBodies()),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return testHTTP(t, "http://"+addr, func(c *httpkind.Config) { c.Timeout = timeout })
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return testHTTP(t, server(t, func(_ http.ResponseWriter, r *http.Request) { seen(r.Header.Get("webhook-id")) }))
		},
	}
}

// httpStatuses are answers that say all by their status.
func httpStatuses() []answerCase {
	var answers []answerCase
	add := func(want string, codes ...int) {
		for _, code := range codes {
			answers = append(answers, answerCase{name: fmt.Sprint(code), want: want, make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, server(t, echo(code, nil)))
			}})
		}
	}
	add("delivered", 200, 201, 202, 204, 299)
	add("never", 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 407, 409, 413, 415, 422)
	add("gone", 410)
	add("again", 408, 425, 429, 500, 501, 502, 503, 504, 599)
	return answers
}

// httpPatience are answers that ask for patience.
func httpPatience() []answerCase {
	var answers []answerCase
	later := func(name string, code int, value string, after time.Duration) {
		answers = append(answers, answerCase{name: name, want: "not before", after: after, make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(code, http.Header{"Retry-After": {value}})))
		}})
	}
	later("429 with seconds", 429, "7", 7*time.Second)
	later("503 with seconds", 503, "120", 2*time.Minute)
	later("408 with seconds", 408, "30", 30*time.Second)
	answers = append(answers, untilDate(answerCase{name: "429 with a date", want: "not before", make: func(t *testing.T) notifiers.Notifier {
		return testHTTP(t, server(t, dated))
	}}))
	later("429 with far too many seconds", 429, "99999999999999999999", time.Hour)
	later("429 with a date far away", 429, "Fri, 31 Dec 2999 23:59:59 GMT", time.Hour)
	again := func(name, value string) {
		answers = append(answers, answerCase{name: name, want: "again", reason: notifiers.ReasonRate, make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(429, http.Header{"Retry-After": {value}})))
		}})
	}
	again("429 with a date in the past", "Fri, 31 Dec 1999 23:59:59 GMT")
	again("429 with a negative number", "-5")
	again("429 with nonsense", "soon")
	again("429 with no number", "NaN")
	return answers
}

// httpBodies are answers with bodies that harm.
func httpBodies() []answerCase {
	return []answerCase{
		answerCase{name: "redirect to a secret place", want: "never", says: "https://other.example", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(302, http.Header{"Location": {"https://other.example/?t=" + testBearer}})))
		}},
		answerCase{name: "200 with an endless body", want: "delivered", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, endless(200)))
		}},
		answerCase{name: "500 with an endless body", want: "again", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, endless(500)))
		}},
		answerCase{name: "200 with a body that drips", want: "delivered", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, drip(200)), func(c *httpkind.Config) { c.Timeout = 2 * time.Second })
		}},
	}
}

// echo answers with all that was sent, secrets included.
func echo(code int, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "%s %s %v %s ", r.URL, r.RequestURI, r.Header, testSigning)
		_, _ = io.Copy(w, r.Body)
	}
}

func endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 4000) + testBearer)); err != nil {
				return
			}
		}
	}
}

func drip(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = w.Write([]byte("."))
				w.(http.Flusher).Flush()
			}
		}
	}
}

const (
	testSigning = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	testPath    = "/hooks/T0PSECRETPATH"
	testBearer  = "bearer-s3cr3t-value"
)

// testHTTP is a notifier that posts to base.
func testHTTP(t *testing.T, base string, edit ...func(*httpkind.Config)) notifiers.Notifier {
	t.Helper()
	c := &httpkind.Config{Timeout: 10 * time.Second, SigningSecret: []notifiers.Secret{notifiers.NewSecret(testSigning)}}
	for _, e := range edit {
		e(c)
	}
	defaults, err := json.Marshal(httpkind.Options{
		URL:     base + testPath + "?sig=querys3cret",
		Headers: map[string]string{"Authorization": "Bearer " + testBearer},
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := httpkind.New(c, defaults)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// server serves requests until the test ends.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

const (
	maintenance = "<!DOCTYPE html><html>We are down for maintenance</html>"
	hookSecret  = "hooks3cret"
)

// serviceChannel describes how a service is spoken to in the contract suite.
type serviceChannel struct {
	name    string
	kind    notifiers.Kind
	secrets []string
	// config makes a configuration whose address is base.
	config   func(base string, timeout time.Duration) any
	defaults string // message options
	ok       string // the answer to a message that was taken
	// title finds a message's title in a request's body.
	title func(body map[string]any) any
	// unread says that a success is told by the status alone.
	unread bool
	// answers are those that only this service gives.
	answers func(at answerAt) []answerCase
}

// answerAt makes a case of an answer.
type answerAt func(code int, body, want, says string) answerCase

func serviceChannels() []channel {
	var all []channel
	for _, s := range []serviceChannel{
		teamsService(), discordService(), telegramService(), googleService(), mattermostService(), pagerService(), ntfyService(),
	} {
		all = append(all, s.channel())
	}
	return all
}

func (s serviceChannel) make(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	t.Helper()
	n, err := s.kind.New(s.config(base, timeout), []byte(s.defaults))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s serviceChannel) channel() channel {
	return channel{
		name:    s.name,
		secrets: s.secrets,
		answers: slices.Concat(s.commonAnswers(), s.answers(func(code int, body, want, says string) answerCase {
			return s.answer(body, want, says, slackSays(code, body, ""))
		})),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return s.make(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return s.make(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				title, _ := s.title(body).(string)
				i := strings.Index(title, "delivery")
				seen(strings.ReplaceAll(strings.Fields(strings.NewReplacer("*", " ", "]", " ").Replace(title[max(i, 0):]))[0], markup.Joiner, ""))
				_, _ = io.WriteString(w, s.ok)
			}), 10*time.Second)
		},
	}
}

func (s serviceChannel) answer(name, want, says string, h http.HandlerFunc) answerCase {
	return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
		return s.make(t, server(t, h), 10*time.Second)
	}}
}

// commonAnswers are those that mean the same for every service.
func (s serviceChannel) commonAnswers() []answerCase {
	byStatus := map[bool]string{true: "delivered", false: "again"}[s.unread]
	return []answerCase{
		s.answer("taken", "delivered", "", slackSays(200, s.ok, "")),
		s.answer("200 with an endless body", byStatus, "", endless(200)),
		s.answer("200 with HTML", "again", "form", slackSays(200, maintenance, "")),
		s.answer("302", "never", "redirects", slackSays(302, "", "")),
		s.answer("400 with nothing", "never", "400", slackSays(400, "", "")),
		s.answer("401 with HTML", "never", "401", slackSays(401, maintenance, "")),
		s.answer("403 with HTML", "never", "403", slackSays(403, maintenance, "")),
		s.answer("404 with HTML", "never", "404", slackSays(404, maintenance, "")),
		s.answer("408", "again", "", slackSays(408, "", "")),
		s.answer("410", "gone", "", slackSays(410, "", "")),
		s.answer("413", "never", "", slackSays(413, maintenance, "")),
		s.answer("425", "again", "", slackSays(425, "", "")),
		s.answer("429", "again", "", slackSays(429, maintenance, "")),
		s.answer("429 with seconds", "not before", "", slackSays(429, "", "7")),
		untilDate(s.answer("429 with a date", "not before", "", dated)),
		s.answer("500 with HTML", "again", "", slackSays(500, maintenance, "")),
		s.answer("503 with seconds", "not before", "", slackSays(503, "", "7")),
		s.answer("an echo of all that came", "again", "", echo(500, nil)),
		s.answer("a refusal with an echo", "never", "", echo(400, nil)),
	}
}

func teamsService() serviceChannel {
	fails := func(code string) string { return `{"error":{"code":"` + code + `","message":"no ` + hookSecret + `"}}` }
	return serviceChannel{
		name: "teams", kind: teams.Kind(), secrets: []string{hookSecret, "/workflows/abc"}, unread: true,
		config: func(base string, timeout time.Duration) any {
			return &teams.Config{WebhookURL: notifiers.NewSecret(base + "/workflows/abc/triggers?sig=" + hookSecret), Timeout: timeout}
		},
		title: func(b map[string]any) any {
			card := b["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
			head := card["body"].([]any)[0].(map[string]any)["items"].([]any)[0].(map[string]any)
			return head["inlines"].([]any)[0].(map[string]any)["text"]
		},
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(202, "", "delivered", ""),
				at(200, "1", "delivered", ""),
				at(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", "again", "make a workflow"),
				at(400, fails("TriggerInputSchemaMismatch"), "never", "Adaptive Cards"),
				at(400, fails("WorkflowTriggerIsNotEnabled"), "never", "turn the workflow on"),
				at(401, fails("DirectApiAuthorizationRequired"), "never", "let anyone call it"),
				at(404, fails("WorkflowNotFound"), "never", "deleted"),
				at(502, fails("NoResponse"), "again", "NoResponse"),
			}
		},
	}
}

func discordService() serviceChannel {
	return serviceChannel{
		name: "discord", kind: discord.Kind(), secrets: []string{hookSecret, "/webhooks/1"},
		config: func(base string, timeout time.Duration) any {
			return &discord.Config{WebhookURL: notifiers.NewSecret(base + "/api/webhooks/1/" + hookSecret), Timeout: timeout}
		},
		ok:    `{"id":"123","channel_id":"456"}`,
		title: func(b map[string]any) any { return b["embeds"].([]any)[0].(map[string]any)["title"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(204, "", "delivered", ""),
				at(200, "{}", "again", "not in the form"),
				at(200, "null", "again", "not in the form"),
				at(429, `{"message":"You are being rate limited.","retry_after":6.5,"global":false}`, "not before", "rate limited"),
				at(404, `{"message":"Unknown Webhook","code":10015}`, "gone", "deleted"),
				at(401, `{"message":"Invalid Webhook Token","code":50027}`, "never", "whole URL"),
				at(400, `{"message":"Invalid Form Body","code":50035,"errors":{"embeds":["0"]}}`, "never", "change its title"),
				at(400, `{"message":"Webhooks posted to forum channels must have a thread_name or thread_id","code":220001}`, "never", "forum"),
				at(404, `{"message":"Unknown Channel","code":10003}`, "never", "thread_id"),
			}
		},
	}
}

func telegramService() serviceChannel {
	const token = "110201543:AAHt0kens3cret"
	fails := func(description, parameters string) string {
		return `{"ok":false,"description":"` + description + `","parameters":{` + parameters + `}}`
	}
	return serviceChannel{
		name: "telegram", kind: telegram.Kind(), secrets: []string{token, "AAHt0kens3cret"},
		config: func(base string, timeout time.Duration) any {
			return &telegram.Config{Token: notifiers.NewSecret(token), APIURL: base, Timeout: timeout}
		},
		defaults: `{"chat_id":"-1001234567890"}`,
		ok:       `{"ok":true,"result":{"message_id":7}}`,
		title:    func(b map[string]any) any { return strings.ReplaceAll(b["text"].(string), "<", " ") },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{"ok":false}`, "again", "api_url"),
				at(429, fails("Too Many Requests: retry after 7", `"retry_after":7`), "not before", "Too Many Requests"),
				at(400, fails("Bad Request: group chat was upgraded to a supergroup chat", `"migrate_to_chat_id":-1009876543210`), "never", "-1009876543210"),
				at(400, fails("Bad Request: chat not found", ""), "never", "check chat_id"),
				at(400, fails("Bad Request: message thread not found", ""), "never", "topic"),
				at(400, fails("Bad Request: can't parse entities", ""), "never", "change its title"),
				at(401, fails("Unauthorized", ""), "never", "@BotFather"),
				at(404, fails("Not Found", ""), "never", "@BotFather"),
				at(403, fails("Forbidden: bot was blocked by the user", ""), "never", "press Start"),
				at(403, fails("Forbidden: bot was kicked from the supergroup chat", ""), "never", "add the bot"),
			}
		},
	}
}

func googleService() serviceChannel {
	fails := func(status, message string) string {
		return `{"error":{"status":"` + status + `","message":"` + message + `"}}`
	}
	return serviceChannel{
		name: "googlechat", kind: googlechat.Kind(), secrets: []string{hookSecret, "/v1/spaces/AAA"},
		config: func(base string, timeout time.Duration) any {
			return &googlechat.Config{WebhookURL: notifiers.NewSecret(base + "/v1/spaces/AAA/messages?key=k3y0&token=" + hookSecret), Timeout: timeout}
		},
		ok:    `{"name":"spaces/AAA/messages/1"}`,
		title: func(b map[string]any) any { return b["fallbackText"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{}`, "again", "webhook_url"),
				at(400, fails("INVALID_ARGUMENT", "Message cannot be empty."), "never", "change its title"),
				at(403, fails("PERMISSION_DENIED", "The caller does not have permission"), "never", "make a new webhook"),
				at(404, fails("NOT_FOUND", "Space not found"), "never", "make a new webhook"),
				at(429, fails("RESOURCE_EXHAUSTED", "Resource has been exhausted"), "again", "exhausted"),
			}
		},
	}
}

func mattermostService() serviceChannel {
	fails := func(id string) string { return `{"id":"web.incoming_webhook.` + id + `.app_error","message":"no"}` }
	return serviceChannel{
		name: "mattermost", kind: mattermost.Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &mattermost.Config{WebhookURL: notifiers.NewSecret(base + "/hooks/" + hookSecret), Timeout: timeout}
		},
		ok:    "ok",
		title: func(b map[string]any) any { return strings.ReplaceAll(b["text"].(string), "[", " ") },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(400, fails("invalid"), "never", "make a new incoming webhook"),
				at(404, fails("channel"), "never", "check channel"),
				at(403, fails("channel_locked"), "never", "leave channel out"),
				at(403, fails("permissions"), "never", "may post"),
				at(501, fails("disabled"), "never", "System Console"),
				at(400, fails("text"), "never", "change its title"),
				at(500, fails("general"), "again", "general"),
			}
		},
	}
}

func pagerService() serviceChannel {
	return serviceChannel{
		name: "pagerduty", kind: pagerduty.Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &pagerduty.Config{RoutingKey: notifiers.NewSecret(hookSecret), APIURL: base, Timeout: timeout}
		},
		ok:    `{"status":"success","message":"Event processed","dedup_key":"k"}`,
		title: func(b map[string]any) any { return b["payload"].(map[string]any)["summary"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(202, `{"status":"success","message":"Event processed"}`, "delivered", ""),
				at(400, `{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}`, "never", "routing_key"),
				at(400, `{"status":"invalid event","message":"Event object is invalid","errors":["'payload.severity' is invalid"]}`, "never", "change its title"),
				at(403, "", "never", "check routing_key"),
			}
		},
	}
}

func ntfyService() serviceChannel {
	return serviceChannel{
		name: "ntfy", kind: ntfy.Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &ntfy.Config{Server: base, Username: "phil", Password: notifiers.NewSecret(hookSecret), Timeout: timeout}
		},
		defaults: `{"topic":"qa"}`,
		ok:       `{"id":"x1","event":"message","topic":"qa"}`,
		title:    func(b map[string]any) any { return b["title"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{}`, "again", "server"),
				at(403, `{"code":40301,"http":403,"error":"forbidden"}`, "never", "check token"),
				at(400, `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`, "never", "topic"),
				at(429, `{"code":42901,"http":429,"error":"limit reached: too many requests"}`, "again", "too many"),
				at(507, `{"code":50701,"http":507,"error":"cannot publish"}`, "again", ""),
			}
		},
	}
}

// slackSays answers with a fixed status and body.
func slackSays(code int, body string, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// dated asks for patience for ten minutes, as a date, which is in whole seconds. It is made when the answer is, so that it does not matter
// how busy the machine is.
func dated(w http.ResponseWriter, r *http.Request) {
	slackSays(http.StatusTooManyRequests, "", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))(w, r)
}

// untilDate is a case that dated answers.
func untilDate(a answerCase) answerCase {
	a.after = 10 * time.Minute
	return a
}

// halfAnswer promises more than it says, and hangs up.
func halfAnswer(says string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, says)
	}
}

func slackWebhookChannel() channel {
	const html = "<!DOCTYPE html><html>We are down for maintenance</html>"
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
			return slackWebhook(t, server(t, h), 10*time.Second)
		}}
	}
	return channel{
		name:    "slack webhook",
		secrets: []string{"hooks3cret", "/services/T000/B000"},
		answers: []answerCase{
			at("ok", "delivered", slackSays(200, "ok", ""), ""),
			at("200 with HTML", "again", slackSays(200, html, ""), "maintenance"),
			at("200 with nothing", "again", slackSays(200, "", ""), ""),
			at("200 with an endless body", "again", endless(200), ""),
			at("204", "again", slackSays(204, "", ""), ""),
			at("302", "never", slackSays(302, "", ""), "redirects"),
			at("400 invalid_payload", "never", slackSays(400, "invalid_payload", ""), "invalid_payload"),
			at("403 action_prohibited", "never", slackSays(403, "action_prohibited", ""), "admin"),
			at("404 no_service", "never", slackSays(404, "no_service", ""), "webhook_url"),
			at("403 invalid_token", "never", slackSays(403, "invalid_token", ""), "webhook_url"),
			at("404 channel_not_found", "never", slackSays(404, "channel_not_found", ""), "invite"),
			at("410 channel_is_archived", "never", slackSays(410, "channel_is_archived", ""), "unarchive"),
			at("418 with no word", "never", slackSays(418, html, ""), "418"),
			at("an echoed secret", "never", slackSays(400, "no /services/T000/B000/hooks3cret", ""), ""),
			at("408", "again", slackSays(408, "", ""), ""),
			at("429", "again", slackSays(429, "rate_limited", ""), ""),
			at("429 with seconds", "not before", slackSays(429, "rate_limited", "7"), ""),
			at("500 rollup_error", "again", slackSays(500, "rollup_error", ""), "rollup_error"),
			at("503 with seconds", "not before", slackSays(503, html, "7"), ""),
		},
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return slackWebhook(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return slackWebhook(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var post slack.SlackPost
				_ = json.NewDecoder(r.Body).Decode(&post)
				seen(post.Attachments[0].Fallback)
				_, _ = io.WriteString(w, "ok")
			}), 10*time.Second)
		},
	}
}

func slackTokenChannel() channel {
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
			return slackToken(t, server(t, h), 10*time.Second)
		}}
	}
	return channel{
		name:    "slack token",
		secrets: []string{testToken},
		answers: append(slackWords(), []answerCase{
			at("ok", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2"}`, ""), ""),
			at("ok with a long echo", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"`+strings.Repeat("x", 20000)+`"}}`, ""), ""),
			at("200 with HTML", "again", slackSays(200, "<html>maintenance</html>", ""), "maintenance"),
			at("200 with null", "again", slackSays(200, "null", ""), "not in the form"),
			at("200 with an empty object", "again", slackSays(200, "{}", ""), "not in the form"),
			at("200 that is not ok", "again", slackSays(200, `{"ok":false}`, ""), "not in the form"),
			at("200 with half an answer", "again", halfAnswer(`x`), "in the middle of the answer"),
			at("200 with an endless body", "again", endless(200), ""),
			at("429", "again", slackSays(429, "", ""), ""),
			at("429 with seconds", "not before", slackSays(429, `{"ok":false,"error":"ratelimited"}`, "7"), ""),
			untilDate(at("429 with a date", "not before", dated, "")),
			at("500", "again", slackSays(500, `{"ok":false,"error":"invalid_auth"}`, ""), ""),
			at("503", "not before", slackSays(503, "", "7"), ""),
			at("404", "never", slackSays(404, "", ""), "api_url"),
			at("301", "never", slackSays(301, "", ""), "redirects"),
			at("an echoed secret", "again", slackSays(200, `{"ok":false,"error":"no `+testToken+`"}`, ""), ""),
			at("what is wrong with the blocks", "never", slackSays(200, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be less than 3001 characters"]}}`, ""), "3001"),
		}...),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return slackToken(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return slackToken(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var a []struct{ Fallback string }
				if err := json.Unmarshal([]byte(r.FormValue("attachments")), &a); err != nil || r.URL.Path != "/api/chat.postMessage" {
					t.Errorf("%s: %v", r.URL, err)
				}
				seen(a[0].Fallback)
				_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1.2"}`)
			}), 10*time.Second)
		},
	}
}

// slackWords are the error codes in answers with status 200.
func slackWords() []answerCase {
	fails := func(code, want, says string) answerCase {
		return answerCase{name: code, want: want, says: says, make: func(t *testing.T) notifiers.Notifier {
			return slackToken(t, server(t, slackSays(200, `{"ok":false,"error":"`+code+`"}`, "")), 10*time.Second)
		}}
	}
	return []answerCase{
		fails("ratelimited", "again", ""),
		fails("rate_limited", "again", ""),
		fails("internal_error", "again", ""),
		fails("fatal_error", "again", ""),
		fails("service_unavailable", "again", ""),
		fails("request_timeout", "again", ""),
		fails("team_added_to_org", "again", ""),
		fails("update_failed", "again", ""),
		fails("a_code_of_tomorrow", "again", "a_code_of_tomorrow"),
		fails("channel_not_found", "never", "/invite"),
		fails("not_in_channel", "never", "/invite"),
		fails("is_archived", "never", "unarchive"),
		fails("invalid_auth", "never", "bot token"),
		fails("not_authed", "never", "bot token"),
		fails("account_inactive", "never", "bot token"),
		fails("token_revoked", "never", "bot token"),
		fails("missing_scope", "never", "chat:write"),
		fails("restricted_action", "never", "admin"),
		fails("msg_too_long", "never", "message"),
		fails("invalid_blocks", "never", "message"),
		fails("no_text", "never", "message"),
		fails("invalid_attachments_format", "never", "message"),
		fails("accesslimited", "never", "admin"),
		fails("two_factor_setup_required", "never", "two-factor"),
		fails("team_not_found", "never", "(C…)"),
		fails("is_inactive", "never", "unarchive"),
		fails("messages_tab_disabled", "never", "App Home"),
		fails("slack_connect_canvas_sharing_blocked", "never", "canvas"),
		fails("invalid_user_combination", "never", "share no channel"),
		fails("invalid_json", "never", "api_url"),
		fails("unknown_method", "never", "api_url"),
	}
}

const testToken = "xoxb-1234-tests3cret"

func slackWebhook(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	return testSlack(t, &slack.Config{WebhookURL: notifiers.NewSecret(base + "/services/T000/B000/hooks3cret"), APIURL: "https://slack.com/api/", Timeout: timeout})
}

func slackToken(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	return testSlack(t, &slack.Config{Token: notifiers.NewSecret(testToken), APIURL: base + "/api", Timeout: timeout})
}

func testSlack(t *testing.T, c *slack.Config) notifiers.Notifier {
	t.Helper()
	n, err := slack.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
