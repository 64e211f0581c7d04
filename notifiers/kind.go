package notifiers

import "encoding/json"

// Kind describes one type of notifier: what can be written for it in a rules file, and how it is made.
type Kind struct {
	// Type is the word in the rules file: slack, email, http.
	Type string
	// Summary is one line for people.
	Summary string
	// Config returns a pointer to a new configuration with its defaults set. Its yaml tags are the keys that a
	// notifier of this type may have beside name and type. Fields tagged secret:"true" have a twin KEY_file.
	Config func() any
	// Sample returns a pointer to a configuration that New takes, made up where there is no default: for previews.
	Sample func() any
	// Options is a zero value of the struct of message options. A rule may set them for one message, a notifier
	// for all of its messages. Every string in them is a template; the tag as:"…" says what the text becomes, and so
	// how values from the event are escaped: text (the default: plain text in one line), markdown, url, header,
	// address (mail addresses), mention (who is called), call (who is called where events can only name people), link (a URL for
	// people), blocks (Slack's Block Kit) or json (a body: JSON where it looks like JSON, plain text elsewhere). A list of mentions
	// arrives as ids of Slack, "Name <address>", addresses and mere names.
	// An option that may hold a secret, such as a URL with a token, is tagged secret:"masked": see MaskOptions.
	// Allowed types are string, bool, []string and map[string]string, and any for a free structure.
	Options any
	// New checks the configuration and makes the notifier. defaults holds the message options set on the notifier
	// that are no templates, as a JSON object or nil; a message's own Options come first. New does not touch the
	// network. An error that has a Field() string method names the key at fault.
	New func(config any, defaults json.RawMessage) (Notifier, error)
	// Missing says what a message lacks that has only the given options, its own and the notifier's together, and how
	// to add it; both are "" if it can be sent. A nil Missing means that nothing can be missing.
	Missing func(config any, options map[string]bool) (what, hint string)
	// Advise judges one message option as it is written, with its templates, for those who check a rules file. It may be nil.
	Advise func(config any, option string, value any) []Advice
	// Concurrency is how many messages may be on their way at once, unless the notifier sets it. Zero means 1.
	Concurrency int
	// Rate is how many messages a target takes, unless the notifier sets it.
	Rate Rate
	// Target names what the rate counts, such as a channel, by the notifier's own message options and those of a message.
	// A nil Target counts all messages of the notifier together.
	Target func(defaults, options json.RawMessage) string
	// Account returns what tells accounts apart at the service, such as a bot token: notifiers of one account share the rates of its targets. It
	// may be a secret. A nil Account gives each notifier rates of its own.
	Account func(config any) string
	// Delivered says in a sentence for people that a message was delivered, and where the receipt says so, to which
	// place; retest is the command that sends such a test message. Nil says that the receiver has taken it.
	Delivered func(r Receipt, retest string) string
	// Markup is how the service reads the texts that it gets.
	Markup Markup
	// Limits are the documented limits of what is sent; empty, but not nil, if there is none.
	Limits []Limit
	// Needs and Notes are cells of the README's table of notifiers, in Markdown: the keys that it cannot do without, and
	// what is good to know.
	Needs, Notes string
	// RatePer says in the README what the rate is for, such as "for each channel"; empty for the notifier.
	RatePer string
	// Example is a rules file in YAML: notifiers with each key of Config between them, and rules with each message
	// option, in which values of an event stand wherever a rule may put them.
	Example string
}

// Markup is a language in which a service reads texts. It decides what a value of an event must not become.
type Markup string

// The markup of the services.
const (
	PlainText Markup = "plain text" // in which apps link what looks like a URL
	Markdown  Markup = "Markdown"
	HTML      Markup = "HTML"
	Mrkdwn    Markup = "mrkdwn"        // of Slack
	Cards     Markup = "Adaptive Card" // with @-mentions in tags
	Mail      Markup = "mail"          // RFC 5322, with an HTML part
	JSON      Markup = "JSON"          // for programs: only the structure counts
)

// Limit is the greatest size of parts of what is sent.
type Limit struct {
	// Paths lead to the parts in the JSON that is sent, separated by blanks, such as embeds[].title; empty for all of it.
	Paths string
	Max   int
	Unit  Unit
	// Total says that all parts together have the limit.
	Total bool
}

// Unit is how a size is counted.
type Unit int

// The units of limits.
const (
	UTF16Units   Unit = iota // of a text, or of JSON
	Bytes                    // of a text in UTF-8, or of JSON
	EscapedUnits             // UTF16Units of JSON in which & < > are written as \u0026 and so on
)

// Advice is something to be said of a message option.
type Advice struct {
	Path          []string // leads within the option to what it is about; empty for the whole
	Wrong         bool     // no such message could be sent; otherwise it is only doubtful
	Message, Hint string
}
