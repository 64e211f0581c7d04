package direct_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers/httpclient/direct"
)

// TestAQuietlyClosedConnectionIsNotUsed has a server that closes each connection after an answer without a word.
// net/http notices that soon, but not at once.
func TestAQuietlyClosedConnectionIsNotUsed(t *testing.T) {
	s := serve(t, script{ok})
	w := transports(s)["direct"]
	for range 3 {
		if got := w.roundTrip(newRequest(t, s, "body")); !strings.HasPrefix(got, "200 OK") {
			t.Error(got)
		}
		<-s.closed
	}
	if w.dials.Load() != 3 || len(s.asked) != 3 {
		t.Errorf("%d connections, %d requests", w.dials.Load(), len(s.asked))
	}
}

// TestBytesAfterAnAnswerAreNoAnswer has a server that says more than it was asked.
func TestBytesAfterAnAnswerAreNoAnswer(t *testing.T) {
	for name, answer := range map[string]string{"with the answer": ok + "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
		"without a body": "HTTP/1.1 204 No Content\r\n\r\n" + ok} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, script{answer, answer, hang})
			w := transports(s)["direct"]
			for range 3 {
				if got := w.roundTrip(newRequest(t, s, "body")); !strings.HasPrefix(got, "20") {
					t.Error(got)
				}
				<-s.closed
			}
			if w.dials.Load() != 3 {
				t.Errorf("%d connections", w.dials.Load())
			}
		})
	}
}

// TestBytesBetweenRequestsAreNoAnswer has a server that speaks while it is not asked.
func TestBytesBetweenRequestsAreNoAnswer(t *testing.T) {
	connected := make(chan net.Conn, 2)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		connected <- c
		return ctx
	}
	s.Start()
	t.Cleanup(s.Close)
	w, at := transports(nil)["direct"], &server{address: s.Listener.Addr().String()}
	w.roundTrip(newRequest(t, at, "body"))
	if _, err := io.WriteString(<-connected, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := w.roundTrip(newRequest(t, at, "body")); !strings.HasPrefix(got, "200") || w.dials.Load() != 2 {
		t.Errorf("%s on connection %d", got, w.dials.Load())
	}
}

// TestARequestThatMayHaveArrivedIsNotSentAgain has a server that closes each connection after its second request.
func TestARequestThatMayHaveArrivedIsNotSentAgain(t *testing.T) {
	s, seen := serve(t, script{ok, ""}), map[string]string{}
	for client, w := range transports(s) {
		for range 2 {
			seen[client] += w.roundTrip(newRequest(t, s, "body")) + "\n"
			<-s.asked
		}
		<-s.closed
		if len(s.asked) > 0 {
			t.Errorf("%s sent it again", client)
		}
	}
	compare(t, seen)
}

// TestABodyThatIsNotReadClosesItsConnection also reads it after that.
func TestABodyThatIsNotReadClosesItsConnection(t *testing.T) {
	s, seen := serve(t, script{ok, hang}), map[string]string{}
	for client, w := range transports(s) {
		resp, err := w.RoundTrip(newRequest(t, s, "body"))
		if err != nil {
			t.Fatal(err)
		}
		closing := resp.Body.Close()
		<-s.closed
		_, err = resp.Body.Read(make([]byte, 1))
		seen[client] = fmt.Sprint(closing, err, resp.Body.Close())
	}
	compare(t, seen)
}

// TestABodyCanBeClosedWhileItIsRead does so.
func TestABodyCanBeClosedWhileItIsRead(t *testing.T) {
	s := serve(t, script{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" + hang})
	resp, err := transports(s)["direct"].RoundTrip(newRequest(t, s, "body"))
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("it was read to the end")
		}
	})
	resp.Body.Close()
	reading.Wait()
}

// meeting is a server whose answers wait until all the requests of a round are there.
type meeting struct {
	*httptest.Server
	round  sync.WaitGroup
	asked  chan struct{} // a request each
	closed chan struct{} // a connection each
}

