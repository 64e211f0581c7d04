// Package desk is the operator's view of a relay and the actions on it: events and deliveries, replay, retry and
// cancel, notifiers and rules. The admin API and the console use it. Nothing that it shows holds a secret.
package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"

	"qaserelay/relay"
	"qaserelay/relay/admin/desk/rulebook"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/config"
	"qaserelay/relay/ingest/refused"
	"qaserelay/relay/presence"
	"qaserelay/relay/silences"
	"qaserelay/relay/store"
	"qaserelay/rules/diag"
)

// MaxPage is the length of the longest page of a list.
const MaxPage = 500

// maxSiblings bounds the deliveries of one event that are read.
const maxSiblings = 1000

// Options are the parts of a relay that a desk works with. All but Logger, FilledFrom, Relays, Refused and Problems are
// needed.
type Options struct {
	Store store.Store
	// Status describes the running relay.
	Status func() Status
	// Retry makes dead or pending deliveries due now and returns their number.
	Retry func(ctx context.Context, ids []store.ID) (int, error)
	// Cancel ends a dead or pending delivery, and reports whether it was one.
	Cancel func(ctx context.Context, id store.ID, why string) (bool, error)
	// Rerender renders a dead or pending delivery again by the current rules, and makes it due now. It reports whether
	// the delivery was dead or pending. An error that is a relay.RerenderError says why the rules make no such message.
	Rerender func(ctx context.Context, id store.ID) (bool, error)
	// Replay decides stored events again, and sends the messages unless it is dry.
	Replay func(ctx context.Context, ids []store.ID, o relay.ReplayOptions) []relay.Replay
	// Resume lets one message of a paused notifier try its receiver. For an unknown notifier it returns
	// dispatch.ErrNoNotifier.
	Resume func(ctx context.Context, notifier string) error
	// Pause keeps the messages of a notifier until a person resumes it. It returns dispatch.ErrNoNotifier as Resume does.
	Pause func(ctx context.Context, notifier, who string) error
	// TestMessage sends a test message through a notifier. It returns dispatch.ErrNoNotifier as Resume does.
	TestMessage func(ctx context.Context, notifier string) (relay.Tested, error)
	// FireNow sends or drops what a slot keeps. It returns store.ErrNotFound if the slot is gone.
	FireNow func(ctx context.Context, ask relay.Ask) (relay.Answer, error)
	// Drift lists the events and fields that arrived and are not in the catalog.
	Drift func() []relay.Drift
	// FilledFrom returns the time from which on all stored events are outlined and counted; zero is all of them.
	FilledFrom func() time.Time
	// Relays lists the relays that use the store; nil is this one alone.
	Relays func(ctx context.Context) ([]presence.Relay, error)
	// Refused lists the webhook calls that were refused; nil is none.
	Refused func(ctx context.Context) ([]refused.Group, error)
	// Problems lists the errors of the last load of the rules, if it failed; nil is none.
	Problems func() diag.Problems
	// Silences are the silences of the relay.
	Silences *silences.Register
	// Jobs retries and cancels many deliveries in the background.
	Jobs *jobs.Register
	// Config returns the current configuration.
	Config func() *config.Config
	// Logger gets the errors of replays; nil logs nothing.
	Logger *slog.Logger
}

// Desk answers queries and carries out actions. Its methods may be called from many goroutines.
type Desk struct {
	o     Options
	book  *rulebook.Book
	slots *lru.Cache[string, string] // keys of slots that wait, by the ids under which they were listed
}

// maxKeptIDs is how many ids of what waits are kept, so that they are found again at once.
const maxKeptIDs = 20_000

// New returns a desk.
func New(o Options) *Desk {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(context.Context) ([]refused.Group, error) { return nil, nil }
	}
	if o.Relays == nil {
		o.Relays = func(context.Context) ([]presence.Relay, error) { return nil, nil }
	}
	if o.FilledFrom == nil {
		o.FilledFrom = func() time.Time { return time.Time{} }
	}
	slots, err := lru.New[string, string](maxKeptIDs)
	if err != nil {
		panic(err) // the size is positive
	}
	return &Desk{o, rulebook.New(o.Config), slots}
}

// OpError is the error of an operation on the store.
type OpError struct {
	Op  string // such as "reading an event"
	Err error
}

func (e *OpError) Error() string { return e.Op + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// failed returns an OpError, or nil for a nil error.
func failed(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrTooManyWords):
		return &InputError{"q: " + store.ErrTooManyWords.Error()}
	}
	return &OpError{op, err}
}

// StateError is the error of an action that the state of a delivery does not allow.
type StateError struct{ Message string }

