package direct

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// errClosed is the error of reading a body after it was closed.
var errClosed = errors.New("http: read on closed response body")

// body is the body of an answer. Its end frees the connection for the next request.
type body struct {
	io.ReadCloser // whose Close would read all of it
	conn          *conn
	ctx           context.Context
	stop          func() bool // ends the watch over ctx
	reusable      bool        // the connection, after the end
	mu            sync.Mutex
	err           error // of reading on, once it has ended
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		err = b.end(err)
	}
	return n, err
}

// Close closes the connection too, unless the body has been read to its end. It may be called while Read waits.
func (b *body) Close() error {
	_ = b.end(errClosed)
	return nil
}

// end ends the body with the first error of reading it, and returns that.
func (b *body) end(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	stopped := b.stop()
	b.conn.finish(err == io.EOF && stopped && b.reusable)
	if err != io.EOF && err != errClosed {
		err = causeOf(b.ctx, err)
	}
	b.err = err
	return err
}

// unzip decompresses the body of an answer that a server has compressed.
func unzip(resp *http.Response) {
	if resp.Body == http.NoBody || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return
	}
	resp.Body = &gzipBody{ReadCloser: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
}

// gzipBody is a compressed body.
type gzipBody struct {
	io.ReadCloser
	plain *gzip.Reader // nil before the first Read
	err   error        // of making it
}

func (b *gzipBody) Read(p []byte) (n int, err error) {
	if b.plain == nil && b.err == nil {
		b.plain, b.err = gzip.NewReader(b.ReadCloser)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.plain.Read(p)
}
