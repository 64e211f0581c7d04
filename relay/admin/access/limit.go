package access

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// wrongTokens and wrongEvery are how many wrong bearer tokens one client may send at once, and how often after that.
	wrongTokens = 10
	wrongEvery  = time.Second
	// peerFailures and allFailures are how many sign-ins may fail within signInWindow, of one client and of all.
	peerFailures = 5
	allFailures  = 30
	signInWindow = time.Minute
	// maxGuessers is the number of clients whose wrong tokens are remembered.
	maxGuessers = 4096
)

// clientOf returns the client at an address with a port, of which an IPv6 client has a whole network.
func clientOf(remote string) netip.Prefix {
	peer, _ := netip.ParseAddrPort(remote)
	ip := peer.Addr().Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	client, _ := ip.Prefix(bits)
	return client
}

// guessers limits the rate of clients that send wrong bearer tokens. It may be used from many goroutines.
type guessers struct {
	rates *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newGuessers() *guessers {
	rates, _ := lru.New[netip.Prefix, *rate.Limiter](maxGuessers) // fails for sizes below 1 alone
	return &guessers{rates}
}

// of returns the rate of the client at an address.
func (g *guessers) of(remote string) *rate.Limiter {
	client := clientOf(remote)
	fresh := rate.NewLimiter(rate.Every(wrongEvery), wrongTokens)
	if known, found, _ := g.rates.PeekOrAdd(client, fresh); found {
		_, _ = g.rates.Get(client) // it stays longest
		return known
	}
	return fresh
}

// failures are the moments of sign-ins that failed, the oldest first.
type failures []time.Time

// recent drops those that no longer count.
func (f failures) recent(now time.Time) failures {
	for len(f) > 0 && now.Sub(f[0]) >= signInWindow {
		f = f[1:]
	}
	return f
}

// signIns limits the sign-ins that fail. It may be used from many goroutines.
type signIns struct {
	mu    sync.Mutex
	all   failures
	peers *lru.Cache[netip.Prefix, failures]
}

func newSignIns() *signIns {
	peers, _ := lru.New[netip.Prefix, failures](maxGuessers) // fails for sizes below 1 alone
	return &signIns{peers: peers}
}

// try calls check, and remembers its failure, unless too many failed. Then it returns how long to wait. One at a time
// is tried, so that many at once try no more.
func (s *signIns) try(remote string, now time.Time, check func() bool) (ok bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := clientOf(remote)
	known, _ := s.peers.Get(client)
	own := known.recent(now)
	s.all = s.all.recent(now)
	switch {
	case len(own) >= peerFailures:
		return false, signInWindow - now.Sub(own[0])
	case len(s.all) >= allFailures:
		return false, signInWindow - now.Sub(s.all[0])
	case check():
		return true, 0
	}
	s.peers.Add(client, append(own[:len(own):len(own)], now))
	s.all = append(s.all, now)
	return false, 0
}
