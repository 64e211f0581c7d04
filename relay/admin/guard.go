package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"qaserelay/relay/admin/access"
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

// guarded lets clients in that identify knows, with their actor in the context.
func (s *server) guarded(identify func(*http.Request) (access.Actor, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := identify(r)
		var limit *access.LimitError
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(access.With(r.Context(), actor)))
		case errors.As(err, &limit):
			w.Header().Set("Retry-After", strconv.Itoa(limit.Seconds()))
			writeError(w, http.StatusTooManyRequests, limit.Error())
		case errors.Is(err, access.ErrUnknown):
			w.Header().Set("WWW-Authenticate", `Bearer realm="qase-relay"`)
			writeError(w, http.StatusUnauthorized, err.Error())
		default:
			s.Logger.Error("admin API request failed", "op", "reading a session", "error", err)
			writeError(w, http.StatusServiceUnavailable, "reading the session failed, the log says why")
		}
	})
}

// mayOperate reports whether the client may change something, or answers 403.
func mayOperate(w http.ResponseWriter, r *http.Request) bool {
	a := access.From(r.Context())
	if !a.MayOperate() {
		writeError(w, http.StatusForbidden, fmt.Sprintf("%s may read, and change nothing: this needs the role %s", a.Name,
			access.Operate))
	}
	return a.MayOperate()
}

// operators lets clients in that may change something.
func operators(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if mayOperate(w, r) {
			h(w, r)
		}
	}
}

// withoutPrefix takes the path off the request that the URLs of the address have, for a proxy that leaves it there.
// Requests without it stay as they are.
func withoutPrefix(urls []string, next http.Handler) http.Handler {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || strings.Trim(u.Path, "/") == "" {
			continue
		}
		prefix, rest := strings.TrimSuffix(u.EscapedPath(), "/"), next
		stripped := http.StripPrefix(strings.TrimSuffix(u.Path, "/"), next)
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch at := r.URL.EscapedPath(); {
			case strings.HasPrefix(at, prefix+"/"):
				stripped.ServeHTTP(w, r)
			case at == prefix:
				w.Header().Set("Location", "./"+prefix[strings.LastIndex(prefix, "/")+1:]+"/")
				w.WriteHeader(http.StatusPermanentRedirect)
			default:
				rest.ServeHTTP(w, r)
			}
		})
	}
	return next
}
