// Package silence says which messages are not sent for some time. It is pure: it has no clock and stores nothing.
//
//	pending ──▶ active     when it starts
//	active  ──▶ expired    at its end, when it has matched nothing for its quiet time, or by a person
//	pending ──▶ expired    by a person
//
// A silence that is expired never comes back.
package silence

import (
	"cmp"
	"slices"
	"time"

	"qaserelay/rules/condition"
)

// Silence says which messages are not sent, and from when until when. One without
// matchers and a condition is about every message.
type Silence struct {
	ID       string    `json:"id"`
	Matchers []Matcher `json:"matchers"`
	When     string    `json:"when,omitempty"` // a condition as in rules, or empty
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
	Comment  string    `json:"comment,omitempty"`
	Author   string    `json:"author,omitempty"`
	// Quiet ends the silence early when it has matched nothing for so long; zero does not.
	Quiet     time.Duration `json:"quiet,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	Matched   int           `json:"matched,omitempty"` // messages that it has held back
	MatchedAt time.Time     `json:"matched_at,omitzero"`

	condition *condition.Condition
}

// State is where a silence stands.
type State string

// The states of a silence.
const (
	Pending State = "pending"
	Active  State = "active"
	Expired State = "expired"
)

// States lists the states of a silence.
func States() []State { return []State{Active, Pending, Expired} }

// State returns the state at a time.
func (s *Silence) State(now time.Time) State {
	switch {
	case !now.Before(s.End()):
		return Expired
	case now.Before(s.StartsAt):
		return Pending
	}
	return Active
}

// End returns when the silence ends, as far as it is known: earlier than EndsAt if it matches nothing until then.
func (s *Silence) End() time.Time {
	if s.Quiet <= 0 {
		return s.EndsAt
	}
	since := s.StartsAt
	if s.MatchedAt.After(since) {
		since = s.MatchedAt
	}
	if early := since.Add(s.Quiet); early.Before(s.EndsAt) {
		return early
	}
	return s.EndsAt
}

// Expire ends the silence at a time, also one that has not begun.
func (s *Silence) Expire(now time.Time) {
	s.EndsAt = now
	if s.StartsAt.After(now) {
		s.StartsAt = now
	}
}

// Matches reports whether the silence is about a message, whatever the time. env returns the variables of its event for
// the condition of the silence; without it, or where the condition fails, a silence with a condition does not match.
func (s *Silence) Matches(f *Fields, env func() *condition.Env) bool {
	return s.matches(f, env, func(*Matcher) bool { return true })
}

// Concerns reports whether the silence can be about a message of an event: as Matches, but without the matchers of rule,
// notifier and level.
func (s *Silence) Concerns(f *Fields, env func() *condition.Env) bool {
	return s.matches(f, env, func(m *Matcher) bool { return m.Field != "rule" && m.Field != "notifier" && m.Field != "level" })
}

// matches is Matches by the matchers that count.
func (s *Silence) matches(f *Fields, env func() *condition.Env, counts func(*Matcher) bool) bool {
	for i := range s.Matchers {
		if m := &s.Matchers[i]; counts(m) && !m.matches(f) {
			return false
		}
	}
	if s.When == "" {
		return true
	}
	if s.condition == nil || env == nil {
		return false
	}
	matched, err := s.condition.Match(env())
	return err == nil && matched
}

// List is a list of silences. It never changes, and many goroutines may use it. A nil List is empty.
type List struct{ all []*Silence }

// NewList returns a list of silences, which must not change afterwards. It compiles their conditions.
func NewList(all []*Silence) *List {
	for _, s := range all {
		if s.condition == nil && s.When != "" {
			s.condition, _ = condition.Compile(s.When) // one that an older release could read matches nothing
		}
	}
	return &List{all}
}

// All returns the silences in the order in which they were made.
func (l *List) All() []*Silence {
	if l == nil {
		return nil
	}
	return l.all
}

// Get returns the silence with an id, or nil.
func (l *List) Get(id string) *Silence {
	i := slices.IndexFunc(l.All(), func(s *Silence) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return l.all[i]
}

// Find returns the active silence about a message, or nil. Of several it is the one that ends last.
func (l *List) Find(now time.Time, f *Fields, env func() *condition.Env) (found *Silence) {
	for _, s := range l.All() {
		if s.State(now) != Active || found != nil && !s.End().After(found.End()) {
			continue
		}
		if s.Matches(f, env) {
			found = s
		}
	}
	return found
}

// IsActive reports whether any silence is active at a time.
func (l *List) IsActive(now time.Time) bool {
	return slices.ContainsFunc(l.All(), func(s *Silence) bool { return s.State(now) == Active })
}

// Sort sorts silences for people: the active ones first, those that end next before others, and the expired ones last.
func Sort(all []*Silence, now time.Time) {
	slices.SortStableFunc(all, func(a, b *Silence) int {
		x, y := a.State(now), b.State(now)
		if x != y {
			return cmp.Compare(slices.Index(States(), x), slices.Index(States(), y))
		}
		if x == Expired {
			return b.End().Compare(a.End())
		}
		return cmp.Or(a.End().Compare(b.End()), cmp.Compare(a.ID, b.ID))
	})
}
