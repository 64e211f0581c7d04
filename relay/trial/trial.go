// Package trial tries an event with the current rules or with a draft of others: what each rule does with it and why, how
// its messages look, and what differs from the current rules. Nothing is sent or stored, and no draft is kept or logged.
//
// A draft is hostile until shown otherwise: it reads no environment variable and no file but where the current rules read
// the same one, and the work on it happens in a process of its own, within limits of time and memory.
package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Options are what a Trial works with. Work and Now may be nil.
type Options struct {
	// Config returns the current configuration.
	Config func() *config.Config
	// Store has the events. It is only read.
	Store Store
	// Work works on drafts; nil does so within this process, where nothing can stop it.
	Work func(ctx context.Context, in Input) (Output, error)
	Now  func() time.Time // nil is time.Now
}

// Store is what of a store is read.
type Store interface {
	store.Reader
	FindEvents(ctx context.Context, f store.SearchFilter) (ids []store.ID, next store.ID, err error)
}

// Trial tries events with rules. Its methods may be called from many goroutines.
type Trial struct {
	o     Options
	mu    sync.Mutex
	busy  map[string]bool // the actors whose drafts are worked on
	freed chan struct{}   // closed when one is done
}

const (
	// maxAtOnce is how many drafts are worked on at a time.
	maxAtOnce = 2
	// maxPatience is how long a draft waits for others.
	maxPatience = time.Second

	// MaxDraft is the size of the largest draft in bytes, and MaxEvent that of the largest event.
	MaxDraft = 256 << 10
	MaxEvent = 1 << 20
	// MaxGiven is the number of events that may come before the one that is tried.
	MaxGiven = 50
)

