package direct_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers/httpclient/direct"
)

// hang is an answer that never comes. A server then keeps its connection open until the client closes it or the test
// ends.
const hang = "hang"

// script are the answers of a server on each of its connections. After the last one it closes the connection.
type script []string

// server is a server that knows no HTTP but plays a script.
type server struct {
	script
	address string
	ended   context.Context
	asked   chan string // each request
	closed  chan struct{}
}

func serve(t *testing.T, answers script) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	s := &server{answers, listener.Addr().String(), ended, make(chan string, 100), make(chan struct{}, 100)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.play(conn) })
		}
	})
	t.Cleanup(func() { end(); listener.Close(); running.Wait() })
	return s
}

func (s *server) play(conn net.Conn) {
	stop := context.AfterFunc(s.ended, func() { conn.Close() })
	defer func() { stop(); conn.Close(); s.closed <- struct{}{} }()
	reader := bufio.NewReader(conn)
	for _, answer := range s.script {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		s.asked <- fmt.Sprintf("%s %s %s %s close %v %v %q %v", req.Method, req.RequestURI, req.Proto, req.Host, req.Close,
			req.Header, body, err)
		sent, hangs := strings.CutSuffix(answer, hang)
		_, _ = io.WriteString(conn, sent)
		if hangs {
			_, _ = io.Copy(io.Discard, reader) // until the client closes it
			return
		}
	}
}

// transports returns both transports, with dialers that connect to a server whatever the address, and write the address
// to seen. The server may be nil.
func transports(s *server) map[string]*watched {
	both := map[string]*watched{"net/http": {}, "direct": {}}
	for name, w := range both {
		w.inner = &http.Transport{
			DialContext:            w.dial,
			MaxIdleConns:           8,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}
		w.RoundTripper, w.server = w.inner, s
		if name == "direct" {
			w.RoundTripper = direct.New(w.inner)
		}
	}
	return both
}

// watched is a transport whose connections are seen.
type watched struct {
	http.RoundTripper
	inner  *http.Transport
	server *server
	dials  atomic.Int64
	dialed atomic.Value // last address
}

func (w *watched) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.dials.Add(1)
	w.dialed.Store(address)
	if w.server != nil {
		address = w.server.address
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// roundTrip sends a request and returns all that a caller can see of its answer.
func (w *watched) roundTrip(req *http.Request) string {
	resp, err := w.RoundTrip(req)
	if err != nil {
		return "error " + describe(err)
	}
	body, err := io.ReadAll(resp.Body)
	_, again := resp.Body.Read(make([]byte, 1))
	closing := resp.Body.Close()
	return fmt.Sprintf("%s %s %v length %d close %v unzipped %v trailer %v body %.80q of %d %s; then %v, %v, "+
		"same request %v", resp.Status, resp.Proto, resp.Header, resp.ContentLength, resp.Close, resp.Uncompressed, resp.Trailer,
		body, len(body), describe(err), again, closing, resp.Request == req)
}

var localPort = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// describe returns the text of an error without the words around it that the relay takes off, and its kinds.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	text := strings.ReplaceAll(err.Error(), "net/http: HTTP/1.x transport connection broken: ", "")
	text = localPort.ReplaceAllString(text, "ADDRESS")
	var timeout interface{ Timeout() bool }
	for _, kind := range []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, errOwn} {
		if errors.Is(err, kind) {
			text += fmt.Sprintf(" (%T)", kind)
		}
	}
	return fmt.Sprintf("%s (timeout %v)", text, errors.As(err, &timeout) && timeout.Timeout())
}

var errOwn = errors.New("an error of the caller")

// compare fails if the transports let a caller and a server see different things.
func compare(t *testing.T, seen map[string]string) {
	t.Helper()
	if seen["net/http"] != seen["direct"] {
		t.Errorf("net/http: %s\ndirect:   %s", seen["net/http"], seen["direct"])
	} else {
		t.Log(seen["direct"])
	}
}

// newRequest returns a request to a server.
func newRequest(t *testing.T, s *server, body string) *http.Request {
	t.Helper()
	address := "http://" + s.address + "/x?y=%20z"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}
