package rules

import (
	"net/netip"
	"time"
)

// Settings are the general settings.
type Settings struct {
	QaseURL   string         // base of links into Qase, without a slash at its end
	Location  *time.Location // for dates in messages; UTC unless set
	Retention Retention
	// OrderWait is how long a delivery waits at most for an earlier one of its entity; default 1 hour.
	OrderWait time.Duration
	Backlog   Backlog
	// MinFreeDisk is how many bytes have to be free on the file system of the store for events to be taken; 64 MiB unless written.
	MinFreeDisk int64
}

// Backlog says how much may be unfinished for events to be taken. Zero is no limit.
type Backlog struct {
	Deliveries int   // 1,000,000 unless written
	Bytes      int64 // of their messages; 10 GiB unless written
}

// Retention says for how long data is kept.
type Retention struct {
	Events   time.Duration // events with all that belongs to them; default 30 days
	Dead     time.Duration // events with dead deliveries; default 90 days
	Entities time.Duration // what is remembered of a thing to which nothing happens; default 90 days
}

// Source is an address that Qase posts to.
type Source struct {
	Name      string
	Secrets   [][32]byte // SHA-256 of each secret that is accepted
	Projects  []string   // accepted project codes; none means all
	AllowFrom []netip.Prefix
	APIURL    string  // base of the Qase API, without a slash at its end
	Token     *string // behind a pointer, so that nothing prints it
}

// APIToken returns the token for the Qase API, or "" if the source has none.
func (s *Source) APIToken() string {
	if s.Token == nil {
		return ""
	}
	return *s.Token
}
