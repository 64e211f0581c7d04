// Package httpclient makes guarded HTTP calls, and returns their answers and errors without secrets.
package httpclient

import (
	"net/http"
	"net/url"
	"time"

	"qaserelay/notifiers"
)

// UserAgent is the name of the relay in requests.
const UserAgent = "qase-relay"

// NewClient returns a client with its own pool of connections. It follows no redirects, since those would take the
// message and its secrets elsewhere, and uses no proxy; see [Route.Client].
func NewClient(g DialGuard) *http.Client {
	dialer := g.Dialer()
	dialer.Timeout, dialer.KeepAlive = 10*time.Second, 30*time.Second
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckTimeout returns a fault unless d, the timeout of a configuration, is positive.
func CheckTimeout(d time.Duration) error {
	if d <= 0 {
		return notifiers.Fault("timeout", "must be more than zero, such as 15s")
	}
	return nil
}

// ParseURL parses an absolute http or https URL. Its errors do not quote it, since it may hold secrets.
func ParseURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, notifiers.Fault("url",
			"there is none; write where to send to, such as url: https://example.com/hook")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, notifiers.Fault("url",
			"not an address to send to; write one that begins with https:// or http:// and a host")
	}
	return u, nil
}
