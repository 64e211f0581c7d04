// Package rulebook describes the current rules as they are written: where each stands, its own lines, its texts and
// targets, and the tests that make it fire. Secrets are masked.
package rulebook

import (
	"sync"
	"time"

	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/written"
	"qaserelay/rules/ruletest"
)

// Rule is one of the current rules.
type Rule struct {
	rules.RuleInfo
	File     string   `json:"file,omitempty"`      // its rules file, as it was named when it was loaded
	Line     int      `json:"line,omitempty"`      // its first line, from 1
	LastLine int      `json:"last_line,omitempty"` // its last line
	Level    string   `json:"level,omitempty"`     // as it is written; empty is by the event
	Title    string   `json:"title,omitempty"`     // the template as it is written; empty is the default
	Body     string   `json:"body,omitempty"`      // likewise
	Targets  []Target `json:"targets"`
	Timing   Timing   `json:"timing,omitzero"`
	Tests    []Test   `json:"tests"`            // those that make it fire
	Source   []string `json:"source,omitempty"` // its lines of the file; not in lists
	Use      *Use     `json:"use,omitempty"`    // absent if it has not matched yet
}

// Use is how often a rule matched.
type Use struct {
	Day       int        `json:"matches_24h"` // counted by full hours
	Week      int        `json:"matches_7d"`
	Held      int        `json:"held_back_7d"` // of these, those whose messages were held back or dropped
	Errors    int        `json:"errors_7d"`    // events on which its condition failed
	LastEvent string     `json:"last_event_id,omitempty"`
	LastAt    *time.Time `json:"last_match_at,omitempty"`
	// Steps are the matches of the last 7 days in steps of 6 hours, the oldest first.
	Steps [UseSteps]int `json:"-"`
}

// UseSteps is the number of steps in which matches are counted.
const UseSteps = 28

// Target is an entry of notify. Its options are as they are written, with secrets masked.
type Target struct {
	Notifier string         `json:"notifier"`
	Options  map[string]any `json:"options,omitempty"`
	Fallback []string       `json:"fallback,omitempty"`
}

// Timing holds the keys of time as they are written.
type Timing struct {
	Active   any    `json:"active,omitempty"`
	Throttle any    `json:"throttle,omitempty"`
	Group    any    `json:"group,omitempty"`
	After    any    `json:"after,omitempty"`
	Unless   string `json:"unless,omitempty"`
}

// Test is a test in the rules files.
type Test struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Passed bool   `json:"passed"`
	Late   bool   `json:"late,omitempty"` // it sees messages of the rule only when a time has come
}

// Book describes the rules of the current configuration. Its methods may be called from many goroutines.
type Book struct {
	config func() *config.Config

	mu    sync.Mutex
	of    *config.Config // that rules and files describe
	rules []Rule
	files *written.Files
}

// New returns a book over the current configuration.
func New(current func() *config.Config) *Book { return &Book{config: current} }

// Rules lists the current rules in their order, without their lines. The list must not be changed.
func (b *Book) Rules() []Rule {
	all, _ := b.read()
	return all
}

// Rule returns one of the current rules with its lines.
func (b *Book) Rule(name string) (Rule, bool) {
	all, files := b.read()
	for _, r := range all {
		if r.Name == name {
			source, _ := files.Rule(name)
			r.Source = source.Lines
			return r, true
		}
	}
	return Rule{}, false
}

// Files returns the rules files as they were loaded.
func (b *Book) Files() *written.Files {
	_, files := b.read()
	return files
}

// read describes the current rules, once for each configuration.
func (b *Book) read() ([]Rule, *written.Files) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cfg := b.config(); b.of != cfg {
		b.files = written.Read(cfg.Source.Files)
		b.rules, b.of = describe(cfg, b.files), cfg
	}
	return b.rules, b.files
}

// describe describes the rules of a configuration, and runs its tests to see which they cover.
func describe(cfg *config.Config, files *written.Files) []Rule {
	tests := map[string][]Test{}
	for _, r := range ruletest.Run(&rulefile.File{Config: cfg.Config, Tests: cfg.Source.Tests}, nil) {
		t := Test{Name: r.Name, File: r.File, Line: r.Line, Passed: r.Passed}
		for _, name := range r.Matched {
			addTest(tests, name, t)
		}
		t.Late = true
		for _, name := range r.Late {
			addTest(tests, name, t)
		}
	}
	all := []Rule{}
	for i, info := range cfg.Rules.Rules() {
		r := Rule{RuleInfo: info, Level: cfg.Rules.All()[i].Level, Targets: []Target{}, Tests: tests[info.Name]}
		if r.Tests == nil {
			r.Tests = []Test{}
		}
		if source, found := files.Rule(info.Name); found {
			r.addSource(source)
		}
		all = append(all, r)
	}
	return all
}

// addTest adds a test to those of a rule, once.
func addTest(tests map[string][]Test, rule string, t Test) {
	for _, known := range tests[rule] {
		if known.File == t.File && known.Line == t.Line {
			return
		}
	}
	tests[rule] = append(tests[rule], t)
}

// addSource adds what the files say of the rule.
func (r *Rule) addSource(source written.Rule) {
	r.File, r.Line, r.LastLine = source.File, source.First, source.Last
	if when := source.String("when"); when != "" {
		r.When = when
	}
	r.Title, r.Body = source.String("title"), source.String("body")
	r.Timing = Timing{Active: source.Value("active"), Throttle: source.Value("throttle"), Group: source.Value("group"),
		After: source.Value("after"), Unless: source.String("unless")}
	entries, _ := source.Value("notify").([]any)
	for _, entry := range entries {
		switch entry := entry.(type) {
		case string:
			r.Targets = append(r.Targets, Target{Notifier: entry})
		case map[string]any:
			r.Targets = append(r.Targets, targetOf(entry))
		}
	}
}

func targetOf(entry map[string]any) Target {
	t := Target{}
	for key, v := range entry {
		switch key {
		case "notifier":
			t.Notifier, _ = v.(string)
		case "fallback":
			names, _ := v.([]any)
			for _, one := range names {
				if name, is := one.(string); is {
					t.Fallback = append(t.Fallback, name)
				}
			}
		default:
			if t.Options == nil {
				t.Options = map[string]any{}
			}
			t.Options[key] = v
		}
	}
	return t
}
