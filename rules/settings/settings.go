// Package settings holds the general settings of a rules file, and its sources.
package settings

import (
	"net/netip"
	"slices"
	"time"

	"qaserelay/rules/failures"
)

// Settings are the general settings.
type Settings struct {
	QaseURL   string         // base of links into Qase, without a slash at its end
	Location  *time.Location // of conditions and dates in messages; UTC unless set
	HasZone   bool           // Location was set
	Retention Retention
	// OrderWait is the longest time that a delivery waits for an earlier one of its entity; default 1 hour.
	OrderWait time.Duration
	Backlog   Backlog
	// MinFreeDisk are the free bytes that the file system of the store needs to accept events; default 64 MiB.
	MinFreeDisk int64
	// TrustedProxies are the networks of proxies whose X-Forwarded-For and Forwarded name the client.
	TrustedProxies []netip.Prefix
	NoEmoji        bool          // messages have no emoji of their level
	SilenceMax     time.Duration // how long a silence may last; default 30 days
	// CatchUp is how long after a time without a relay waits and feeds do not fire that were due in it: Qase sends again
	// what was missed, and that may end them. Default 5 minutes.
	CatchUp time.Duration
	// NoSearch says that the store keeps no index of the words of events.
	NoSearch bool
}

// Backlog limits the unfinished deliveries: at a limit, events are refused. Zero means no limit.
type Backlog struct {
	Deliveries int   // 1,000,000 unless written
	Bytes      int64 // of their messages; 10 GiB unless written
}

// Retention is how long data is kept.
type Retention struct {
	Events   time.Duration // events with all that belongs to them; default 30 days
	Dead     time.Duration // events with dead deliveries; default 90 days
	Entities time.Duration // the state of an entity, after its last event; default 90 days
}

// Source is an address that Qase posts to.
type Source struct {
	Name      string
	Secrets   [][32]byte // SHA-256 of each secret that is accepted
	Projects  []string   // accepted project codes; none means all
	AllowFrom []netip.Prefix
	APIURL    string // base of the Qase API, without a slash at its end
	// Token is behind a pointer, so that nothing prints it. It is nil for a source without one, and points to an empty text
	// while a file is checked whose variable is not set.
	Token    *string
	Failures failures.Settings
}

// Takes reports whether the source accepts events of a project.
func (s *Source) Takes(project string) bool {
	return len(s.Projects) == 0 || slices.Contains(s.Projects, project)
}

// APIToken returns the token for the Qase API, or "" if the source has none.
func (s *Source) APIToken() string {
	if s.Token == nil {
		return ""
	}
	return *s.Token
}
