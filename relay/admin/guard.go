package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// wrongTokens and wrongEvery are how many wrong tokens one client may send at once, and how often after that.
	wrongTokens = 10
	wrongEvery  = time.Second
	// maxGuessers is the number of clients whose wrong tokens are remembered.
	maxGuessers = 4096
)

// names are those to which the address answers: a page of another site whose name leads here (DNS rebinding) gets
// nothing, although the browser takes it for the same origin.
type names struct {
	hosts   map[string]bool
	anyAddr bool // it listens on every address, and unlike a name, an address cannot lead elsewhere
}

// newNames returns the names of an address that listens on listen and is reached by urls.
func newNames(listen string, urls []string) names {
	n := names{hosts: map[string]bool{"localhost": true}}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		n.anyAddr = true
	} else {
		n.add(host)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
		if own, err := os.Hostname(); err == nil {
			n.add(own)
		}
	}
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil {
			n.add(u.Hostname())
		}
	}
	return n
}

func (n names) add(host string) { n.hosts[plainHost(host)] = true }

// plainHost returns a name or address in the form in which names are compared.
func plainHost(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

// include reports whether a Host header names the address. HTTP/1.0 may have none.
func (n names) include(header string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	host = plainHost(host)
	ip, err := netip.ParseAddr(host)
	return host == "" || n.hosts[host] || err == nil && (n.anyAddr || ip.IsLoopback())
}

// checkName refuses requests to other names.
func (s *server) checkName(next http.Handler) http.Handler {
	own := newNames(s.Listen, s.URLs)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !own.include(r.Host) {
			writeError(w, http.StatusMisdirectedRequest, fmt.Sprintf("the admin address does not answer to the name %.100q; "+
				"if it is yours, start serve with --admin-url and the URL", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secured sets the headers by which a browser keeps answers to itself. A handler may set others.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cache-Control":                "no-store",
		} {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// guessers limits the rate of clients that send wrong tokens. It may be used from many goroutines.
type guessers struct {
	rates *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newGuessers() *guessers {
	rates, _ := lru.New[netip.Prefix, *rate.Limiter](maxGuessers) // fails for sizes below 1 alone
	return &guessers{rates}
}

// of returns the rate of the client at an address, of which an IPv6 client has a whole network.
func (g *guessers) of(remote string) *rate.Limiter {
	peer, _ := netip.ParseAddrPort(remote)
	ip := peer.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	client, _ := ip.Prefix(bits)
	fresh := rate.NewLimiter(rate.Every(wrongEvery), wrongTokens)
	if known, found, _ := g.rates.PeekOrAdd(client, fresh); found {
		_, _ = g.rates.Get(client) // it stays longest
		return known
	}
	return fresh
}

// requireToken refuses requests without the token, and those of clients that try one after another.
func (s *server) requireToken(next http.Handler) http.Handler {
	if s.Token == "" {
		return next
	}
	want, guessed := sha256.Sum256([]byte(s.Token)), newGuessers()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		credentials := r.Header.Get("Authorization")
		scheme, token, _ := strings.Cut(credentials, " ")
		given := credentials != ""
		client := guessed.of(r.RemoteAddr)
		if given && client.Tokens() < 1 {
			w.Header().Set("Retry-After", "5")
			writeError(w, http.StatusTooManyRequests, "too many wrong tokens; wait a few seconds")
			return
		}
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			if given {
				client.Allow()
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="qase-relay"`)
			writeError(w, http.StatusUnauthorized, "the bearer token is missing or wrong")
			return
		}
		next.ServeHTTP(w, r)
	})
}
