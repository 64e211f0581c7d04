package rules

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/silence"
	"qaserelay/rules/target"
	"qaserelay/rules/value"
)

// SilencedMessage is a notifier that gets no message because of a silence.
type SilencedMessage struct {
	Notifier string `json:"notifier"`
	Silence  string `json:"silence"` // its id
}

// ofSilence begins the notes on messages that silences hold back.
const ofSilence = "silenced for "

// IsOfSilence reports whether a note says that a silence holds back messages, which is no failure.
func IsOfSilence(note string) bool { return strings.HasPrefix(note, ofSilence) }

// audible returns the targets of a rule that no silence holds back, and puts the others into its result. The messages
// of a rule without targets cannot be held back.
func (s *Set) audible(r *Rule, v *view, st *State, result *Result) []*Target {
	if len(r.Targets) == 0 || !st.Silences.IsActive(st.Now) {
		return r.Targets
	}
	f := s.silenceFields(v)
	f.Rule, f.Level = r.Name, v.levelOf(r)
	env := func() *condition.Env { return v.all() }
	var heard []*Target
	before := len(result.Notes)
	for _, t := range r.Targets {
		f.Notifier = t.Notifier
		found := st.Silences.Find(st.Now, &f, env)
		if found == nil || s.isClosing(t, v, f.Level) {
			heard = append(heard, t)
			continue
		}
		result.Silenced = append(result.Silenced, SilencedMessage{t.Notifier, found.ID})
		result.Notes = append(result.Notes, ofSilence+t.Notifier+" "+s.silenceText(found))
	}
	if len(heard) == 0 {
		result.Outcome, result.Reason = Silenced, s.reasonOf(result, st.Silences)
		result.Notes = result.Notes[:before] // the reason has the rest
	}
	return heard
}

// reasonOf names the silences that hold back all messages of a rule.
func (s *Set) reasonOf(result *Result, silences *silence.List) string {
	var texts []string
	for _, one := range result.Silenced {
		if text := s.silenceText(silences.Get(one.Silence)); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// silenceText returns "by 06c… (bob: migration) until 2026-11-27 16:00 CET".
func (s *Set) silenceText(one *silence.Silence) string {
	about := strings.Trim(one.Author+": "+one.Comment, ": ")
	if about != "" {
		about = " (" + about + ")"
	}
	until := one.End().In(s.settings.Location).Format("2006-01-02 15:04 MST")
	return fmt.Sprintf("by %s%s until %s", one.ID, about, until)
}

// silenceFields returns what silences see of an event.
func (s *Set) silenceFields(v *view) silence.Fields {
	f := silence.Fields{Project: v.event.Project, Source: v.event.Source, Event: v.event.Name, Entity: v.entityKey}
	if v.entity != nil {
		f.Environment, f.Plan = value.PlainText(v.entity.Fields["environment"]), value.PlainText(v.entity.Fields["plan"])
	}
	return f
}

// isClosing reports whether the message to a target ends something at its receiver, such as an alert.
func (s *Set) isClosing(t *Target, v *view, level string) bool {
	if s.closes == nil {
		return false
	}
	return slices.ContainsFunc(t.Prepare(v.context()).Messages, func(m target.Outgoing) bool {
		return s.closes(t.Notifier, m.Options, level)
	})
}

// SilenceScope is what silences see of an event: the fields that its messages share, and the variables of conditions.
type SilenceScope struct {
	silence.Fields
	Env *condition.Env
}

// SilenceScope returns what silences see of an event.
func (s *Set) SilenceScope(ev *event.Event, st State) SilenceScope {
	v := s.view(ev, st)
	return SilenceScope{s.silenceFields(v), v.all()}
}
