package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/ingest/origin"
	"qaserelay/rules"
)

// Server returns a server with the limits for webhooks: a sender that is slow on purpose cannot keep a connection.
func Server(addr string, handler http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 32 << 10}
}

// admit returns the source of a call, or why the call is refused.
func (h *Handler) admit(r *http.Request) (*rules.Source, *refusal) {
	sources, name := h.o.Sources(), mux.Vars(r)["source"]
	i := slices.IndexFunc(sources, func(s rules.Source) bool { return s.Name == name })
	switch {
	case i < 0:
		return nil, &refusal{status: http.StatusNotFound, kind: "unknown source", public: "unknown source"}
	case r.Method != http.MethodPost:
		return nil, &refusal{status: http.StatusMethodNotAllowed, kind: "method",
			public: "method not allowed: use POST", allow: http.MethodPost}
	case !h.addressAllowed(&sources[i], r):
		return nil, &refusal{status: http.StatusForbidden, kind: "address",
			public: "this address is not allowed here"}
	case !secretFits(&sources[i], r.Header.Get("X-Qase-Secret")):
		return nil, &refusal{status: http.StatusUnauthorized, kind: "secret",
			public: "the secret in the header X-Qase-Secret is missing or wrong"}
	}
	return &sources[i], nil
}

func (h *Handler) addressAllowed(s *rules.Source, r *http.Request) bool {
	return len(s.AllowFrom) == 0 || origin.Within(s.AllowFrom, origin.Of(r, h.o.TrustedProxies()).Client)
}

// secretFits compares the SHA-256 of the sent secret with that of each secret of the source, always with all of them,
// so that the time it takes does not depend on either.
func secretFits(s *rules.Source, sent string) bool {
	sum, fits := sha256.Sum256([]byte(sent)), 0
	for i := range s.Secrets {
		fits |= subtle.ConstantTimeCompare(sum[:], s.Secrets[i][:])
	}
	return fits == 1 && sent != ""
}

// tidyPath returns the request with a path without empty parts: a slash at its end, or two in a row.
func tidyPath(r *http.Request) *http.Request {
	if path := r.URL.Path; len(path) < 2 || !strings.HasSuffix(path, "/") && !strings.Contains(path, "//") {
		return r
	}
	tidy, address := *r, *r.URL
	address.Path, address.RawPath = withoutEmpty(address.Path), withoutEmpty(address.RawPath)
	tidy.URL = &address
	return &tidy
}

func withoutEmpty(path string) string {
	if path == "" {
		return ""
	}
	parts := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	return "/" + strings.Join(parts, "/")
}
