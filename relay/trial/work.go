package trial

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/redact"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/yamldoc"
)

// Input is all that a draft is tried with: the work on it reads nothing else.
type Input struct {
	Files    []yamldoc.File
	Named    []string // the files that no other one includes
	Env      map[string]string
	Contents map[string][]byte // of the files that the current rules read
	Known    diag.Problems     // the warnings of the current rules
	Draft    Draft
	// Happened are the events that come before the last one, which is tried. Without any the draft is only checked.
	Happened []Happening
	Tests    bool // run the tests of the files
}

// Happening is an event and the time when it arrives.
type Happening struct {
	Source string
	Body   []byte
	Facts  []byte // what the Qase API said of it, or nil
	At     time.Time
}

// parse reads the event.
func (h *Happening) parse() (*event.Event, error) {
	return event.ParseStored(h.Source, h.Body, h.Facts, h.At)
}

// Output is the result of the work on a draft. It holds no secret.
type Output struct {
	Check    Check
	Decision *Decision `json:",omitempty"` // nil if the draft has errors or without an event
}

// Check is the result of checking rules, in the form of qase-relay check --format json.
type Check struct {
	Name     string        `json:"name"` // of the file, or draft
	OK       bool          `json:"ok"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Counts   *Counts       `json:"counts"` // null if the rules cannot be used
	Problems diag.Problems `json:"problems"`
}

// Counts holds the numbers of the parts of rules files.
type Counts struct {
	Rules     int `json:"rules"`
	Notifiers int `json:"notifiers"`
	Sources   int `json:"sources"`
}

// Decision is what rules do with an event.
type Decision struct {
	Explanation json.RawMessage `json:"explanation,omitempty"` // a rules.Explanation
	Messages    []Message       `json:"messages"`
	Nearest     []Near          `json:"nearest"`
}

// Near is a rule that did not match, and how near it was.
type Near struct {
	Rule string `json:"rule"`
	// Share is the share of the parts of its condition that are true, from 0 to 1.
	Share float64 `json:"share"`
	// Part is the first part that is not true, and Value its value in JSON.
	Part  string          `json:"part,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Work checks a draft, and decides with it about an event.
func Work(in Input) Output {
	c := compose(in.Files, in.Draft)
	if c.problem != nil {
		return Output{Check: checkOf(in.Draft, nil, diag.Problems{*c.problem})}
	}
	file, problems, restored := in.parse(c)
	out := Output{Check: checkOf(in.Draft, file, problems)}
	if file != nil && len(in.Happened) > 0 {
		out.Decision = in.decide(file)
	}
	return hidden(out, restored)
}

// hidden returns an output without the secrets that were put back into the draft.
func hidden(out Output, secrets []string) Output {
	const shortest = 8 // letters: a shorter one may be a word
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return len(s) < shortest })
	if len(secrets) == 0 {
		return out
	}
	text, err := json.Marshal(out)
	var safe Output
	if err != nil || json.Unmarshal([]byte(redact.New(secrets...).Hide(string(text))), &safe) != nil {
		return Output{Check: checkOf(Draft{}, nil, diag.Problems{{File: draftName, Severity: diag.Error,
			Message: "the result cannot be shown without a secret", Hint: "leave the secrets of the current rules out"}})}
	}
	return safe
}

// parse reads the files with the draft, and returns the problems of the draft, and the secrets that were put back.
func (in *Input) parse(c composed) (file *rulefile.File, problems diag.Problems, restored []string) {
	back := c.current.Restorer(c.renamed)
	var top []yamldoc.File
	for _, f := range c.files {
		if slices.Contains(in.Named, f.Name) {
			top = append(top, f)
		}
	}
	file, all := lint.Parse(top, rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), AllowUnset: true,
		LookupEnv: func(name string) (string, bool) { text, set := in.Env[name]; return text, set },
		ReadFile:  in.reader(c.files), Glob: globber(c.files), Prepare: back.Prepare})
	for _, p := range all {
		placed, inDraft := c.place(p)
		if inDraft || p.Severity == diag.Error || !isKnown(in.Known, p) {
			problems = append(problems, placed)
		}
	}
	return file, problems, back.Restored()
}

