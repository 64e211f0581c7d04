// Package rulefile reads the rules file: [Parse] turns YAML files into a [File] with the configuration, the compiled
// rules and the tests, or into problems that name the position, the fault and the next step. It finds every problem at
// once.
//
// The file goes through these stages, each in a Go file of its own: reading documents with their includes, settings,
// sources and people, message options, notifiers, rules, and the tests in package testfile. Each stage decodes YAML into
// a spec struct, checks it and returns plain data.
package rulefile

import (
	"encoding/json"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/rulefile/wished"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Options are the outside world of Parse. A nil function reaches nothing.
type Options struct {
	// Kinds are the known types of notifiers by name.
	Kinds map[string]Kind
	// LookupEnv reads an environment variable.
	LookupEnv func(name string) (string, bool)
	// ReadFile reads a file named by include: or by a KEY_file, relative to the working directory.
	ReadFile func(name string) ([]byte, error)
	// Glob expands the patterns of include:.
	Glob func(pattern string) ([]string, error)
	// Prepare may change the values of a document before they are decoded.
	Prepare func(d *yamldoc.Document)
	// AllowUnset makes unset environment variables and unreadable secret files warnings; they expand to nothing.
	AllowUnset bool
	// IgnoreUnset does not report them at all.
	IgnoreUnset bool
}

// Kind is a type of notifiers as the rules file sees it.
type Kind struct {
	// Config returns a pointer to a struct, into which the keys of a notifier are decoded (see package notifiers).
	Config func() any
	// Options is a struct value with the message options (see package notifiers).
	Options any
	// Check tests whether the configuration works. An error may have a Field() string method.
	Check func(config any, defaults json.RawMessage) error
	// Missing describes a part that a message with these options lacks, such as "has no recipient", and how to add it.
	// Both texts are "" if the message is complete. Missing may be nil.
	Missing func(config any, options map[string]bool) (what, hint string)
	// Mask masks rendered message options that may hold secrets. A nil Mask hides all of them.
	Mask func(options json.RawMessage) json.RawMessage
	// PlainText returns Markdown as plain text. A nil PlainText returns it as it is.
	PlainText func(markdown string) string
	// Advise checks one message option as it is written, with its templates. The paths of its remarks begin within the
	// option. It may be nil.
	Advise func(config any, key string, value any) []rules.Remark
	// Warn returns remarks on settings that Check accepts. The path is the key, or several, of which the first that is
	// written counts. It may be nil.
	Warn func(config any) []rules.Remark
	// Jointly reports whether the notifier cannot write to each person on their own. It may be nil.
	Jointly func(config any) bool
	// Refuse returns remarks on the rendered options of a message: its own over those of the notifier. It may be nil.
	Refuse func(config any, defaults, own json.RawMessage) []rules.Remark
	// Closes reports whether a message with these options and this level closes an alert. A kind that has it opens and
	// closes alerts, so that no message may be held back or joined with others. It may be nil.
	Closes func(config any, defaults, own json.RawMessage, level string) bool
	// Room is how much text the default digest may have; the zero value is the default of the rules.
	Room flow.Room
}

// Config is the configuration in a set of rules files. It is not changed after Parse.
type Config struct {
	Settings  rules.Settings
	Sources   []rules.Source
	Notifiers []Notifier
	Rules     *rules.Set
}

// Notifier is a configured notifier.
type Notifier struct {
	Name     string
	Type     string
	Config   any             // as made by Kind.Config
	Defaults json.RawMessage // its message options without templates, as a JSON object or nil
	Retry    Retry
	Fallback []string // the notifiers for messages that fail permanently, in the order they are tried
	// Concurrency is how many messages may be sent at once; zero means the default of the type.
	Concurrency int
	// Rate limits the messages to one target; without Messages the default of the type holds.
	Rate value.Rate
}

// Retry says how often a notifier tries again. Zero fields mean the relay's defaults.
type Retry struct {
	Initial time.Duration `yaml:"initial"` // longest wait before the second attempt
	Max     time.Duration `yaml:"max"`     // longest wait between two attempts
	For     time.Duration `yaml:"for"`     // time from the first attempt to the last
}

// File is all that a set of rules files holds: the configuration, the tests, and the rules with their positions.
type File struct {
	*Config
	Tests []testfile.Test
	// Files are the rules files as they were read, with those that they include.
	Files []yamldoc.File

	// Source is the input of static checks beside the compiled rules.
	Source Source
}

// Source is the source of the compiled rules.
type Source struct {
	Rules     []RuleSource
	Notifiers map[string]yamldoc.Place // by name
	Texts     []TextSource             // the templates of notifiers and rules, in file order
	Partials  []TextSource             // the templates of templates:, each with its name as the key
	Templates *template.Set
	People    []people.Person // as they are listed
}

// RuleSource is a rule with the positions of its parts.
type RuleSource struct {
	*rules.Rule
	At      yamldoc.Place
	When    yamldoc.Place
	Parsed  *condition.Condition // the condition, also one that does not compile; nil if it is not an expression
	Unless  *condition.Condition // the same of unless
	Targets []TargetSource
}

// TargetSource is an entry of notify.
type TargetSource struct {
	*rules.Target // nil if it names no usable notifier
	At            yamldoc.Place
	Wrong         bool // the entry has errors
}

// TextSource is a text with templates.
type TextSource struct {
	At       yamldoc.Place
	Key      string // title, body or the name of an option
	Text     string
	Static   bool // it has no actions
	Form     template.Form
	OfOption bool               // an option of a notifier, which may read the message
	OfDigest bool               // a text of group, which is only for digests
	Across   bool               // a key that joins the messages of all projects on purpose
	Compiled *template.Template // nil if it is faulty
	Rule     *rules.Rule        // nil for a text of a notifier
	People   *target.People     // the option that it is an entry of, if that names people
}

// Parse reads rules files and the files that they include. The file is useful for static checks even if there are
// errors, as far as its parts could be compiled; it must not be run then.
func Parse(files []yamldoc.File, o Options) (*File, diag.Problems) {
	r := &reader{options: o, opened: map[string]bool{}}
	r.yaml = yamldoc.Reader{LookupEnv: o.LookupEnv, ReadFile: o.ReadFile, AllowUnset: o.AllowUnset,
		IgnoreUnset: o.IgnoreUnset, Prepare: o.Prepare,
		KeyHint: wished.Hint, EntryHint: entryMeant, Examples: map[string]string{
			"retry": "{for: 24h}", "settings.retention": "{events: 30d}", "settings": "{timezone: Europe/Berlin}",
			"settings.backlog": "{deliveries: 100000}", "settings.silences": "{max: 30d}", "windows": "{office: " + windowExample + "}",
			"a rule": "{name: …, when: …, notify: […]}", "a notifier": "{name: …, type: …}",
			"throttle": "{by: [payload.id], every: 10m}", "group": "{by: [project_code], wait: 30s}", "after.repeat": "{every: 4h, at_most: 3}",
			"failures":                   "{most: 10}",
			"a summary":                  `{name: qa-week, at: "mon 09:00", project: WEB, notify: […]}`,
			"an entry of after.escalate": "{after: 12h, notify: [mail]}", "a test": "{name: …, event: run.completed, expect: [{rule: …}]}"}}
	documents := r.readAll(files)

	settings := parseSettings(documents)
	listed := parsePeople(documents)
	directory := people.New(listed)
	c := newCompiler(documents, &settings, directory)
	c.windows = parseWindows(documents, settings.Location)
	sources := parseSources(documents, settings.QaseURL, o.LookupEnv)
	warnOfWaits(documents, settings.OrderWait)
	notifiers, table := parseNotifiers(documents, o.Kinds, c)
	parsed := parseRules(documents, table, c)
	checkFormerNames(documents, parsed)
	feeds, ofFeeds := parseFeeds(documents, table, c)
	implicit := append(parseSummaries(documents, sources, ruleParser{notifiers: table, compiler: c}, parsed), ofFeeds...)
	if len(parsed) == 0 && len(implicit) == 0 && len(documents) > 0 && r.yaml.Problems.Err() == nil {
		documents[0].Report(nil, diag.Warning, "there are no rules, so nothing will ever be sent", "add rules:")
	}
	all := append(implicit, parsed...)
	set := rules.NewSet(rules.Options{
		Settings: settings, People: directory, UsesPrevious: c.usesPrevious, PlainText: c.plainText(o.Kinds), Mask: maskOf(notifiers, o.Kinds),
		Refuse: refuseOf(notifiers, o.Kinds), Closes: closesOf(notifiers, o.Kinds), Alerts: alertsOf(notifiers, o.Kinds), Room: roomOf(notifiers, o.Kinds),
		Feeds: feeds,
	}, rulesOf(all))
	warnOfFeeds(documents, set, feeds, rulesOf(all))
	config := &Config{Settings: settings, Sources: sources, Notifiers: notifiers, Rules: set}
	tests := parseTests(documents, config, table)
	places := placesOf(table)
	markWrong(all, places, r.yaml.Problems)
	source := Source{all, places, c.texts, c.partials, c.templates, listed}
	return &File{Config: config, Tests: tests, Files: r.files, Source: source}, r.yaml.Problems
}
