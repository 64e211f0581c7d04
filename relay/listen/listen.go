// Package listen opens the addresses of the relay: with TLS, whose files are read again when they change, and with a
// word to proxies that speak the PROXY protocol, which it does not. It lets refusals arrive at clients that still send.
package listen

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Options are those of one address.
type Options struct {
	Addr string
	// Cert and Key are the PEM files of TLS; both empty is without TLS.
	Cert, Key string
	// Logger gets files that cannot be used and calls that are no HTTP; nil logs nothing.
	Logger *slog.Logger
	// Protocols are offered to TLS clients; none means HTTP/1.1.
	Protocols []string
}

// FilesError is the error of TLS files that cannot be used. Its text says which one and why.
type FilesError struct{ Err error }

func (e *FilesError) Error() string { return e.Err.Error() }
func (e *FilesError) Unwrap() error { return e.Err }

// TCP listens on an address. Its error is a FilesError, or that of the address.
func TCP(o Options) (net.Listener, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var certificates *certificates
	if o.Cert != "" || o.Key != "" {
		var err error
		if certificates, err = openCertificates(o); err != nil {
			return nil, &FilesError{err}
		}
	}
	bound, err := net.Listen("tcp", o.Addr)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the address, which the caller names
		}
		return nil, err
	}
	l := &listener{Listener: bound, log: o.Logger}
	if certificates == nil {
		return l, nil
	}
	if len(o.Protocols) == 0 {
		o.Protocols = []string{"http/1.1"}
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificates.current,
		NextProtos: o.Protocols}), nil
}

// listener names connections that begin with the header of the PROXY protocol.
type listener struct {
	net.Listener
	log *slog.Logger

	mu     sync.Mutex
	logged time.Time
}

// logInterval is the least time between two lines about PROXY headers.
const logInterval = 10 * time.Second

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if t, isTCP := c.(*net.TCPConn); isTCP {
		return &conn{TCPConn: t, listener: l}, nil
	}
	return c, nil
}

// noteProxy logs a PROXY header, now and then.
func (l *listener) noteProxy(peer net.Addr) {
	l.mu.Lock()
	due := time.Since(l.logged) >= logInterval
	if due {
		l.logged = time.Now()
	}
	l.mu.Unlock()
	if due {
		l.log.Warn("call refused: it begins with a PROXY protocol header", "peer", peer.String(),
			"hint", "turn the PROXY protocol off in the proxy (HAProxy: send-proxy, send-proxy-v2; nginx: proxy_protocol on), "+
				"let it set X-Forwarded-For, and name its address in settings.trusted_proxies")
	}
}

// proxyAnswer is the answer to a PROXY header, in HTTP since that is what the proxy hands on.
const proxyAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n" +
	"Content-Length: 98\r\n\r\n" +
	`{"error":"the PROXY protocol is not supported; turn it off in the proxy and set X-Forwarded-For"}` + "\n"

// conn looks at the first bytes that arrive.
type conn struct {
	*net.TCPConn
	listener *listener
	looked   bool // Read has one caller at a time
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if c.looked || n == 0 {
		return n, err
	}
	c.looked = true
	if !startsWithProxy(p[:n]) {
		return n, err
	}
	c.listener.noteProxy(c.RemoteAddr())
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c.TCPConn, proxyAnswer) // the proxy may be gone
	_ = c.CloseWrite()
	return 0, io.EOF
}

// startsWithProxy reports whether a connection begins with a header of version 1 or 2.
func startsWithProxy(start []byte) bool {
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	return bytes.HasPrefix(start, []byte("PROXY ")) || bytes.HasPrefix(start, []byte(v2)) ||
		len(start) > 4 && bytes.HasPrefix([]byte(v2), start)
}
