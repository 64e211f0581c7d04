// Package origin finds the client of a request, also behind reverse proxies.
//
// A proxy appends the address that it was called from to X-Forwarded-For or Forwarded. What stands further left was
// written by that caller, which may have forged it. So the list is read from its right end, over the proxies that are
// trusted, and the first address that is none of them is the client.
package origin

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Origin is where a request comes from.
type Origin struct {
	// Peer is the other end of the connection.
	Peer netip.Addr
	// Client is the sender as far as trusted proxies report it, or else the peer. It is invalid if they report something
	// that is not an address, or X-Forwarded-For and Forwarded name two clients.
	Client netip.Addr
	// Untrusted reports a header of a proxy that is ignored, since the peer is not a trusted proxy.
	Untrusted bool
}

// Of returns the origin of a request, given the networks of the trusted proxies.
func Of(r *http.Request, trusted []netip.Prefix) Origin {
	var o Origin
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		o.Peer = plain(peer.Addr())
	}
	o.Client = o.Peer
	list, standard := hopsOf(r.Header["X-Forwarded-For"]), standardHops(r.Header["Forwarded"])
	if len(list)+len(standard) == 0 {
		return o
	}
	if o.Untrusted = !Within(trusted, o.Peer); o.Untrusted {
		return o
	}
	o.Client = agree(clientOf(list, trusted), clientOf(standard, trusted), o.Peer)
	return o
}

// Within reports whether an address is in one of the networks.
func Within(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// report is what one header tells about the client.
type report struct {
	client netip.Addr // invalid if the header does not name an address
	found  bool       // an address that is not a trusted proxy, or no address at all
	empty  bool       // the header has no entries
}

// clientOf returns the right-most hop that is not a trusted proxy, or the left-most one if all are.
func clientOf(hops []string, trusted []netip.Prefix) report {
	if len(hops) == 0 {
		return report{empty: true}
	}
	var last netip.Addr
	for _, hop := range slices.Backward(hops) {
		addr := parseHop(hop)
		if !addr.IsValid() || !Within(trusted, addr) {
			return report{client: addr, found: true}
		}
		last = addr
	}
	return report{client: last}
}

// agree returns the client that both headers name. A header that names proxies alone, or nothing, leaves it to the
// other one. Proxies write one of the headers and may pass the other one on as the client wrote it, so two clients are
// none.
func agree(a, b report, peer netip.Addr) netip.Addr {
	switch {
	case a.found && b.found && a.client != b.client:
		return netip.Addr{}
	case a.found || b.empty:
		return a.client
	case b.found || a.empty:
		return b.client
	case a.client == b.client:
		return a.client
	}
	return peer
}

// hopsOf returns the entries of a header that is a list, of all its lines.
func hopsOf(lines []string) (hops []string) {
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, ",") {
			if entry = strings.TrimSpace(entry); entry != "" {
				hops = append(hops, entry)
			}
		}
	}
	return hops
}

// standardHops returns the values of for= in the lines of Forwarded (RFC 7239). An entry without one is a hop that is
// not known, and so is a line whose quotes do not close, since a client can open them before what a proxy appends. A
// header without any for= says nothing about clients.
func standardHops(lines []string) (hops []string) {
	named := false
	for _, line := range lines {
		if unclosed(line) {
			hops, named = append(hops, ""), true
			continue
		}
		for entry := range splitQuoted(line, ',') {
			hop := ""
			for pair := range splitQuoted(entry, ';') {
				name, value, _ := strings.Cut(pair, "=")
				if strings.EqualFold(strings.TrimSpace(name), "for") {
					hop, named = strings.TrimSpace(value), true
				}
			}
			if strings.TrimSpace(entry) != "" {
				hops = append(hops, hop)
			}
		}
	}
	if !named {
		return nil
	}
	return hops
}

// unclosed reports whether a text ends within quotes.
func unclosed(text string) (quoted bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}

// splitQuoted splits a text at a sign that does not stand in double quotes.
func splitQuoted(text string, at byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case c == at && !quoted:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// parseHop reads an address with or without a port, brackets and quotes. The result is invalid if it is none.
func parseHop(hop string) netip.Addr {
	hop = strings.TrimSpace(hop)
	if inner, quoted := strings.CutPrefix(hop, `"`); quoted {
		hop = strings.TrimSpace(strings.TrimSuffix(inner, `"`))
	}
	if addr, err := netip.ParseAddr(hop); err == nil {
		return plain(addr)
	}
	if withPort, err := netip.ParseAddrPort(hop); err == nil {
		return plain(withPort.Addr())
	}
	if inner, found := strings.CutPrefix(hop, "["); found {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil && strings.HasSuffix(inner, "]") {
			return plain(addr)
		}
	}
	return netip.Addr{}
}

// plain returns an address without a zone, and an IPv4 address that is mapped into IPv6 as the former.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
