package config

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
)

// Config is what the rules files say, with the notifiers made. It is not changed after Load.
type Config struct {
	*rulefile.Config
	// Outs holds the notifiers by name. Every notifier that a rule names is in it.
	Outs map[string]Out
	read *reading
}

// Out is a way out: what the rules file says of a notifier, and the notifier itself.
type Out struct {
	Spec     rulefile.Notifier
	Kind     notifiers.Kind
	Notifier notifiers.Notifier
	Account  string // a digest; empty where the notifier has an account of its own
}

// LoadOptions say how Load reads. The zero value is right for a relay that is to run.
type LoadOptions struct {
	AllowUnset bool             // unset environment variables are warnings
	Stdin      io.Reader        // the file "-"; nil means an empty one
	Kinds      []notifiers.Kind // nil means builtin.Kinds()
}

// Load reads the rules files that the patterns name and makes their notifiers, without touching the network. It finds
// every problem at once; the config is nil if any of them is an error.
func Load(patterns []string, o LoadOptions) (*Config, diag.Problems) {
	read := newReading()
	return load(patterns, o, read)
}

func load(patterns []string, o LoadOptions, read *reading) (*Config, diag.Problems) {
	if o.Kinds == nil {
		o.Kinds = builtin.Kinds()
	}
	files, problems := read.all(patterns, o.Stdin)
	if problems != nil {
		return nil, problems
	}
	cfg, problems := lint.Parse(files, rulefile.Options{
		Kinds:      Kinds(o.Kinds),
		LookupEnv:  os.LookupEnv,
		ReadFile:   read.file,
		Glob:       read.glob,
		AllowUnset: o.AllowUnset,
	})
	if cfg == nil || problems.Err() != nil {
		return nil, problems
	}
	outs, more := makeOuts(cfg.Config, o)
	problems = append(problems, more...)
	if problems.Err() != nil {
		return nil, problems
	}
	return &Config{Config: cfg.Config, Outs: outs, read: read}, problems
}

// Kinds shows notifiers to the language of the rules.
func Kinds(ks []notifiers.Kind) map[string]rulefile.Kind {
	kinds := make(map[string]rulefile.Kind, len(ks))
	for _, k := range ks {
		kinds[k.Type] = rulefile.Kind{Config: k.Config, Options: k.Options, Missing: k.Missing, Mask: k.MaskOptions,
			Check: func(config any, defaults json.RawMessage) error {
				_, err := k.New(config, defaults)
				return err
			},
			Advise: advise(k),
		}
	}
	return kinds
}

// MaskOptions masks the message options that may hold secrets of a notifier that may be of any kind.
func MaskOptions(options json.RawMessage) json.RawMessage {
	return notifiers.MaskOptions(builtin.Kinds(), options)
}

// advise puts what a kind of notifiers says of an option into the words of the rules.
func advise(k notifiers.Kind) func(config any, option string, value any) []rulefile.Advice {
	if k.Advise == nil {
		return nil
	}
	return func(config any, option string, value any) []rulefile.Advice {
		var all []rulefile.Advice
		for _, a := range k.Advise(config, option, value) {
			all = append(all, rulefile.Advice(a))
		}
		return all
	}
}

// makeOuts makes the notifiers. The rules have checked each of them already, so a problem here is rare.
// Where variables may be unset, a notifier that needs one is there but cannot send; the warning has been given.
func makeOuts(cfg *rulefile.Config, o LoadOptions) (map[string]Out, diag.Problems) {
	ks, outs, problems := o.Kinds, make(map[string]Out, len(cfg.Notifiers)), diag.Problems{}
	for _, spec := range cfg.Notifiers {
		i := slices.IndexFunc(ks, func(k notifiers.Kind) bool { return k.Type == spec.Type })
		if i < 0 {
			problems = append(problems, failed("notifier "+spec.Name, "there is no type "+spec.Type, ""))
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
		outs[spec.Name] = Out{Spec: spec, Kind: ks[i], Notifier: n, Account: AccountOf(ks[i], spec.Config)}
	}
	return outs, problems
}

// unusable stands for a notifier that lacks a secret.
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

// AccountOf is a digest of an account, by which it can be kept: an account may be a secret.
func AccountOf(k notifiers.Kind, config any) string {
	if k.Account == nil {
		return ""
	}
	account := k.Account(config)
	if account == "" { // it is unset
		return ""
	}
	return fmt.Sprintf("%s#%x", k.Type, sha256.Sum256([]byte(account)))[:len(k.Type)+1+32]
}
