package httpclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"qaserelay/notifiers"
)

// Route is the way that requests take to their host.
type Route struct {
	Guard DialGuard
	TLS   *tls.Config
	Proxy *url.URL // nil for none
}

// Client returns an HTTP client whose requests take the route.
func (r Route) Client() *http.Client {
	if r.Proxy == nil {
		client := NewClient(r.Guard)
		client.Transport.(*http.Transport).TLSClientConfig = r.TLS
		return client
	}
	client := NewClient(DialGuard{}) // it dials the proxy, whose address the operator has chosen
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = r.TLS
	transport.Proxy = func(req *http.Request) (*url.URL, error) {
		return r.Proxy, r.Guard.checkName(req.Context(), req.URL.Hostname())
	}
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		return proxyAnswer(resp.StatusCode)
	}
	return client
}

// Reach connects to u as a request would, and returns a sentence about the connection.
func (r Route) Reach(ctx context.Context, u *url.URL) (string, error) {
	if r.Proxy == nil {
		conn, err := r.Guard.dial(ctx, u)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return r.secure(ctx, conn, u)
	}
	if err := r.Guard.checkName(ctx, u.Hostname()); err != nil {
		return "", err
	}
	conn, err := DialGuard{}.dial(ctx, r.Proxy)
	if err != nil {
		return "", fmt.Errorf("reaching the proxy: %w", RedactURL(err))
	}
	defer conn.Close()
	if u.Scheme != "https" || r.Proxy.Scheme != "http" {
		return "connected to the proxy " + r.Proxy.Host, nil
	}
	if err := r.connect(ctx, conn, u); err != nil {
		return "", err
	}
	return r.secure(ctx, conn, u)
}

// connect asks the proxy at the other end of conn for a way to the host of u (RFC 9110, section 9.3.6).
func (r Route) connect(ctx context.Context, conn net.Conn, u *url.URL) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	req := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{},
	}
	if r.Proxy.User != nil {
		password, _ := r.Proxy.User.Password()
		login := http.Request{Header: http.Header{}}
		login.SetBasicAuth(r.Proxy.User.Username(), password)
		req.Header.Set("Proxy-Authorization", login.Header.Get("Authorization"))
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(&LimitedConn{Conn: conn, Left: 64 << 10}), req)
	if err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	return proxyAnswer(resp.StatusCode)
}

// secure encrypts conn, if u is for TLS.
func (r Route) secure(ctx context.Context, conn net.Conn, u *url.URL) (string, error) {
	if u.Scheme != "https" {
		return "connected to " + u.Host + " without encryption", nil
	}
	config := r.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return "", err
	}
	return "connected to " + u.Host + " over " + tls.VersionName(secured.ConnectionState().Version), nil
}

// dial connects to the host of u.
func (g DialGuard) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return g.Dialer().DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

// proxyAnswer returns the error of a proxy's answer to CONNECT.
func proxyAnswer(code int) error {
	failed := fmt.Errorf("the proxy answered %s", statusText(code))
	switch code {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return ProxyRefusal(failed)
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: failed}
}

// ProxyRefusal adds advice to the error of a proxy that wants credentials.
func ProxyRefusal(err error) error {
	return &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
		Err: fmt.Errorf("%w: write name and password in proxy_url", err)}
}
