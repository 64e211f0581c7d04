package httpclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient/direct"
)

// Route is the way that requests take to their host.
type Route struct {
	Guard DialGuard
	TLS   *tls.Config
	Proxy *url.URL // nil for the one that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, if any
}

// ParseProxy parses the address of a proxy, or returns nil if there is none. Its errors do not quote it, since it may
// hold a password.
func ParseProxy(raw notifiers.Secret) (*url.URL, error) {
	if !raw.IsSet() {
		return nil, nil
	}
	u, err := url.Parse(raw.Value())
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, notifiers.Fault("proxy_url",
			"not the address of a proxy; write one such as http://proxy.example.com:3128")
	}
	if !portFits(u) {
		return nil, notifiers.Fault("proxy_url", "%w", errPort)
	}
	return u, nil
}

// proxy returns the proxy for requests to u, or nil.
func (r Route) proxy(u *url.URL) (*url.URL, error) {
	if r.Proxy != nil {
		return r.Proxy, nil
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
	if err != nil {
		// The error quotes the variable, which may hold a password.
		return nil, errors.New("the variable HTTP_PROXY or HTTPS_PROXY is not the address of a proxy; correct it")
	}
	return proxy, nil
}

// Client returns an HTTP client whose requests take the route.
func (r Route) Client() *http.Client {
	client := NewClient(r.Guard)
	unproxied := client.Transport.(*http.Transport)
	proxied := NewClient(DialGuard{}).Transport.(*http.Transport) // it dials proxies, which the operator has chosen
	unproxied.TLSClientConfig, proxied.TLSClientConfig = r.TLS, r.TLS
	proxied.Proxy = func(req *http.Request) (*url.URL, error) { return r.proxy(req.URL) }
	proxied.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, req *http.Request, resp *http.Response) error {
		return proxyAnswer(resp.StatusCode, req.Host)
	}
	client.Transport = &routed{r, direct.New(unproxied), proxied}
	return client
}

// routed sends each request on its route.
type routed struct {
	route   Route
	direct  *direct.Transport
	proxied *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (t *routed) RoundTrip(req *http.Request) (*http.Response, error) {
	proxy, err := t.route.proxy(req.URL)
	switch {
	case err == nil && proxy == nil:
		return t.direct.RoundTrip(req)
	case err == nil:
		err = t.route.Guard.checkName(req.Context(), req.URL.Hostname())
	}
	if err == nil {
		return t.proxied.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// CloseIdleConnections closes the connections without a request.
func (t *routed) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	t.proxied.CloseIdleConnections()
}

// Reach connects to u as a request would, and returns a sentence about the connection.
func (r Route) Reach(ctx context.Context, u *url.URL) (string, error) {
	proxy, err := r.proxy(u)
	if err != nil {
		return "", err
	}
	if proxy == nil {
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
	conn, err := DialGuard{}.dial(ctx, proxy)
	if err != nil {
		return "", fmt.Errorf("reaching the proxy: %w", RedactURL(err))
	}
	defer conn.Close()
	if u.Scheme != "https" || proxy.Scheme != "http" {
		return "connected to the proxy " + proxy.Host, nil
	}
	r.Proxy = proxy
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
	return proxyAnswer(resp.StatusCode, u.Host)
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

// proxyAnswer returns the error of a proxy's answer to CONNECT for a host.
func proxyAnswer(code int, host string) error {
	failed := fmt.Errorf("the proxy answered %s", statusText(code))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusProxyAuthRequired:
		return ProxyRefusal(failed)
	case Answer{Code: code}.RetryReason() == "":
		return &notifiers.PermanentError{Err: fmt.Errorf("%w for %s: let the proxy allow that host and port, or write "+
			"another proxy_url", failed, host)}
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: failed}
}

// ProxyRefusal adds advice to the error of a proxy that wants credentials.
func ProxyRefusal(err error) error {
	return &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
		Err: fmt.Errorf("%w: write name and password of the proxy in proxy_url, or in HTTP_PROXY and HTTPS_PROXY", err)}
}
