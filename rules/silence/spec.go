package silence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/value"
)

const (
	// Longest is how long a silence may last, unless the settings say otherwise.
	Longest = 30 * 24 * time.Hour
	// Kept is how long an expired silence is kept.
	Kept = 5 * 24 * time.Hour
	// Most is the most silences that are not expired.
	Most = 1000

	maxComment = 1000
	maxAuthor  = 200
)

// Spec is a silence as a person writes it.
type Spec struct {
	Matchers         []string
	When             string
	StartsAt, EndsAt time.Time // a zero start is now
	Comment, Author  string
	Quiet            time.Duration
	All              bool // it may match every message
}

// New returns the silence of a spec, without an id, or all that is wrong with the spec. now is the time at which it is
// made, and longest how long it may last; zero is [Longest].
func New(spec Spec, now time.Time, longest time.Duration) (*Silence, error) {
	s := &Silence{When: strings.TrimSpace(spec.When), StartsAt: spec.StartsAt, EndsAt: spec.EndsAt, CreatedAt: now,
		Comment: oneLine(spec.Comment), Author: oneLine(spec.Author), Quiet: spec.Quiet}
	if s.StartsAt.Before(now) {
		s.StartsAt = now
	}
	errs := []error{s.parse(spec), s.checkTimes(spec, now, longest)}
	if len(s.Comment) > maxComment || len(s.Author) > maxAuthor {
		errs = append(errs, fmt.Errorf("the comment may have %d bytes, and the author %d", maxComment, maxAuthor))
	}
	return s, errors.Join(errs...)
}

// oneLine returns a text with its white space as single blanks.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
}

// parse reads the matchers and the condition.
func (s *Silence) parse(spec Spec) error {
	var errs []error
	for _, text := range spec.Matchers {
		m, err := ParseMatcher(text)
		s.Matchers = append(s.Matchers, m)
		errs = append(errs, err)
	}
	if s.When != "" {
		c, faults := condition.Compile(s.When)
		for _, f := range faults {
			errs = append(errs, whenError(f.Message, f.Hint))
		}
		s.condition = c
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.checkMatchers(spec.All)
}

func whenError(message, hint string) error {
	if hint != "" {
		return fmt.Errorf("when: %s (%s)", message, hint)
	}
	return fmt.Errorf("when: %s", message)
}

func (s *Silence) checkMatchers(all bool) error {
	if len(s.Matchers) > maxMatchers {
		return fmt.Errorf("a silence has %d matchers, more than %d", len(s.Matchers), maxMatchers)
	}
	first := map[string]bool{}
	for _, m := range s.Matchers {
		if m.Op == "=" && first[m.Field] {
			return fmt.Errorf(`%s is compared twice with =, and a message has one: write %s=~"A|B"`, m.Field, m.Field)
		}
		first[m.Field] = first[m.Field] || m.Op == "="
	}
	specific := func(m Matcher) bool { return !m.accepts("") }
	switch {
	case all || s.When != "" || slices.ContainsFunc(s.Matchers, specific):
		return nil
	case len(s.Matchers) == 0:
		return errors.New("a silence needs a matcher, such as rule=failed-run or project=API, or a condition (when); " +
			"all silences every message")
	}
	return errors.New("the matchers also match messages without these fields: add one that names something, such as " +
		"rule=failed-run; all silences every message")
}

func (s *Silence) checkTimes(spec Spec, now time.Time, longest time.Duration) error {
	if longest <= 0 {
		longest = Longest
	}
	switch {
	case spec.EndsAt.IsZero():
		return errors.New("a silence needs an end: how long it lasts, such as 2h, or a time")
	case !s.EndsAt.After(now):
		return fmt.Errorf("the end %s is in the past", s.EndsAt.Format(time.RFC3339))
	case !s.EndsAt.After(s.StartsAt):
		return fmt.Errorf("the end %s is not after the start %s", s.EndsAt.Format(time.RFC3339),
			s.StartsAt.Format(time.RFC3339))
	case s.EndsAt.Sub(s.StartsAt) > longest:
		return fmt.Errorf("a silence lasts %s at most: end it earlier, or raise settings.silences.max",
			value.HumanDuration(longest))
	case s.Quiet < 0 || s.Quiet > 0 && s.Quiet < time.Second:
		return errors.New("the quiet time is at least 1s")
	}
	return nil
}

// Names are the names that the current rules know.
type Names struct{ Rules, Notifiers, Sources []string }

// Warnings returns remarks on values that no message has: names that the rules do not know, and other levels.
func (s *Silence) Warnings(known Names) (texts []string) {
	lists := map[string][]string{"rule": known.Rules, "notifier": known.Notifiers, "source": known.Sources,
		"level": {"info", "success", "warning", "error"}}
	for i := range s.Matchers {
		m := &s.Matchers[i]
		list, isName := lists[m.Field]
		if !isName || m.Value == "" || m.Op[0] == '!' || slices.ContainsFunc(list, m.accepts) {
			continue
		}
		text := fmt.Sprintf("no %s %q", m.Field, m.Value)
		if m.Op == "=~" {
			text = fmt.Sprintf("no %s matches %q", m.Field, m.Value)
		}
		if hint := catalog.DidYouMean(m.Value, list); hint != "" {
			text += ": " + hint
		}
		texts = append(texts, text)
	}
	return texts
}
