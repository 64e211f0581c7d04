package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/silences"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
)

// Silence is a silence as people see it.
type Silence struct {
	ID        string        `json:"id"`
	State     silence.State `json:"state"`
	Matchers  []string      `json:"matchers"`
	When      string        `json:"when,omitempty"`
	StartsAt  time.Time     `json:"starts_at"`
	EndsAt    time.Time     `json:"ends_at"`
	Comment   string        `json:"comment,omitempty"`
	Author    string        `json:"author,omitempty"`
	Quiet     string        `json:"quiet,omitempty"` // it ends early when it has matched nothing for so long
	CreatedAt time.Time     `json:"created_at"`
	Matched   int           `json:"matched"` // messages that it has held back
	MatchedAt *time.Time    `json:"matched_at,omitempty"`
	Warnings  []string      `json:"warnings,omitempty"` // of a new or changed one
}

// SilenceSpec is the body of a request that makes or changes a silence. In a change, what is not given stays as it is.
type SilenceSpec struct {
	Matchers []string `json:"matchers,omitempty"`
	When     *string  `json:"when,omitempty"`
	StartsAt string   `json:"starts_at,omitempty"`
	EndsAt   string   `json:"ends_at,omitempty"`
	For      string   `json:"for,omitempty"` // how long it lasts from its start, or from now if that is over
	Comment  *string  `json:"comment,omitempty"`
	Author   *string  `json:"author,omitempty"`
	Quiet    *string  `json:"quiet,omitempty"`
	All      bool     `json:"all,omitempty"` // it may match every message
}

// InputError is the error of a request that cannot be carried out as it is.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

// Silences lists the silences in a state, or all: the active ones first, and the expired ones last.
func (d *Desk) Silences(state string) ([]Silence, error) {
	if state != "" && !slices.Contains(silence.States(), silence.State(state)) {
		return nil, &InputError{fmt.Sprintf("state: want one of active, pending, expired, not %q", state)}
	}
	now, all := d.o.Store.Now(), slices.Clone(d.o.Silences.List().All())
	silence.Sort(all, now)
	list := []Silence{}
	for _, s := range all {
		if state == "" || s.State(now) == silence.State(state) {
			list = append(list, d.silenceOf(s))
		}
	}
	return list, nil
}

// Silence returns the silence with an id.
func (d *Desk) Silence(id string) (Silence, error) {
	if s := d.o.Silences.List().Get(id); s != nil {
		return d.silenceOf(s), nil
	}
	return Silence{}, ErrNoSilence
}

// ErrNoSilence says that no silence has an id.
var ErrNoSilence = errors.New("no silence has this id; expired ones are kept for 5 days")

func (d *Desk) silenceOf(s *silence.Silence) Silence {
	v := Silence{ID: s.ID, State: s.State(d.o.Store.Now()), Matchers: []string{}, When: s.When, StartsAt: s.StartsAt,
		EndsAt: s.EndsAt, Comment: s.Comment, Author: s.Author, CreatedAt: s.CreatedAt, Matched: s.Matched}
	for _, m := range s.Matchers {
		v.Matchers = append(v.Matchers, m.String())
	}
	if s.Quiet > 0 {
		v.Quiet = shortDuration(s.Quiet)
	}
	if !s.MatchedAt.IsZero() {
		v.MatchedAt = &s.MatchedAt
	}
	return v
}

// shortDuration returns 1h30m in place of 1h30m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// AddSilence makes a silence.
func (d *Desk) AddSilence(ctx context.Context, spec SilenceSpec) (Silence, error) {
	s, err := d.newSilence(spec, silence.Spec{})
	if err != nil {
		return Silence{}, err
	}
	err = d.do(ctx, deed{VerbAdd, s.ID, silenceText(s)}, func(ctx context.Context) error {
		return silenceError("adding a silence", d.o.Silences.Add(ctx, s))
	})
	if err != nil {
		return Silence{}, err
	}
	return d.withWarnings(s), nil
}

// UpdateSilence changes a silence. One that is expired stays as it is, and the result is a new one.
func (d *Desk) UpdateSilence(ctx context.Context, id string, spec SilenceSpec) (Silence, error) {
	var s *silence.Silence
	err := d.do(ctx, deed{verb: VerbUpdate, object: id}, func(ctx context.Context) (err error) {
		s, err = d.updateSilence(ctx, id, spec)
		return silenceError("changing a silence", err)
	})
	if err != nil {
		return Silence{}, err
	}
	return d.withWarnings(s), nil
}

