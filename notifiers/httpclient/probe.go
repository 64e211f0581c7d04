package httpclient

import (
	"context"
	"net"
	"net/url"
)

// dial connects to the host of u.
func (g DialGuard) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return g.Dialer().DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}
