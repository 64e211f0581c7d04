// Package config reads the rules files into a Config with its notifiers, and reloads them when they change.
package config

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/redact"
	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/yamldoc"
)

// Config is the content of the rules files with its notifiers. It does not change after Load.
type Config struct {
	*rulefile.Config
	// Notifiers holds the notifiers by name. Every notifier that a rule names is in it.
	Notifiers map[string]Notifier
	Source    Source

	read    *reading
	secrets func() redact.Secrets
}

// Source is what a configuration was made of. It holds secrets.
type Source struct {
	Files    []yamldoc.File // the rules files as they were read, with those that they include
	Named    []string       // the names of those that no other one includes
	Tests    []testfile.Test
	Warnings diag.Problems     // of the files
	Env      map[string]string // the environment variables that they name, as far as they are set
	Contents map[string][]byte // of the files that they read, such as those of secrets
}

// Notifier is a configured notifier: its entry in the rules file, its kind, and the notifier itself.
type Notifier struct {
	Spec     rulefile.Notifier
	Kind     notifiers.Kind
	Notifier notifiers.Notifier
	Account  string // a digest; notifiers with the same account share its rate. Empty if the kind has no accounts.
}

// Close ends the idle connections of the notifiers, once nothing is sent any more.
func (c *Config) Close() {
	var ending sync.WaitGroup
	for _, n := range c.Notifiers {
		if closer, keeps := n.Notifier.(notifiers.Closer); keeps {
			ending.Go(closer.Close)
		}
	}
	ending.Wait()
}

// LoadOptions say how Load reads. The zero value is for a relay that is to run.
type LoadOptions struct {
	AllowUnset bool // unset environment variables are warnings
	// IgnoreUnset makes no problem of unset variables and missing secret files; with AllowUnset only.
	IgnoreUnset bool
	Stdin       io.Reader        // the file "-"; nil means an empty one
	Kinds       []notifiers.Kind // nil means builtin.Kinds()
}

// Load reads the rules files of names and patterns and makes their notifiers, without touching the network. It returns
// all problems at once; the config is nil if any of them is an error.
func Load(patterns []string, o LoadOptions) (*Config, diag.Problems) {
	return load(patterns, o, newReading())
}

func load(patterns []string, o LoadOptions, read *reading) (*Config, diag.Problems) {
	if o.Kinds == nil {
		o.Kinds = builtin.Kinds()
	}
	files, problems := read.all(patterns, o.Stdin)
	if problems != nil {
		return nil, problems
	}
	source := Source{Env: map[string]string{}, Contents: map[string][]byte{}}
	for _, f := range files {
		source.Named = append(source.Named, f.Name)
	}
	cfg, problems := lint.Parse(files, rulefile.Options{
		Kinds:      Kinds(o.Kinds),
		LookupEnv:  source.lookup,
		ReadFile:   source.reader(read.file),
		Glob:       read.glob,
		AllowUnset: o.AllowUnset, IgnoreUnset: o.IgnoreUnset,
	})
	if cfg == nil || problems.Err() != nil {
		return nil, problems
	}
	made, more := makeNotifiers(cfg.Config, o)
	problems = append(problems, more...)
	if problems.Err() != nil {
		return nil, problems
	}
	source.Files, source.Tests, source.Warnings = cfg.Files, cfg.Tests, problems
	return &Config{Config: cfg.Config, Notifiers: made, Source: source, read: read,
		secrets: sync.OnceValue(func() redact.Secrets { return secretsOf(cfg.Config) })}, problems
}

// String hides what the source holds.
func (s Source) String() string { return "the files of a configuration" }

// GoString hides what the source holds.
func (s Source) GoString() string { return s.String() }

// lookup reads an environment variable, and notes its value.
func (s *Source) lookup(name string) (string, bool) {
	text, set := os.LookupEnv(name)
	if set {
		s.Env[name] = text
	}
	return text, set
}

// reader returns a function that reads files as read does, and notes their contents.
func (s *Source) reader(read func(name string) ([]byte, error)) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		data, err := read(name)
		if err == nil {
			s.Contents[name] = data
		}
		return data, err
	}
}

// maxPlainText is the most bytes of the plain text of a message.
const maxPlainText = 64 << 10

