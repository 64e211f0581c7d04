package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gorilla/mux"

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
			public: "method not allowed: use POST"}
	case !addressAllowed(&sources[i], r.RemoteAddr):
		return nil, &refusal{status: http.StatusForbidden, kind: "address",
			public: "this address is not allowed here"}
	case !secretFits(&sources[i], r.Header.Get("X-Qase-Secret")):
		return nil, &refusal{status: http.StatusUnauthorized, kind: "secret",
			public: "the secret in the header X-Qase-Secret is missing or wrong"}
	}
	return &sources[i], nil
}

func addressAllowed(s *rules.Source, remote string) bool {
	if len(s.AllowFrom) == 0 {
		return true
	}
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(s.AllowFrom, func(p netip.Prefix) bool { return p.Contains(addr) })
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
