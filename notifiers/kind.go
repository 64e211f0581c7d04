package notifiers

import "encoding/json"

// Kind describes one type of notifier: its keys in a rules file, and its constructor.
type Kind struct {
	// Type is the word in the rules file: slack, email, http.
	Type string
	// Summary is one line for people.
	Summary string
	// Config returns a pointer to a new configuration with its defaults. Its yaml tags are the keys of a notifier of
	// this type beside name and type. A field tagged secret:"true" has a second key, KEY_file, that names a file. One
	// tagged secret:"file" holds the content of the file that its key names: the key OPTION_file is for a message
	// option that may be a secret.
	Config func() any
	// Sample returns a pointer to a configuration that New accepts, for previews.
	Sample func() any
	// Options is a zero value of the struct of message options. A rule sets them for one message, a notifier for all of
	// its messages. Allowed types are string, bool, []string, map[string]string, and any for a free structure.
	//
	// Every string in them is a template. The tag as:"…" names the form of the text, and so how values from the event
	// are escaped: text (the default: plain text in one line), markdown, url, header, link (a URL for people), blocks
	// (Block Kit) or json (a body: JSON if it looks like JSON, else plain text).
	//
	// A list of texts may name people: by persons, teams, addresses and ids that the relay resolves. Its form says how
	// the service reaches them, and so how they arrive: address (email addresses), signin (addresses and object ids),
	// member (Slack ids and "Name <address>"), mention (the same, ids of groups, and names) or call (ids and names). The
	// tag carries:"true" says that the message goes to these people, replies:"true" that they get no message, and
	// each:"MOST,OPTION" that each gets a message of their own, or at most so many one together, in place of the one to
	// the place that the other option names.
	//
	// An option that may hold a secret, such as a URL with a token, is tagged secret:"masked": see MaskOptions.
	Options any
	// New checks the configuration and makes the notifier, without a network. defaults are the message options of the
	// notifier that are not templates, as a JSON object or nil; a message's own options override them. An error with a
	// Field() string method names the wrong key.
	New func(config any, defaults json.RawMessage) (Notifier, error)
	// Missing says what a message with only the given options lacks, and how to add it. Both are "" if it can be sent.
	// A nil Missing means that nothing can be missing.
	Missing func(config any, options map[string]bool) (what, hint string)
	// Warn returns remarks on the settings that New accepts, such as credentials that the service can only refuse. Path
	// is the key, or several, of which the first that is written counts. A remark that is Wrong is an error of check and
	// serve. It may be nil.
	Warn func(config any) []Advice
	// Advise checks one message option as it is written, with its templates. It may be nil.
	Advise func(config any, option string, value any) []Advice
	// Refuse returns remarks on the rendered options of a message, its own over those of the notifier. The path of each
	// begins with the option. With a remark that is Wrong the service can only refuse the message, and Send does not
	// send it: it fails permanently, with the same words. See [Refusing].
	Refuse func(config any, defaults, own json.RawMessage) []Advice
	// Jointly reports whether a notifier cannot write to each person of an option with the tag each. A nil Jointly means
	// that it can.
	Jointly func(config any) bool
	// Closes reports whether a message with these options, its own over those of the notifier, and this level closes an
	// alert. Messages of a kind that has it open and close alerts: each is sent on its own, and none is held back. Nil
	// means that messages are only read.
	Closes func(config any, defaults, own json.RawMessage, level string) bool
	// Concurrency is how many messages are sent at once, unless the notifier sets it. Zero means 1.
	Concurrency int
	// Rate is how many messages a target accepts, unless the notifier sets it.
	Rate Rate
	// Target names the target of a message, such as a channel, by the options of the notifier and of the message. With
	// a nil Target all messages of the notifier have one target.
	Target func(defaults, options json.RawMessage) string
	// Account identifies the account at the service, such as by its bot token: notifiers of one account share the rates
	// of its targets. The result may be a secret. With a nil Account each notifier has rates of its own.
	Account func(config any) string
	// Delivered is a sentence for people about a delivery, with the place if the receipt names it. retest is the
	// command that sends a test message again. Nil says that the receiver has taken it.
	Delivered func(r Receipt, retest string) string
	// Markup is how the service reads the texts that it gets.
	Markup Markup
	// Limits are the documented limits of the service; empty, but not nil, without any.
	Limits []Limit
	// Digest is the room for the default digest, whose lines are all shown: less than the limits, by what the layout adds.
	// With the zero value it is that of the rules.
	Digest Room
	// Needs and Notes are cells of the README's table of notifiers, in Markdown: the keys that it cannot do without,
	// and what is good to know.
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
	// Paths lead to the parts in the JSON that is sent, separated by blanks, such as embeds[].title; empty for all of
	// it.
	Paths string
	Max   int
	Unit  Unit
	// Total says that all parts together have the limit.
	Total bool
}

// Room is the greatest length of a text.
type Room struct {
	Max  int
	Unit Unit // UTF16Units or Bytes
	Line int  // what the layout adds to each line
}

// Unit is how a size is counted.
type Unit int

// The units of limits.
const (
	UTF16Units   Unit = iota // of a text, or of JSON
	Bytes                    // of a text in UTF-8, or of JSON
	EscapedUnits             // UTF16Units of JSON in which & < > are written as \u0026 and so on
)

// Advice is a remark on a message option.
type Advice struct {
	Path          []string // leads to the value: within the option, or from the option on; empty for the whole
	Wrong         bool     // the service would refuse the message; otherwise it is a warning
	Whole         bool     // about options together, so that it counts only for a whole message
	Message, Hint string
}