func (d *Desk) updateSilence(ctx context.Context, id string, spec SilenceSpec) (*silence.Silence, error) {
	return d.o.Silences.Update(ctx, id, func(old *silence.Silence) (*silence.Silence, error) {
		before := silence.Spec{When: old.When, StartsAt: old.StartsAt, EndsAt: old.EndsAt, Comment: old.Comment,
			Author: old.Author, Quiet: old.Quiet, All: true}
		for _, m := range old.Matchers {
			before.Matchers = append(before.Matchers, m.String())
		}
		next, err := d.newSilence(spec, before)
		if err == nil && old.State(d.o.Store.Now()) == silence.Active && spec.StartsAt == "" {
			next.StartsAt = old.StartsAt
		}
		return next, err
	})
}

// silenceText says what a silence holds back, for the audit trail.
func silenceText(s *silence.Silence) string {
	var words []string
	for _, m := range s.Matchers {
		words = append(words, m.String())
	}
	if s.When != "" {
		words = append(words, s.When)
	}
	return strings.Join(words, ", ") + " until " + s.EndsAt.UTC().Format(time.RFC3339)
}

// ExpireSilence ends a silence.
func (d *Desk) ExpireSilence(ctx context.Context, id string) (Silence, error) {
	var s *silence.Silence
	err := d.do(ctx, deed{verb: VerbExpire, object: id}, func(ctx context.Context) (err error) {
		s, err = d.o.Silences.Expire(ctx, id)
		return silenceError("expiring a silence", err)
	})
	if err != nil {
		return Silence{}, err
	}
	return d.silenceOf(s), nil
}

// silenceError returns the error of a change for people.
func silenceError(op string, err error) error {
	var input *InputError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, silences.ErrExpired):
		return &StateError{"it is expired already"}
	case errors.Is(err, silences.ErrTooMany):
		return &StateError{err.Error()}
	case errors.As(err, &input):
		return err
	case errors.Is(err, silences.ErrNotFound):
		return ErrNoSilence
	}
	return failed(op, err)
}

func (d *Desk) withWarnings(s *silence.Silence) Silence {
	v, cfg := d.silenceOf(s), d.o.Config()
	known := silence.Names{Rules: cfg.Rules.Names(), Notifiers: slices.Sorted(maps.Keys(cfg.Notifiers))}
	for _, source := range cfg.Sources {
		known.Sources = append(known.Sources, source.Name)
	}
	v.Warnings = s.Warnings(known)
	return v
}

// newSilence returns the silence of a spec over the values that it had before.
func (d *Desk) newSilence(spec SilenceSpec, before silence.Spec) (*silence.Silence, error) {
	now, next := d.o.Store.Now(), before
	if spec.Matchers != nil {
		next.Matchers = spec.Matchers
	}
	for to, text := range map[*string]*string{&next.When: spec.When, &next.Comment: spec.Comment,
		&next.Author: spec.Author} {
		if text != nil {
			*to = *text
		}
	}
	if spec.Matchers != nil || spec.When != nil {
		next.All = false
	}
	next.All = next.All || spec.All
	err := d.setTimes(&next, spec, now)
	s, wrong := silence.New(next, now, d.o.Config().Settings.SilenceMax)
	if err := errors.Join(err, wrong); err != nil {
		return nil, &InputError{strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return s, nil
}

// setTimes sets the times that a request gives.
func (d *Desk) setTimes(next *silence.Spec, spec SilenceSpec, now time.Time) error {
	var errs []error
	if spec.StartsAt != "" {
		at, err := d.parseMoment("starts_at", spec.StartsAt)
		next.StartsAt, errs = at, append(errs, err)
	}
	switch {
	case spec.EndsAt != "" && spec.For != "":
		errs = append(errs, errors.New("give an end or a duration, not both"))
	case spec.EndsAt != "":
		at, err := d.parseMoment("ends_at", spec.EndsAt)
		next.EndsAt, errs = at, append(errs, err)
	case spec.For != "":
		last, err := value.ParseDuration(spec.For)
		start := now
		if next.StartsAt.After(now) {
			start = next.StartsAt
		}
		if next.EndsAt = start.Add(last); err != nil {
			errs = append(errs, fmt.Errorf("for: %w", err))
		}
	}
	if spec.Quiet != nil {
		quiet, err := value.ParseDuration(*spec.Quiet)
		if next.Quiet = quiet; err != nil && *spec.Quiet != "" {
			errs = append(errs, fmt.Errorf("quiet: %w", err))
		}
	}
	return errors.Join(errs...)
}

// parseMoment reads a time: with a zone, or in the time zone of the settings.
func (d *Desk) parseMoment(name, text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if err != nil {
			at, err = time.ParseInLocation(layout, text, d.o.Config().Settings.Location)
		}
	}
	if err != nil {
		return at, fmt.Errorf("%s: %q is not a valid time: write such as 2026-12-01T08:00:00Z, or 2026-12-01 08:00 in the "+
			"time zone of the settings", name, value.Shorten(text, 40))
	}
	return at, nil
}