// Kinds returns the kinds of notifiers as package rulefile sees them.
func Kinds(ks []notifiers.Kind) map[string]rulefile.Kind {
	kinds := make(map[string]rulefile.Kind, len(ks))
	for _, k := range ks {
		kinds[k.Type] = rulefile.Kind{Config: k.Config, Options: k.Options, Missing: k.Missing, Mask: k.MaskOptions,
			Check: func(config any, defaults json.RawMessage) error {
				_, err := k.New(config, defaults)
				return err
			},
			Warn: warn(k), Advise: advise(k), Jointly: k.Jointly, Refuse: refuse(k), Closes: k.Closes,
			Room:      flow.Room{Most: k.Digest.Max, Line: k.Digest.Line, Bytes: k.Digest.Unit == notifiers.Bytes},
			PlainText: func(markdown string) string { return markup.PlainBody(markdown, maxPlainText) },
		}
	}
	return kinds
}

// MaskOptions masks the message options that may hold secrets of a notifier that may be of any kind.
func MaskOptions(options json.RawMessage) json.RawMessage {
	return notifiers.MaskOptions(builtin.Kinds(), options)
}

// warn returns the remarks of a kind on its settings, in the type of package rules.
func warn(k notifiers.Kind) func(config any) []rules.Remark {
	return func(config any) []rules.Remark {
		if k.Warn == nil {
			return nil
		}
		return remarks(k.Warn(config))
	}
}

// advise returns the advice of a kind on an option, in the type of package rules.
func advise(k notifiers.Kind) func(config any, option string, value any) []rules.Remark {
	if k.Advise == nil {
		return nil
	}
	return func(config any, option string, value any) []rules.Remark {
		return remarks(k.Advise(config, option, value))
	}
}

// refuse returns the remarks of a kind on a message, in the type of package rules.
func refuse(k notifiers.Kind) func(config any, defaults, own json.RawMessage) []rules.Remark {
	if k.Refuse == nil {
		return nil
	}
	return func(config any, defaults, own json.RawMessage) []rules.Remark {
		return remarks(k.Refuse(config, defaults, own))
	}
}

func remarks(advice []notifiers.Advice) []rules.Remark {
	all := make([]rules.Remark, len(advice))
	for i, a := range advice {
		all[i] = rules.Remark(a)
	}
	return all
}

// makeNotifiers makes the notifiers. Their entries are checked already, so a problem here is rare. If variables may be
// unset, a notifier that lacks one exists but cannot send; the problems hold a warning.
func makeNotifiers(cfg *rulefile.Config, o LoadOptions) (map[string]Notifier, diag.Problems) {
	ks, made, problems := o.Kinds, make(map[string]Notifier, len(cfg.Notifiers)), diag.Problems{}
	for _, spec := range cfg.Notifiers {
		i := slices.IndexFunc(ks, func(k notifiers.Kind) bool { return k.Type == spec.Type })
		if i < 0 {
			problems = append(problems, failed("notifier "+spec.Name, "unknown type "+spec.Type, ""))
			continue
		}
		n, err := ks[i].New(spec.Config, spec.Defaults)
		if err != nil && o.AllowUnset {
			n, err = unusable{err}, nil
		}
		if err != nil {
			problems = append(problems, failed("notifier "+spec.Name, err.Error(), ""))
			continue
		}
		made[spec.Name] = Notifier{Spec: spec, Kind: ks[i], Notifier: n, Account: accountOf(ks[i], spec.Config)}
	}
	return made, problems
}

// unusable is a notifier that lacks a secret.
type unusable struct{ err error }

// Send implements notifiers.Notifier.
func (u unusable) Send(context.Context, *notifiers.Message) (notifiers.Receipt, error) {
	return notifiers.Receipt{}, u.refuse()
}

// Probe implements notifiers.Prober.
func (u unusable) Probe(context.Context, []json.RawMessage) (string, error) { return "", u.refuse() }

func (u unusable) refuse() error {
	return &notifiers.PermanentError{Reason: notifiers.ReasonAuth, Err: fmt.Errorf("not configured: %w", u.err)}
}

func failed(what, message, hint string) diag.Problem {
	return diag.Problem{File: what, Severity: diag.Error, Message: message, Hint: hint}
}
