package notifiers

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Probe connects to the hosts that are known, with TLS where the address says so, and gets a token if there is oauth2. It makes no
// request to a receiver, since any might be acted on; so whether one takes basic_auth, bearer or a signature stays open.
func (n *httpNotifier) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	mask := newMasker(n.secrets()...)
	hosts, err := n.knownHosts(options)
	if err != nil {
		return "", &PermanentError{Err: err}
	}
	var found []string
	for _, u := range hosts {
		said, err := n.way.reach(attempt, u)
		if err != nil {
			return "", mask.attemptError(ctx, "connecting to "+u.String(), explainTrust(err, "tls: {ca_file: …}"))
		}
		found = append(found, said)
	}
	if n.tokens != nil {
		if _, _, err := n.tokens.get(attempt); err != nil {
			return "", mask.tokenError(ctx, attempt, err)
		}
		found = append(found, "got a token for oauth2")
	}
	if len(found) == 0 {
		return "nothing could be checked, since the url comes from events", nil
	}
	return strings.Join(found, "; ") + "; no request was made to a receiver", nil
}

// knownHosts lists scheme and host of the notifier's URL and of those of messages, each once.
func (n *httpNotifier) knownHosts(options []json.RawMessage) ([]*url.URL, error) {
	var all []*url.URL
	for _, own := range append([]json.RawMessage{nil}, options...) {
		o, err := mergeOptions[httpOptions](n.defaults, own)
		if err != nil {
			return nil, err
		}
		if o.URL == "" {
			continue
		}
		u, err := httpURL(o.URL)
		if err != nil {
			return nil, err
		}
		if err := n.checkHost(u, own); err != nil {
			return nil, err
		}
		host := &url.URL{Scheme: u.Scheme, Host: u.Host}
		if !slices.ContainsFunc(all, func(other *url.URL) bool { return *other == *host }) {
			all = append(all, host)
		}
	}
	return all, nil
}

// reach connects as a request to u would, and says how far it came.
func (r route) reach(ctx context.Context, u *url.URL) (string, error) {
	if r.proxy == nil {
		conn, err := r.guard.dial(ctx, u)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return r.secure(ctx, conn, u)
	}
	if err := r.guard.checkName(ctx, u.Hostname()); err != nil {
		return "", err
	}
	conn, err := dialGuard{}.dial(ctx, r.proxy)
	if err != nil {
		return "", fmt.Errorf("reaching the proxy: %w", redactURL(err))
	}
	defer conn.Close()
	if u.Scheme != "https" || r.proxy.Scheme != "http" {
		return "connected to the proxy " + r.proxy.Host, nil
	}
	if err := r.connect(ctx, conn, u); err != nil {
		return "", err
	}
	return r.secure(ctx, conn, u)
}

// dial connects to the host of u.
func (g dialGuard) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return g.dialer().DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

// connect asks the proxy at the other end of conn for a way to the host of u (RFC 9110, section 9.3.6).
func (r route) connect(ctx context.Context, conn net.Conn, u *url.URL) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if r.proxy.User != nil {
		password, _ := r.proxy.User.Password()
		login := http.Request{Header: http.Header{}}
		login.SetBasicAuth(r.proxy.User.Username(), password)
		req.Header.Set("Proxy-Authorization", login.Header.Get("Authorization"))
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(&limitedConn{Conn: conn, left: 64 << 10}), req)
	if err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	return proxyAnswer(resp.StatusCode)
}

// secure shakes hands over conn, if u is for TLS.
func (r route) secure(ctx context.Context, conn net.Conn, u *url.URL) (string, error) {
	if u.Scheme != "https" {
		return "connected to " + u.Host + " without encryption", nil
	}
	config := r.tls.Clone()
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
