package direct

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"
)

// conn is a connection to a server. It has one request at a time.
type conn struct {
	net.Conn
	raw       syscall.RawConn // nil if there is none
	pool      *pool
	address   string
	reader    *bufio.Reader
	maxHeader int64
	left      int64     // bytes of the header that may still come
	sent      int       // bytes of the request
	reused    bool      // it has had another request
	idleSince time.Time // by the wall clock, which goes on while a machine sleeps
}

// newConn returns a connection of a Transport.
func newConn(t *Transport, dialed net.Conn, address string) *conn {
	c := &conn{Conn: dialed, pool: &t.pool, address: address, maxHeader: t.other.MaxResponseHeaderBytes}
	c.reader = bufio.NewReader(c)
	if s, ok := dialed.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn() // nil if it fails
	}
	return c
}

// Read reads no more of a header than its limit allows.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("net/http: server response headers exceeded %d bytes; aborted", c.maxHeader)
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// roundTrip sends the bytes of a request. The connection returns to its pool when the answer has been read, or else is
// closed.
func (c *conn) roundTrip(req *http.Request, written []byte) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	resp, err := c.exchange(req, written)
	if err != nil {
		stop()
		c.Close()
		return nil, causeOf(ctx, err)
	}
	b := &body{ReadCloser: resp.Body, conn: c, ctx: ctx, stop: stop}
	b.reusable = !resp.Close && !req.Close && resp.StatusCode >= http.StatusOK
	if resp.Body == http.NoBody {
		_ = b.end(io.EOF)
		return resp, nil
	}
	resp.Body = b
	return resp, nil
}

// exchange writes a request and reads the header of its answer.
func (c *conn) exchange(req *http.Request, written []byte) (resp *http.Response, err error) {
	c.left = c.maxHeader
	if c.sent, err = c.Write(written); err != nil {
		return nil, err
	}
	if _, err = c.reader.Peek(1); err != nil { // unlike that of ReadResponse, this error is io.EOF without an answer
		return nil, err
	}
	for resp == nil || isNews(resp.StatusCode) {
		if resp, err = http.ReadResponse(c.reader, req); err != nil {
			return nil, err
		}
	}
	c.left = math.MaxInt64
	return resp, nil
}

// isNews reports whether the answer to a request is still to come after this one.
func isNews(code int) bool { return code >= 100 && code < 200 && code != http.StatusSwitchingProtocols }

// finish ends the use of the connection for one request.
func (c *conn) finish(reusable bool) {
	if !reusable || c.reader.Buffered() > 0 {
		c.Close()
		return
	}
	c.reused = true
	c.pool.put(c)
}
