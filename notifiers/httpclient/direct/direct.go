// Package direct sends plain HTTP requests at less cost than [http.Transport], which hands each request over between
// three goroutines. Here the caller's own goroutine writes the request and reads the answer (see
// BenchmarkRoundTrip). Short requests over unencrypted HTTP/1.1 are plain; all others are left to http.Transport.
//
// Callers and servers see the same of both. Three differences remain: a request that cannot be written is not begun, an
// idle connection that its server has closed is closed when it is next needed or too old, and unexpected bytes on one
// are not logged.
package direct

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

// maxBody bounds the bodies of plain requests. A system takes so many bytes at once, so a server that answers before it
// has read them does not keep the writer waiting.
const maxBody = 16 << 10

// Transport is an [http.RoundTripper] that sends plain requests itself, and all others by an [http.Transport]. It is
// safe for concurrent use.
type Transport struct {
	other   *http.Transport
	pool    pool
	buffers sync.Pool // of *bytes.Buffer, each for one request
}

// New returns a Transport with the dialer and the limits of other, which must have DialContext, MaxIdleConns,
// MaxIdleConnsPerHost, IdleConnTimeout and MaxResponseHeaderBytes, and no proxy.
func New(other *http.Transport) *Transport {
	return &Transport{
		other:   other,
		pool:    pool{most: other.MaxIdleConns, mostPerHost: other.MaxIdleConnsPerHost, maxIdle: other.IdleConnTimeout},
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// CloseIdleConnections closes the connections without a request, and those with one when that ends.
func (t *Transport) CloseIdleConnections() {
	t.pool.close()
	t.other.CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !canCheck || !isPlain(req) {
		return t.other.RoundTrip(req)
	}
	buffer := t.buffers.Get().(*bytes.Buffer)
	defer t.buffers.Put(buffer)
	buffer.Reset()
	asksGzip, err := write(buffer, req)
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, buffer.Bytes())
	if err == nil && asksGzip {
		unzip(resp)
	}
	return resp, err
}

// send sends the bytes of a request, and returns the answer.
func (t *Transport) send(req *http.Request, written []byte) (*http.Response, error) {
	for {
		c, err := t.connect(req.Context(), addressOf(req.URL))
		if err != nil {
			return nil, err
		}
		resp, err := c.roundTrip(req, written)
		if err == nil || !c.reused || c.sent > 0 {
			return resp, err
		}
		// The server has closed the connection between two requests, and knows nothing of this one.
	}
}

// connect returns an idle connection to an address, or a new one.
func (t *Transport) connect(ctx context.Context, address string) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if c := t.pool.get(address); c != nil {
		return c, nil
	}
	dialed, err := t.other.DialContext(ctx, "tcp", address)
	if err != nil {
		if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
			<-ctx.Done() // a dialer may see the deadline a moment before
		}
		return nil, causeOf(ctx, err)
	}
	return newConn(t, dialed, address), nil
}

// causeOf returns the reason for which a context has ended, or else err.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// isPlain reports whether a request is one that Transport sends itself: correct, short, written from memory, without a
// wish for more than one answer, and none that http.Transport would send again after it may have reached the server.
func isPlain(req *http.Request) bool {
	u := req.URL
	switch req.Method {
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		return false
	}
	switch {
	case u == nil || u.Scheme != "http" || u.Host == "" || !isASCII(u.Host),
		req.Header == nil || len(req.Trailer) > 0 || len(req.TransferEncoding) > 0,
		hasCancel(req),
		httptrace.ContextClientTrace(req.Context()) != nil:
		return false
	case req.Body != nil && req.Body != http.NoBody && (req.GetBody == nil || req.ContentLength <= 0 ||
		req.ContentLength > maxBody):
		return false
	}
	return isPlainHeader(req.Header)
}

func hasCancel(req *http.Request) bool {
	//lint:ignore SA1019 a caller may use it all the same
	return req.Cancel != nil
}

func isPlainHeader(header http.Header) bool {
	for name, values := range header {
		switch name {
		case "Expect", "Upgrade", "Idempotency-Key", "X-Idempotency-Key":
			return false
		}
		if !httpguts.ValidHeaderFieldName(name) ||
			slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// addressOf returns the address to dial for a URL.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// write writes a request, and closes its body. As http.Transport does, it asks for a compressed answer unless the
// request has a wish of its own, and reports whether it asks.
func write(w *bytes.Buffer, req *http.Request) (asksGzip bool, err error) {
	asksGzip = req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == ""
	if asksGzip {
		asking := *req
		asking.Header = make(http.Header, len(req.Header)+1)
		maps.Copy(asking.Header, req.Header)
		asking.Header["Accept-Encoding"] = []string{"gzip"}
		req = &asking
	}
	return asksGzip, req.Write(w)
}