func (e *StateError) Error() string { return e.Message }

// Status describes a running relay.
type Status struct {
	Version   string            `json:"version"`
	DryRun    bool              `json:"dry_run"`
	Timezone  string            `json:"timezone"`     // settings.timezone, or UTC
	HasZone   bool              `json:"timezone_set"` // settings.timezone is set
	LoadedAt  time.Time         `json:"rules_loaded_at"`
	LoadError string            `json:"rules_error,omitempty"`     // the errors of the last reload, if it failed
	States    map[string]string `json:"notifier_states,omitempty"` // closed, open, half-open or paused
	Notifiers []Notifier        `json:"-"`
}

// Rule is one of the current rules.
type Rule = rulebook.Rule

// Notifier is a notifier with its backlog.
type Notifier struct {
	Name       string     `json:"name"`
	Type       string     `json:"type,omitempty"` // empty if it is not configured
	Configured bool       `json:"configured"`
	Pending    int        `json:"pending"`
	Dead       int        `json:"dead"`
	Oldest     *time.Time `json:"oldest_pending_at,omitempty"`
	State      string     `json:"state,omitempty"`       // closed: messages are sent; in all others they wait
	Since      *time.Time `json:"state_since,omitempty"` // of the state
	Why        string     `json:"why,omitempty"`         // messages wait
	NextTry    *time.Time `json:"next_try_at,omitempty"` // when the next message may be sent, if not now
	Rate       string     `json:"rate,omitempty"`        // the limit, such as 60/m; empty for none
	RateEach   bool       `json:"rate_each,omitempty"`   // the limit is for each channel, chat or the like
	// Failing says why its last attempts failed, if all of them did although messages are sent: permanently.
	Failing *Failing `json:"failing,omitempty"`
	// Relays are its states on each relay of the store, if there are several. State and what follows are those here.
	Relays []RelayState `json:"relays,omitempty"`
}

// Status describes the running relay.
func (d *Desk) Status() Status { return d.o.Status() }

// ErrNoRule says that no current rule has a name.
var ErrNoRule = errors.New("no current rule has this name")

// Rules lists the current rules in their order, without their lines of the file.
func (d *Desk) Rules() []Rule { return d.book.Rules() }

// Rule returns one of the current rules with its lines of the file. For an unknown name it returns ErrNoRule.
func (d *Desk) Rule(name string) (Rule, error) {
	r, found := d.book.Rule(name)
	if !found {
		return Rule{}, ErrNoRule
	}
	return r, nil
}

// Drift lists the events and fields that arrived and are not in the catalog.
func (d *Desk) Drift() []relay.Drift { return d.o.Drift() }

// Notifiers lists the configured notifiers, followed by those that are no longer configured but still have deliveries.
func (d *Desk) Notifiers(ctx context.Context) ([]Notifier, error) {
	list, err := d.notifiers(ctx)
	if err != nil {
		return nil, err
	}
	return list, d.addFailing(ctx, list)
}

// notifiers is Notifiers without why they fail.
func (d *Desk) notifiers(ctx context.Context) ([]Notifier, error) {
	backlog, err := d.o.Store.Backlog(ctx)
	if err != nil {
		return nil, failed("counting the backlog", err)
	}
	list := slices.Clone(orEmpty(d.o.Status().Notifiers))
	for _, b := range backlog {
		i := slices.IndexFunc(list, func(n Notifier) bool { return n.Name == b.Notifier })
		if i < 0 {
			i, list = len(list), append(list, Notifier{Name: b.Notifier})
		}
		list[i].Pending, list[i].Dead = b.Pending, b.Dead
		if !b.Oldest.IsZero() {
			list[i].Oldest = &b.Oldest
		}
	}
	return list, d.addRelays(ctx, list)
}

// Dead returns how many deliveries of each notifier are dead.
func (d *Desk) Dead(ctx context.Context) (map[string]int, error) {
	backlog, err := d.o.Store.Backlog(ctx)
	if err != nil {
		return nil, failed("counting the backlog", err)
	}
	dead := map[string]int{}
	for _, b := range backlog {
		dead[b.Notifier] = b.Dead
	}
	return dead, nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// idText returns the text of an id, or nothing for zero.
func idText(id store.ID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

// rawJSON returns JSON as it is, with bytes that are not UTF-8 replaced, or nil if b is not JSON.
func rawJSON(b []byte) json.RawMessage {
	switch {
	case !json.Valid(b):
		return nil
	case !utf8.Valid(b):
		return json.RawMessage(string([]rune(string(b))))
	}
	return b
}

// encode returns v as JSON in which < and > stand as they are. Values that cannot be encoded become null.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return b.Bytes()
}
