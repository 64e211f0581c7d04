package rules

import (
	"encoding/json"
	"slices"
	"time"

	"qaserelay/rules/budget"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
	"qaserelay/rules/message"
	"qaserelay/rules/template"
)

// Remark is what a notifier says about a message before it is sent.
type Remark = message.Remark

// Remarks returns what the notifier of n says about it.
func (s *Set) Remarks(n Notification) []Remark {
	if s.refuse == nil {
		return nil
	}
	return s.refuse(n.Notifier, n.Options)
}

// Trial is an event that rules are tried with, whatever their conditions say. It is for one goroutine.
type Trial struct {
	set  *Set
	view *view
}

// Known holds the fields of an entity from earlier events, or is nil.
type Known struct {
	Fields    map[string]any
	CreatedBy map[string]any
	Reviewers []any          // user objects
	Member    map[string]any // the user object of the person who caused the event
	Run       *failures.Run  // which tests failed, or nil
}

// Try returns the trial of an event.
func (s *Set) Try(ev *event.Event, now time.Time, known *Known) *Trial {
	st := State{Now: now}
	if known != nil {
		st.Facts = &failures.Facts{Member: known.Member, Run: known.Run}
		kept := (&memory.Entity{Fields: known.Fields, CreatedBy: known.CreatedBy, Reviewers: known.Reviewers,
			StartedAt: now.Add(-time.Hour).Unix(), Seen: now.Unix()}).Encode()
		keys := s.Keys(ev)
		st.Get = func(key string) ([]byte, error) {
			if slices.Contains(keys, key) {
				return kept, nil
			}
			return nil, nil
		}
	}
	return &Trial{s, s.view(ev, st)}
}

// Context returns the input of the templates for the event, with a full budget.
func (t *Trial) Context() template.Context {
	context := t.view.context()
	context.Budget = budget.New()
	return context
}

// Digest returns the input of the templates of a digest with two members, which are both about the event.
func (t *Trial) Digest() template.Context {
	v := *t.view
	v.templates = template.Context{}
	one := member{Title: v.title, Level: message.Info, URL: v.page()}
	one.Actor, one.Entity, one.Previous = v.actorMap(), v.entityMap(), v.previous
	if one.Title == "" {
		one.Title = v.event.Name
	}
	v.listMembers(t.set, []listed{{one, v.event}, {one, v.event}}, 2)
	context := v.context()
	context.Budget = budget.New()
	m := message.Message{Level: message.Info}
	m.SetVariables(context.Vars)
	return context
}

// Matches reports whether the condition of a rule is true for the event.
func (t *Trial) Matches(r *Rule) bool {
	matched, err := r.Condition.Match(t.view.all())
	return err == nil && matched
}

// Notifications returns the messages that a rule would make for the event, if it matched. targets are those of the rule
// that count.
func (t *Trial) Notifications(r *Rule, targets ...*Target) []Notification {
	t.view.templates = t.Context()
	return t.set.notify(r, targets, t.view, &Result{})
}

// Reaches reports whether a message to a target has a recipient.
func (t *Trial) Reaches(target *Target) bool {
	return len(target.Prepare(t.Context()).Messages) > 0
}

// refuser returns remarks on the rendered options of a message to a notifier.
type refuser = func(notifier string, options json.RawMessage) []Remark
