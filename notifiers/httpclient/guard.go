package httpclient

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
	"golang.org/x/text/unicode/norm"

	"qaserelay/notifiers"
)

// DialGuard decides which addresses may be connected to. It decides after name resolution, which makes it safe from
// rebinding. Link-local and cloud metadata addresses are always refused.
type DialGuard struct {
	// PublicOnly refuses all of the IANA special-purpose addresses too: loopback, private and the like.
	PublicOnly bool
	Resolver   *net.Resolver // nil means the system's
}

// Dialer returns a dialer that connects only to allowed addresses.
func (g DialGuard) Dialer() *net.Dialer { return &net.Dialer{Control: g.control, Resolver: g.Resolver} }

// control is a [net.Dialer.Control] function. Its errors are permanent.
func (g DialGuard) control(network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return notifiers.Permanent("refused to connect over %s: %w", network, err)
	}
	return g.check(ap.Addr())
}

// check refuses an address. Its errors are permanent.
func (g DialGuard) check(a netip.Addr) error {
	if isMetadata(a) {
		return notifiers.Permanent("refused to connect to %s: link-local and cloud metadata "+
			"addresses are never sent to; write another host", a)
	}
	if !g.PublicOnly {
		return nil
	}
	if err := ssrf.New(ssrf.WithAnyPort()).SafeAddr(a.Unmap()); err != nil {
		return notifiers.Permanent("refused to connect to %s: with allow_hosts, loopback and "+
			"private addresses are only sent to with allow_private: true", a)
	}
	return nil
}

// checkName refuses a host that a proxy will connect to, if any of its addresses is refused. A name that cannot be
// resolved here passes: behind many proxies only the proxy can resolve names.
func (g DialGuard) checkName(ctx context.Context, host string) error {
	host = strings.TrimRight(strings.ReplaceAll(norm.NFKC.String(host), "。", "."), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return g.check(a)
	}
	if slices.Contains(metadataNames(), strings.ToLower(host)) {
		return notifiers.Permanent("refused to ask the proxy for %s: link-local and cloud metadata "+
			"addresses are never sent to; write another host", strconv.Quote(host))
	}
	if endsInNumber(host) {
		return notifiers.Permanent("refused to ask the proxy for %s: proxies may take it for the address of another "+
			"host; write a name, or four numbers such as 192.0.2.1", strconv.Quote(host))
	}
	addrs, err := g.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return ctx.Err()
	}
	for _, a := range addrs {
		if err := g.check(a); err != nil {
			return err
		}
	}
	return nil
}

// CheckLiteral refuses a host that is written as a refused address, or as the name of a metadata service. Other names
// are looked up when they are dialled.
func (g DialGuard) CheckLiteral(host string) error {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return g.check(a)
	}
	if slices.Contains(metadataNames(), strings.ToLower(strings.TrimRight(host, "."))) {
		return notifiers.Permanent("refused to connect to %s: link-local and cloud metadata addresses are never sent to; "+
			"write another host", strconv.Quote(host))
	}
	return nil
}

// endsInNumber reports whether the last part of a host is a number, as in 2852039166, 0xa9fea9fe and 0251.0376.0251.0376.
// Many programs read all of these as an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(host string) bool {
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, isHex := strings.CutPrefix(last, "0x"); isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// isMetadata reports whether a is link-local, multicast, or a well-known address of a cloud's metadata service, also as
// an IPv4 address inside an IPv6 address.
func isMetadata(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsLinkLocalUnicast() || a.IsMulticast() || slices.Contains(metadataAddrs(), a.String()) {
		return true
	}
	v4, ok := embeddedIPv4(a)
	return ok && isMetadata(v4)
}

// metadataAddrs lists the metadata services that are not link-local.
func metadataAddrs() []string {
	return []string{
		"100.100.100.200", // Alibaba Cloud
		"168.63.129.16",   // Azure, the host's own services
		"192.0.0.192",     // Oracle Cloud
		"fd00:ec2::254",   // AWS
		"fd20:ce::254",    // Google Cloud
		"fd00:42::42",     // Scaleway
	}
}

// metadataNames lists the names of metadata services, which only the machines of a cloud can resolve: its proxy too.
func metadataNames() []string {
	return []string{
		"metadata", "metadata.google.internal", "metadata.goog", // Google Cloud
		"instance-data", "instance-data.ec2.internal", // AWS
		"metadata.azure.internal",      // Azure
		"metadata.tencentyun.com",      // Tencent Cloud
		"metadata.platformequinix.com", // Equinix Metal
		"rancher-metadata",             // Rancher
	}
}

// embeddedIPv4 returns the IPv4 address that a translator makes of a: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056) and
// the IPv4-compatible form (RFC 4291).
func embeddedIPv4(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	for _, prefix := range []string{"64:ff9b::/96", "64:ff9b:1::/48", "::/96"} {
		if netip.MustParsePrefix(prefix).Contains(a) {
			return netip.AddrFrom4([4]byte(b[12:16])), true
		}
	}
	if netip.MustParsePrefix("2002::/16").Contains(a) {
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// LimitedConn is a connection that fails after Left more bytes of answers.
type LimitedConn struct {
	net.Conn
	Left int
}

func (c *LimitedConn) Read(p []byte) (int, error) {
	if c.Left <= 0 {
		return 0, errors.New("the server does not stop talking")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.Left)])
	c.Left -= n
	return n, err
}
