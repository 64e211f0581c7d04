package http

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

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

// secureServer wants a certificate of its clients, and says how many requests it got.
func secureServer(t *testing.T, files pemFiles, got *atomic.Int32) string {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(files.cert), []byte(files.key))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(files.ca))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.Config.ErrorLog = silentLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestHTTPTrustsAndIsTrusted(t *testing.T) {
	files := testPEM(t)
	other := testPEM(t)
	var got atomic.Int32
	base := secureServer(t, files, &got)
	for name, tt := range map[string]struct {
		tls  httpclient.TLS
		want string
		says string
	}{
		"by both certificates": {httpclient.TLS{CA: files.ca, Cert: files.cert, Key: notifiers.NewSecret(files.key), ServerName: "hooks.internal"}, "delivered", ""},
		"by any certificate":   {httpclient.TLS{InsecureSkipVerify: true, Cert: files.cert, Key: notifiers.NewSecret(files.key)}, "delivered", ""},
		"an unknown authority": {httpclient.TLS{ServerName: "hooks.internal"}, "again", "tls: {ca_file: …}"},
		"another authority":    {httpclient.TLS{CA: other.ca, ServerName: "hooks.internal"}, "again", "unknown authority"},
		"another name":         {httpclient.TLS{CA: files.ca}, "again", "certificate"},
		"no certificate of us": {httpclient.TLS{CA: files.ca, ServerName: "hooks.internal"}, "again", "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			got.Store(0)
			n, err := New(&Config{Timeout: 5 * time.Second, TLS: tt.tls}, fmt.Appendf(nil, `{"url":%q}`, base))
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Send(t.Context(), SharedTestMessage())
			if outcome(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) || (got.Load() == 1) != (err == nil) {
				t.Errorf("got %s: %v", outcome(err), err)
			}
		})
	}
}

// proxy forwards requests and CONNECTs for whoever knows the password, and says what it was asked for.
func proxy(t *testing.T, asked *[]string) string {
	return server(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.Host)
		if r.Header.Get("Proxy-Authorization") != "Basic dTpwcjB4eS1zM2NyZXQ=" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			w.Header().Set("X-Via", "proxy")
			_, _ = io.Copy(w, r.Body)
			return
		}
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { defer out.Close(); _, _ = io.Copy(out, in) }()
		_, _ = io.Copy(in, out)
		in.Close()
	})
}

func TestHTTPGoesByAProxyButNeverToForbiddenPlaces(t *testing.T) {
	files := testPEM(t)
	var got atomic.Int32
	secure := secureServer(t, files, &got)
	const password = "pr0xy-s3cret"
	for name, tt := range map[string]struct {
		url, password string
		hosts         []string
		want, says    string
		asked         int
	}{
		"http":                     {"http://receiver.invalid/x", password, nil, "delivered", "", 1},
		"https":                    {secure, password, nil, "delivered", "", 1},
		"http, wrong password":     {"http://receiver.invalid/x", "wrong-s3cret", nil, "never", "proxy_url", 1},
		"https, wrong password":    {secure, "wrong-s3cret", nil, "never", "proxy_url", 1},
		"https, no such receiver":  {"https://127.0.0.1:1/", password, nil, "again", "502", 1},
		"metadata":                 {"http://169.254.169.254/", password, nil, "never", "metadata", 0},
		"metadata over https":      {"https://[fd00:ec2::254]/", password, nil, "never", "metadata", 0},
		"a private allowed host":   {"http://localhost/", password, []string{"localhost"}, "never", "allow_private", 0},
		"an allowed unknown host":  {"http://receiver.invalid/", password, []string{"*.invalid", "receiver.invalid"}, "delivered", "", 1},
		"a host that is forbidden": {"http://receiver.invalid/", password, []string{"x.io"}, "never", "allow_hosts", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			n, err := New(&Config{
				Timeout: 5 * time.Second, AllowHosts: tt.hosts,
				TLS:      httpclient.TLS{CA: files.ca, Cert: files.cert, Key: notifiers.NewSecret(files.key), ServerName: "hooks.internal"},
				ProxyURL: notifiers.NewSecret(strings.Replace(proxy(t, &asked), "http://", "http://u:"+tt.password+"@", 1)),
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			receipt, err := n.Send(t.Context(), SharedTestMessage(func(m *notifiers.Message) { m.Options = fmt.Appendf(nil, `{"url":%q}`, tt.url) }))
			if outcome(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) || len(asked) != tt.asked {
				t.Errorf("got %s, the proxy was asked %q: %v", outcome(err), asked, err)
			}
			noSecrets(t, channel{secrets: []string{password, "wrong-s3cret"}}, receipt, err)
		})
	}
}

func TestTheTokenEndpointIsGuardedToo(t *testing.T) {
	for _, url := range []string{"http://169.254.169.254/token", "http://[::ffff:169.254.169.254]/token", "http://100.100.100.200/token"} {
		n := login(t, oauth2To(url), func(http.ResponseWriter, *http.Request) { t.Error("called") })
		if _, err := n.Send(t.Context(), SharedTestMessage()); outcome(err) != "never" || !strings.Contains(err.Error(), "metadata") {
			t.Errorf("%s: %s: %v", url, outcome(err), err)
		}
	}
}

func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }
