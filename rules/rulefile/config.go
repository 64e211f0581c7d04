package rulefile

import (
	"encoding/json"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/value"
)

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
	Settings  rules.Settings
	Sources   []rules.Source
	Notifiers []Notifier
	Rules     *rules.Set
	Tests     []Test
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
	Rate value.Rate
}

// Retry says how often a notifier tries again. Zero fields mean the relay's defaults.
type Retry struct {
	Initial time.Duration // longest wait before the second attempt
	Max     time.Duration // longest wait between two attempts
	For     time.Duration // after this long since the first attempt, give up
}
