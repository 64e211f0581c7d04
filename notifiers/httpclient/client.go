// Package httpclient makes guarded HTTP calls, and returns their answers and errors without secrets.
package httpclient

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
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
	if !portFits(u) {
		return nil, notifiers.Fault("url", "%w", errPort)
	}
	return u, nil
}

// AddressFault returns the fault of a key whose address was refused with err: its port, or else what other says.
func AddressFault(key string, err error, other string) error {
	if errors.Is(err, errPort) {
		return notifiers.Fault(key, "%w", errPort)
	}
	return notifiers.Fault(key, "%s", other)
}

// errPort is the error of an address with a port that does not exist.
var errPort = errors.New("its port is not valid; write one from 1 to 65535")

// portFits reports whether the port of an address is missing or one that exists.
func portFits(u *url.URL) bool {
	n, err := strconv.Atoi(u.Port())
	return u.Port() == "" || err == nil && n >= 1 && n <= 65535
}