// isKnown reports whether the current rules have a problem too.
func isKnown(known diag.Problems, p diag.Problem) bool {
	return slices.ContainsFunc(known, func(other diag.Problem) bool {
		return other.File == p.File && other.Message == p.Message
	})
}

// reader reads the files of the current rules, and what they read.
func (in *Input) reader(files []yamldoc.File) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for _, f := range files {
			if filepath.Clean(f.Name) == filepath.Clean(name) {
				return f.Data, nil
			}
		}
		if data, known := in.Contents[name]; known {
			return data, nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

// globber returns the names among some files that match a pattern.
func globber(files []yamldoc.File) func(pattern string) ([]string, error) {
	return func(pattern string) (names []string, err error) {
		for _, f := range files {
			match, err := filepath.Match(filepath.Clean(pattern), filepath.Clean(f.Name))
			if err != nil {
				return nil, err
			}
			if match {
				names = append(names, f.Name)
			}
		}
		return names, nil
	}
}

func checkOf(d Draft, file *rulefile.File, problems diag.Problems) Check {
	c := Check{Name: draftName, Problems: problems}
	if d.File != "" && d.FileName != "" {
		c.Name = d.FileName
	}
	if problems == nil {
		c.Problems = diag.Problems{}
	}
	c.Errors, c.Warnings = problems.Count()
	if c.OK = c.Errors == 0; file != nil {
		c.Counts = CountsOf(file.Config)
	}
	return c
}

// CountsOf counts the parts of rules files.
func CountsOf(cfg *rulefile.Config) *Counts {
	rules := slices.DeleteFunc(cfg.Rules.Rules(), func(r rules.RuleInfo) bool { return r.Implicit })
	return &Counts{Rules: len(rules), Notifiers: len(cfg.Notifiers), Sources: len(cfg.Sources)}
}

// decide decides about the last event by the rules of a file, after the others have happened.
func (in *Input) decide(file *rulefile.File) *Decision {
	return decide(file.Rules, in.Happened, newDrawer(file.Config))
}

// happen lets all events but the last one happen by a set of rules, and returns that one, with what is known then. It
// returns nil for one that cannot be read, although it was before.
func happen(set *rules.Set, happened []Happening) (*event.Event, rules.State) {
	var memory ruletest.Memory
	last := happened[len(happened)-1]
	for _, h := range happened[:len(happened)-1] {
		if ev, err := h.parse(); err == nil {
			memory.Decide(set, ev, h.At)
		}
	}
	memory.Pass(set, last.At)
	ev, err := last.parse()
	if err != nil {
		return nil, rules.State{}
	}
	return ev, memory.State(last.At)
}

// messages returns the messages that a set of rules makes of the last event, without their pictures.
func messages(set *rules.Set, happened []Happening) (all []Message) {
	ev, state := happen(set, happened)
	if ev == nil {
		return nil
	}
	for _, n := range set.Decide(ev, state).Notifications {
		all = append(all, messageOf(set.Masked(n)))
	}
	return all
}

// decide lets events happen by a set of rules, and explains the last one.
func decide(set *rules.Set, happened []Happening, d *drawer) *Decision {
	ev, state := happen(set, happened)
	if ev == nil {
		return &Decision{Messages: []Message{}, Nearest: []Near{}}
	}
	at := happened[len(happened)-1].At
	var err error
	x := set.Explain(ev, state)
	out := &Decision{Messages: []Message{}, Nearest: []Near{}}
	for _, r := range x.Rules {
		for i, n := range r.Notifications {
			m := messageOf(n)
			m.Picture, m.Note = d.draw(r.Unmasked[i], ev, at)
			out.Messages = append(out.Messages, m)
		}
	}
	for _, r := range x.Nearest() {
		near := Near{Rule: r.Rule, Share: r.Condition.Nearness()}
		if part := r.Condition.FirstFalse(); part != nil {
			near.Part, near.Value = part.Text, part.Value
		}
		out.Nearest = append(out.Nearest, near)
	}
	if out.Explanation, err = encode(x); err != nil {
		out.Explanation, _ = encode(errors.New("the explanation cannot be encoded").Error())
	}
	return out
}
