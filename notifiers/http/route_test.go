package http

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

// secureServer wants a certificate of its clients, and says how many requests it got.
func secureServer(t *testing.T, files notifierstest.PEM, got *atomic.Int32) string {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(files.Cert), []byte(files.Key))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(files.CA))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: clients}
	s.Config.ErrorLog = silentLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestHTTPTrustsAndIsTrusted(t *testing.T) {
	files := notifierstest.NewPEM(t)
	other := notifierstest.NewPEM(t)
	var got atomic.Int32
	base := secureServer(t, files, &got)
	for name, tt := range map[string]struct {
		tls  httpclient.TLS
		want string
		says string
	}{
		"by both certificates": {httpclient.TLS{CA: files.CA, Cert: files.Cert, Key: notifiers.NewSecret(files.Key),
			ServerName: "hooks.internal"}, "delivered", ""},
		"by any certificate": {httpclient.TLS{InsecureSkipVerify: true, Cert: files.Cert,
			Key: notifiers.NewSecret(files.Key)}, "delivered", ""},
		"an unknown authority": {httpclient.TLS{ServerName: "hooks.internal"}, "retry", "tls: {ca_file: …}"},
		"another authority": {httpclient.TLS{CA: other.CA, ServerName: "hooks.internal"}, "retry",
			"unknown authority"},
		"another name": {httpclient.TLS{CA: files.CA}, "retry", "certificate"},
		// With TLS 1.3 the connection may be closed before the alert that names the certificate is read.
		"no certificate of us": {httpclient.TLS{CA: files.CA, ServerName: "hooks.internal"}, "retry", "POST https://"},
	} {
		t.Run(name, func(t *testing.T) {
			got.Store(0)
			n, err := newNotifier(&Config{Timeout: 5 * time.Second, TLS: tt.tls}, fmt.Appendf(nil, `{"url":%q}`, base))
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Send(t.Context(), notifierstest.Message())
			if notifierstest.Outcome(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) ||
				(got.Load() == 1) != (err == nil) {
				t.Errorf("got %s: %v", notifierstest.Outcome(err), err)
			}
		})
	}
}

// proxy forwards requests and CONNECTs for clients that know the password, and records the requests.
func proxy(t *testing.T, asked *[]string) string {
	return notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
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
	files := notifierstest.NewPEM(t)
	var got atomic.Int32
	secure := secureServer(t, files, &got)
	const password = "pr0xy-s3cret"
	for name, tt := range map[string]struct {
		url, password string
		hosts         []string
		want, says    string
		asked         int
	}{
		"http":                    {"http://receiver.invalid/x", password, nil, "delivered", "", 1},
		"https":                   {secure, password, nil, "delivered", "", 1},
		"http, wrong password":    {"http://receiver.invalid/x", "wrong-s3cret", nil, "permanent", "proxy_url", 1},
		"https, wrong password":   {secure, "wrong-s3cret", nil, "permanent", "proxy_url", 1},
		"https, no such receiver": {"https://127.0.0.1:1/", password, nil, "retry", "502", 1},
		"metadata":                {"http://169.254.169.254/", password, nil, "permanent", "metadata", 0},
		"metadata over https":     {"https://[fd00:ec2::254]/", password, nil, "permanent", "metadata", 0},
		"a private allowed host": {"http://localhost/", password, []string{"localhost"}, "permanent", "allow_private",
			0},
		"an allowed unknown host": {"http://receiver.invalid/", password, []string{"*.invalid", "receiver.invalid"},
			"delivered", "", 1},
		"a host that is forbidden": {"http://receiver.invalid/", password, []string{"x.io"}, "permanent", "allow_hosts",
			0},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			n, err := newNotifier(&Config{
				Timeout: 5 * time.Second, AllowHosts: tt.hosts,
				TLS: httpclient.TLS{CA: files.CA, Cert: files.Cert, Key: notifiers.NewSecret(files.Key),
					ServerName: "hooks.internal"},
				ProxyURL: notifiers.NewSecret(strings.Replace(proxy(t, &asked), "http://", "http://u:"+tt.password+"@",
					1)),
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			receipt, err := n.Send(t.Context(),
				notifierstest.Message(func(m *notifiers.Message) {
					m.Options = fmt.Appendf(nil, `{"url":%q}`,
						tt.url)
				}))
			if notifierstest.Outcome(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) ||
				len(asked) != tt.asked {
				t.Errorf("got %s, the proxy was asked %q: %v", notifierstest.Outcome(err), asked, err)
			}
			notifierstest.NoSecrets(t, []string{password, "wrong-s3cret"}, receipt, err)
		})
	}
}

func TestTheTokenEndpointIsGuardedToo(t *testing.T) {
	for _, url := range []string{"http://169.254.169.254/token", "http://[::ffff:169.254.169.254]/token",
		"http://100.100.100.200/token"} {
		n := login(t, oauth2To(url), func(http.ResponseWriter, *http.Request) { t.Error("called") })
		_, err := n.Send(t.Context(), notifierstest.Message())
		notifierstest.RefusesMetadata(t, err)
	}
}

func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }
