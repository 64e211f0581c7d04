package email

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	httpkind "qaserelay/notifiers/http"
	"qaserelay/notifiers/httpclient"
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

const richBody = `# Nightly on staging

**3** of *40* cases ~~passed~~ failed in ` + "`suite_login`" + `, see [the run](https://app.qase.io/run/WEB/dashboard/7?a=1&b=2).
This is a second line with un**believ**able emphasis and **bold with _italic_ inside**.

## What failed

1. Login with an expired password
   - on Chrome
   - on Firefox
     - only on Linux
2. Upload of a big file

   A second paragraph of the item.

- [ ] a plain bullet
- another one with https://example.com/bare_link_with_underscores

> Quoted from the run's comment
> on two lines
>
> > and nested

| Case | Result | Time |
|:-----|:------:|-----:|
| Login | failed | 12 s |
| Upload of a *big* file | passed | 1,240 s |
| 日本語 | ✅ | 3 s |

` + "```go\nif a < b && c > d {\n\tfmt.Println(\"`x`\")\n}\n```" + `

![a screenshot](https://example.com/shot.png)

---

Mail <qa@example.com> or visit <https://example.com>.
`

const hostileBody = "<!channel> <@U1> <!here|x> <script>alert(1)</script> <img src=x onerror=alert(1)>\n\n" +
	"<div onclick=\"x\">\nblock html\n</div>\n\n" +
	"[x](javascript:alert(1)) [y](javascript&#58;alert(1)) [z](data:text/html,<script>) <javascript:alert(1)>\n" +
	"![i](javascript:alert(1)) [rel](/path) [a|b](https://example.com/a|b>c)\n\n" +
	"\\*not bold\\* \\_not italic\\_ \\~not struck\\~ \\`not code\\` snake_case_name 2*3*4 &lt;!channel&gt; &#60;!everyone&#62;\n\n" +
	"\\> not a quote\n\n" +
	"` `` `` ` and ``a`b``\n\n" +
	"```\n``\u0060 <!channel> &amp; </code>\n```\n\n" +
	"- [link](mailto:a@b.io) [bad](mailto:) [u](https://user:pw@host/<x>)\n\x00\x07 bell\u202e rtl override\n"

const (
	testClientSecret = "cl1ent-s3cret"
	testAccess       = "t0ken-s3cret"
)

func oauth2To(url string) func(*httpkind.Config) {
	return func(c *httpkind.Config) {
		c.OAuth2 = &httpclient.OAuth2{
			ClientID: "relay", ClientSecret: notifiers.NewSecret(testClientSecret), TokenURL: url,
			Scopes: []string{"hooks.write", "runs"}, EndpointParams: map[string]string{"audience": "hooks"},
		}
	}
}

// tokenEndpoint gives out token-1, token-2 … for an hour each, and counts them.
func tokenEndpoint(t *testing.T, given *atomic.Int32) string {
	return server(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "relay" || password != testClientSecret || r.FormValue("grant_type") != "client_credentials" ||
			r.FormValue("scope") != "hooks.write runs" || r.FormValue("audience") != "hooks" {
			t.Errorf("the token endpoint was asked %v as %s", r.Form, user)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, testAccess, given.Add(1))
	})
}

// echoForm answers with what was sent, secrets included.
func echoForm(code int, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v %s", body, r.Header, testClientSecret)
	}
}

// pemFiles are an authority and a certificate by it, for localhost and for a client.
type pemFiles struct{ ca, cert, key string }

func testPEM(t *testing.T) pemFiles {
	t.Helper()
	caKey, caDER := certificate(t, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	key, der := certificate(t, &x509.Certificate{
		DNSNames: []string{"hooks.internal"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, caKey)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return pemFiles{write("CERTIFICATE", caDER), write("CERTIFICATE", der), write("EC PRIVATE KEY", keyDER)}
}

// certificate makes a key, and signs its certificate by that of parent or by itself.
func certificate(t *testing.T, c, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, by = c, key
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter, c.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
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

// checkField fails unless err blames key and holds no secret.
func checkField(t *testing.T, err error, key string) {
	t.Helper()
	var fe *notifiers.FieldError
	if !errors.As(err, &fe) || fe.Field() != key || strings.Contains(err.Error(), "secret!!") || strings.Contains(err.Error(), "/secret") {
		t.Errorf("%s: got %v", key, err)
	}
}

// manyFields are more fields than any channel shows.
func manyFields(text string) []notifiers.Field {
	fields := make([]notifiers.Field, 30)
	for i := range fields {
		fields[i] = notifiers.Field{Name: text, Value: text}
	}
	return fields
}