// New returns a trial.
func New(o Options) *Trial {
	if o.Work == nil {
		o.Work = func(_ context.Context, in Input) (Output, error) { return safeWork(in), nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Trial{o: o, busy: map[string]bool{}, freed: make(chan struct{})}
}

// Request says what to try.
type Request struct {
	Event Event `json:"event"`
	// Given come before the event. If it is not given, a stored event has the earlier events of its entity.
	Given *[]Event   `json:"given,omitempty"`
	At    *time.Time `json:"at,omitempty"`     // when the event arrives; without it as it was stored, or now
	From  string     `json:"source,omitempty"` // the name of the source; without it that of the stored event, or the first
	Draft
}

// Result is what rules do with an event.
type Result struct {
	Draft    bool     `json:"draft"`           // the rules are those of a draft, not the current ones
	Check    *Check   `json:"check,omitempty"` // of a draft
	Event    Tried    `json:"event"`           // that was tried
	Given    []Tried  `json:"given"`           // the events that came before it
	Notes    []string `json:"notes"`           // what cannot be known
	Outcome  string   `json:"outcome"`         // in a sentence
	Decision          // of the draft, or of the current rules
	Changes  []Change `json:"changes,omitempty"` // from the messages of the current rules to those of the draft
}

// Tried is an event that was tried.
type Tried struct {
	ID      string          `json:"id,omitempty"` // of a stored event
	Name    string          `json:"event"`
	Project string          `json:"project"`
	Source  string          `json:"source"`
	At      time.Time       `json:"at"`
	Body    json.RawMessage `json:"body,omitempty"` // not of events that came before
}

// Kinds of a Change.
const (
	Gained  = "gained"  // only the draft sends the message
	Lost    = "lost"    // only the current rules send it
	Changed = "changed" // both send it, with another text or to another place
)

// Change is a difference in the messages.
type Change struct {
	Kind     string   `json:"kind"` // gained, lost or changed
	Rule     string   `json:"rule"`
	Notifier string   `json:"notifier"`
	Title    string   `json:"title"`
	Fields   []string `json:"fields,omitempty"` // of a changed message: level, title, body or options
}

// InputError is the error of a request that cannot be tried as it is.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

func wrong(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// BusyError says that other drafts are worked on.
type BusyError struct{ Mine bool }

func (e *BusyError) Error() string {
	if e.Mine {
		return "another draft of yours is being tried; try again when it is done"
	}
	return fmt.Sprintf("%d other drafts are being tried; try again in a moment", maxAtOnce)
}

// Try tries an event. The error is an [*InputError] for a request that is not valid, a [*BusyError], [ErrTime] or
// [ErrMemory]; any other one is a failure. A draft with errors is no error: its check says what they are.
func (t *Trial) Try(ctx context.Context, r Request) (Result, error) {
	cfg := t.o.Config()
	if err := r.Draft.check(); err != nil {
		return Result{}, err
	}
	s, err := t.prepare(ctx, cfg, &r)
	if err != nil {
		return Result{}, err
	}
	result := Result{Event: s.tried[len(s.tried)-1], Given: s.tried[:len(s.tried)-1], Notes: s.notes, Draft: !r.Draft.IsEmpty()}
	if !result.Draft {
		result.Decision = *decide(cfg.Rules, s.happened, drawerOf(cfg))
	} else {
		out, err := t.work(ctx, cfg, r.Draft, s.happened)
		if err != nil {
			return Result{}, err
		}
		result.Check, result.Decision = &out.Check, Decision{Messages: []Message{}, Nearest: []Near{}}
		if out.Decision != nil {
			result.Decision = *out.Decision
			result.Changes = compare(messages(cfg.Rules, s.happened), result.Messages)
		}
	}
	result.Outcome = result.sentence()
	return result, nil
}

// Check checks a draft. Without one it returns the problems of the current rules.
func (t *Trial) Check(ctx context.Context, d Draft) (Check, error) {
	cfg := t.o.Config()
	if err := d.check(); err != nil {
		return Check{}, err
	}
	if d.IsEmpty() {
		c := checkOf(d, nil, cfg.Source.Warnings)
		c.Name, c.Counts = strings.Join(cfg.Source.Named, ", "), CountsOf(cfg.Config)
		return c, nil
	}
	out, err := t.work(ctx, cfg, d, nil)
	return out.Check, err
}

// check returns an error for a draft that is not to be read.
func (d Draft) check() error {
	switch {
	case d.Rule != "" && d.File != "":
		return wrong("draft either one rule or a whole file, not both")
	case len(d.Rule)+len(d.File) > MaxDraft:
		return wrong("the draft has more than %d KiB", MaxDraft>>10)
	case d.Replaces != "" && d.Rule == "":
		return wrong("replaces: it names the rule that rule replaces, which is not given")
	}
	return nil
}

// work works on a draft, once it is the turn of its author.
func (t *Trial) work(ctx context.Context, cfg *config.Config, d Draft, happened []Happening) (Output, error) {
	actor := access.From(ctx)
	end, err := t.begin(ctx, actor.How+" "+actor.Name)
	if err != nil {
		return Output{}, err
	}
	defer end()
	source := cfg.Source
	return t.o.Work(ctx, Input{Files: source.Files, Named: source.Named, Env: source.Env, Contents: source.Contents,
		Known: source.Warnings, Draft: d, Happened: happened})
}

// begin waits for the turn of an actor. The caller has to call end.
func (t *Trial) begin(ctx context.Context, actor string) (end func(), err error) {
	patience := time.NewTimer(maxPatience)
	defer patience.Stop()
	for {
		t.mu.Lock()
		mine, freed := t.busy[actor], t.freed
		if !mine && len(t.busy) < maxAtOnce {
			t.busy[actor] = true
			t.mu.Unlock()
			return func() { t.end(actor) }, nil
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, &BusyError{Mine: mine}
		case <-freed:
		}
	}
}

func (t *Trial) end(actor string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, actor)
	close(t.freed)
	t.freed = make(chan struct{})
}

// drawerOf returns a drawer with the notifiers of the running relay.
func drawerOf(cfg *config.Config) *drawer {
	d := newDrawer(cfg.Config)
	for name, n := range cfg.Notifiers {
		d.made[name] = n.Notifier
	}
	return d
}

// compare returns the differences between the messages of the current rules and of a draft. Messages of one rule to one
// notifier are compared in their order.
func compare(before, after []Message) []Change {
	changes := []Change{}
	type way struct{ rule, notifier string }
	left := map[way][]Message{}
	for _, m := range before {
		key := way{m.Rule, m.Notifier}
		left[key] = append(left[key], m)
	}
	for _, m := range after {
		key := way{m.Rule, m.Notifier}
		if len(left[key]) == 0 {
			changes = append(changes, Change{Kind: Gained, Rule: m.Rule, Notifier: m.Notifier, Title: m.Title})
			continue
		}
		old := left[key][0]
		left[key] = left[key][1:]
		if fields := differences(&old, &m); len(fields) > 0 {
			changes = append(changes, Change{Kind: Changed, Rule: m.Rule, Notifier: m.Notifier, Title: m.Title, Fields: fields})
		}
	}
	for _, m := range before {
		key := way{m.Rule, m.Notifier}
		if len(left[key]) > 0 {
			gone := left[key][0]
			left[key] = left[key][1:]
			changes = append(changes, Change{Kind: Lost, Rule: gone.Rule, Notifier: gone.Notifier, Title: gone.Title})
		}
	}
	return changes
}

// differences names the parts in which two messages differ.
func differences(a, b *Message) (fields []string) {
	for _, part := range []struct {
		name string
		same bool
	}{
		{"level", a.Level == b.Level}, {"title", a.Title == b.Title}, {"body", a.Body == b.Body},
		{"options", sameJSON(a.Options, b.Options)}, {"fallback", slices.Equal(a.Fallback, b.Fallback)},
	} {
		if !part.same {
			fields = append(fields, part.name)
		}
	}
	return fields
}

// sameJSON reports whether two values are equal, however they are written.
func sameJSON(a, b json.RawMessage) bool {
	var first, second any
	if json.Unmarshal(a, &first) != nil || json.Unmarshal(b, &second) != nil {
		return string(a) == string(b)
	}
	return reflect.DeepEqual(first, second)
}

// sentence says what comes of the event.
func (r *Result) sentence() string {
	if r.Check != nil && !r.Check.OK {
		return "the draft has errors, so it decides nothing"
	}
	sent, refused := 0, 0
	for _, m := range r.Messages {
		if m.Refused {
			refused++
			continue
		}
		sent++
	}
	switch {
	case sent+refused == 0:
		return "nothing would be sent"
	case refused == 0:
		return counted(sent) + " would be sent"
	case sent == 0:
		return counted(refused) + " would be refused by the notifier"
	}
	return fmt.Sprintf("%s would be sent, and %s refused by the notifier", counted(sent), counted(refused))
}

func counted(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// chosen is the source that an event comes from.
func chosen(cfg *config.Config, name string) (rules.Source, error) {
	var names []string
	for _, s := range cfg.Sources {
		if s.Name == name || name == "" {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return rules.Source{}, wrong("there is no source %q; available: %s", name, strings.Join(names, ", "))
}

// errMade says that an event was not received.
var errMade = errors.New("the relay has made it")

// received reads a stored event, unless the relay has made it.
func received(e *store.StoredEvent) (*event.Event, error) {
	if e.Kind != "" {
		return nil, errMade
	}
	return event.ParseStored(e.Source, e.Body, e.Facts, e.ReceivedAt)
}

// nameOf returns the name of a source, or that of the stored event.
func nameOf(given, stored string) string { return cmp.Or(given, stored) }
