package notifierstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Server serves requests until the test ends, and returns its URL.
func Server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// Reply answers with a status and a body, and with Retry-After unless that is empty.
func Reply(code int, body, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// InTenMinutes answers 429 with a Retry-After date in ten minutes. The date is made with the answer, so that a busy
// machine does not matter.
func InTenMinutes(w http.ResponseWriter, r *http.Request) {
	Reply(http.StatusTooManyRequests, "", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))(w, r)
}

// Echo answers with everything that was sent, secrets included, and with some more text.
func Echo(code int, header http.Header, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "%s %s %v %s %s", r.URL, r.RequestURI, r.Header, more, body)
	}
}

// Endless answers with a body that repeats text and does not end.
func Endless(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 4000)+text); err != nil {
				return
			}
		}
	}
}

// Drip answers with a body of which a byte comes now and then, without an end.
func Drip(code int) http.HandlerFunc {
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

// Listen serves each connection to a new loopback port until the test ends, and returns the address.
func Listen(t *testing.T, serve func(net.Conn)) string {
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

// ReadUntilClosed reads until the other side closes the connection.
func ReadUntilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func writeForever(c net.Conn, s string) {
	for {
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// Secrets of the token endpoint.
const (
	ClientSecret = "cl1ent-s3cret"
	AccessToken  = "t0ken-s3cret"
)

// OAuth2 is a configuration for a token endpoint such as that of [TokenEndpoint].
func OAuth2(url string) *httpclient.OAuth2 {
	return &httpclient.OAuth2{
		ClientID: "relay", ClientSecret: notifiers.NewSecret(ClientSecret), TokenURL: url,
		Scopes: []string{"hooks.write", "runs"}, EndpointParams: map[string]string{"audience": "hooks"},
	}
}

// TokenEndpoint issues the tokens AccessToken-1, AccessToken-2 and so on for an hour each, and counts them.
func TokenEndpoint(t *testing.T, issued *atomic.Int32) string {
	return Server(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "relay" || password != ClientSecret || r.FormValue("grant_type") != "client_credentials" ||
			r.FormValue("scope") != "hooks.write runs" || r.FormValue("audience") != "hooks" {
			t.Errorf("the token endpoint was asked %v as %s", r.Form, user)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, AccessToken, issued.Add(1))
	})
}

// ResolveTo returns a resolver by which every name has one address.
func ResolveTo(t *testing.T, addr string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go answerNames(conn, netip.MustParseAddr(addr))
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerNames is a name server (RFC 1035, section 4.1) for questions of one name.
func answerNames(conn net.PacketConn, addr netip.Addr) {
	kind, data := byte(1), addr.AsSlice()
	if addr.Is6() {
		kind = 28
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		end := 12
		for end < n && buf[end] != 0 {
			end += int(buf[end]) + 1
		}
		asked := buf[12 : end+5]
		reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, asked...)
		if asked[len(asked)-3] == kind {
			reply[7] = 1
			reply = append(reply, 0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, byte(len(data)))
			reply = append(reply, data...)
		}
		_, _ = conn.WriteTo(reply, from)
	}
}
