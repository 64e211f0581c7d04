package rules

import (
	"encoding/json"
	"net/netip"
	"time"
)

// File is the text of one rules file.
type File struct {
	Name string // as the user wrote it, for messages
	Data []byte
}

// Options are what Parse may reach. A nil function reaches nothing.
type Options struct {
	// Kinds are the known types of notifiers by name.
	Kinds map[string]Kind
	// LookupEnv reads an environment variable.
	LookupEnv func(name string) (string, bool)
	// ReadFile reads a file named by include: or by a KEY_file: twin, relative to the working directory.
	ReadFile func(name string) ([]byte, error)
	// Glob expands the patterns of include:.
	Glob func(pattern string) ([]string, error)
	// AllowUnset makes unset environment variables (and unreadable secret files) warnings; they expand to nothing.
	AllowUnset bool
}

// Kind is a type of notifiers as the language sees it.
type Kind struct {
	// Config returns a pointer to a struct to decode a notifier's own keys into (see package notifiers).
	Config func() any
	// Options is a struct value with the message options (see package notifiers).
	Options any
	// Check makes sure that the configuration works. An error may have a Field() string method.
	Check func(config any, defaults json.RawMessage) error
	// Missing says what a message with these options lacks, such as "has nobody to write to", and how to add it; both
	// are "" if nothing is missing. It may be nil.
	Missing func(config any, options map[string]bool) (what, hint string)
	// Advise judges one message option as it is written, with its templates. It may be nil.
	Advise func(config any, key string, value any) []Advice
}

// Advice is something to be said of a message option.
type Advice struct {
	Path          []string // leads within the option to what it is about; empty for the whole
	Wrong         bool     // no such message could be sent; otherwise it is only doubtful
	Message, Hint string
}

// Config is what a set of rules files says. It is not changed after Parse.
type Config struct {
	Settings  Settings
	Sources   []Source
	Notifiers []Notifier
	Rules     *Set
	Tests     []Test
}

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
	apiToken  *string // behind a pointer, so that nothing prints it
}

// APIToken returns the token for the Qase API, or "" if the source has none.
func (s *Source) APIToken() string {
	if s.apiToken == nil {
		return ""
	}
	return *s.apiToken
}

// Notifier is a configured way out.
type Notifier struct {
	Name     string
	Type     string
	Config   any             // as made by Kind.Config
	Defaults json.RawMessage // its message options that are no templates, as a JSON object or nil
	Retry    Retry
	Fallback []string // notifiers that its messages go to when they die, one after another
	// Concurrency is how many messages may be on their way at once; zero means what the type has.
	Concurrency int
	// Rate is how many messages one target may get; without Messages it is what the type has.
	Rate Rate
}

// Retry says how often a notifier tries again. Zero fields mean the relay's defaults.
type Retry struct {
	Initial time.Duration // longest wait before the second attempt
	Max     time.Duration // longest wait between two attempts
	For     time.Duration // after this long since the first attempt, give up
}

// Rate is so many messages in a time, of which some may come at once.
type Rate struct {
	Messages int
	Per      time.Duration
	Burst    int // zero means 1
}
