package value

import (
	"fmt"
	"net/netip"
)

// ParseNetwork reads a network, or a single address as a network of one. An IPv4 network that is mapped into IPv6 is
// the IPv4 network, since clients have their IPv4 addresses.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network", text)
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// MayBeClient reports whether a network has addresses that a client can have: not only the address 0, addresses of
// groups (multicast), and those that are reserved.
func MayBeClient(p netip.Prefix) bool {
	for _, never := range []string{"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"} {
		n := netip.MustParsePrefix(never)
		if n.Contains(p.Addr()) && p.Bits() >= n.Bits() {
			return false
		}
	}
	return true
}