func meet(t *testing.T) *meeting {
	t.Helper()
	m := &meeting{asked: make(chan struct{}, 100), closed: make(chan struct{}, 100)}
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		m.asked <- struct{}{}
		m.round.Done()
		m.round.Wait()
	}))
	m.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			m.closed <- struct{}{}
		}
	}
	m.Start()
	t.Cleanup(m.Close)
	return m
}

// ask sends n requests at once.
func (m *meeting) ask(t *testing.T, w *watched, n int) {
	t.Helper()
	m.round.Add(n)
	var asking sync.WaitGroup
	for range n {
		asking.Go(func() {
			if got := w.roundTrip(newRequest(t, m.at(), "body")); !strings.HasPrefix(got, "200") {
				t.Error(got)
			}
		})
	}
	asking.Wait()
	for range n {
		<-m.asked
	}
}

// at returns the address of the server.
func (m *meeting) at() *server { return &server{address: m.Listener.Addr().String()} }

// TestIdleConnectionsHaveLimits counts connections of requests at once: 4 a host may stay, and 8 in all.
func TestIdleConnectionsHaveLimits(t *testing.T) {
	seen := map[string]string{}
	for client, w := range transports(nil) {
		first, second, third := meet(t), meet(t), meet(t)
		for _, m := range []*meeting{first, first, second, third, second, first} {
			before := w.dials.Load()
			m.ask(t, w, 6)
			seen[client] += fmt.Sprint(w.dials.Load()-before, " ")
		}
	}
	if want := "6 2 6 6 2 6 "; seen["direct"] != want {
		t.Errorf("got %s, want %s", seen["direct"], want)
	}
	compare(t, seen)
}

// TestIdleConnectionsAreClosedInTime waits until they are.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	for client, w := range transports(nil) {
		w.inner.IdleConnTimeout = time.Millisecond
		if client == "direct" {
			w.RoundTripper = direct.New(w.inner)
		}
		m := meet(t)
		m.ask(t, w, 3)
		for range 3 {
			<-m.closed
		}
	}
}

// TestCloseIdleConnectionsClosesAll has one connection with a request, which is closed after it, and others without.
func TestCloseIdleConnectionsClosesAll(t *testing.T) {
	for client, w := range transports(nil) {
		m := meet(t)
		m.ask(t, w, 4)
		m.round.Add(2)
		var asking sync.WaitGroup
		asking.Go(func() { w.roundTrip(newRequest(t, m.at(), "body")) })
		<-m.asked
		w.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
		for range 3 {
			<-m.closed
		}
		m.round.Done()
		asking.Wait()
		<-m.closed
		m.ask(t, w, 1)
		m.ask(t, w, 1)
		if w.dials.Load() != 5 {
			t.Errorf("%s: %d connections", client, w.dials.Load())
		}
	}
}

// TestErrorsOfTheDialerStayWhatTheyAre has a dialer that refuses, one that waits until it is canceled, and a port at
// which no program listens.
func TestErrorsOfTheDialerStayWhatTheyAre(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for name, dial := range map[string]func(context.Context, func()) (net.Conn, error){
		"refused": func(context.Context, func()) (net.Conn, error) { return nil, fmt.Errorf("refused: %w", errOwn) },
		"canceled": func(ctx context.Context, cancel func()) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"nothing listens": func(ctx context.Context, _ func()) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", free.Addr().String())
		},
	} {
		seen := map[string]string{}
		for client, w := range transports(nil) {
			ctx, cancel := context.WithCancel(t.Context())
			w.inner.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, cancel) }
			body := &closing{Reader: strings.NewReader("body")}
			req := newRequest(t, &server{address: free.Addr().String()}, "body").WithContext(ctx)
			req.Body = body
			seen[client] = w.roundTrip(req)
			cancel()
			seen[client] += w.roundTrip(newRequest(t, &server{address: free.Addr().String()}, "body").WithContext(ctx))
			if client == "direct" && !body.closed.Load() {
				t.Errorf("%s: %s did not close the body", name, client)
			}
		}
		compare(t, seen)
	}
}
