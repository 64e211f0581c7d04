package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/rules/silence"
)

const (
	// lookBack is the time whose messages a new silence is tried on.
	lookBack = 7 * 24 * time.Hour
	// silenceWord is what a person types to confirm a broad silence.
	silenceWord = "silence"
)

// silenceList is what the page of silences shows.
type silenceList struct {
	Groups []silenceGroup
	Any    bool
	Failed string // why a button did not work, or empty
}

type silenceGroup struct {
	State    silence.State
	Silences []silenceRow
}

type silenceRow struct {
	desk.Silence
	Copy string // the query of a form that makes the same silence anew
}

// Open reports whether the silence can still be extended and ended.
func (s silenceRow) Open() bool { return s.State != silence.Expired }

// Words are the matchers and the condition.
func (s silenceRow) Words() []string {
	words := append([]string(nil), s.Matchers...)
	if s.When != "" {
		words = append(words, s.When)
	}
	if len(words) == 0 {
		words = append(words, "every message")
	}
	return words
}

func (c *Console) silences(*http.Request) (*frame.View, error) {
	all, err := c.o.Desk.Silences("")
	if err != nil {
		return nil, err
	}
	list := silenceList{Any: len(all) > 0}
	for _, state := range silence.States() {
		g := silenceGroup{State: state}
		for _, s := range all {
			if s.State == state {
				g.Silences = append(g.Silences, silenceRow{s, copyQuery(s)})
			}
		}
		if len(g.Silences) > 0 {
			list.Groups = append(list.Groups, g)
		}
	}
	return &frame.View{Template: "silences", Title: "Silences", Data: list, JSON: "api/v1/silences", Live: true}, nil
}

// copyQuery returns the query of the form for a silence with the same matchers.
func copyQuery(s desk.Silence) string {
	v := url.Values{"matcher": s.Matchers, "for": {"2h"}}
	for name, text := range map[string]string{"when": s.When, "comment": s.Comment, "quiet": s.Quiet} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return "?" + v.Encode()
}

// silenceForm is what the form for a new silence shows.
type silenceForm struct {
	Matchers, When, For, StartsAt, EndsAt, Comment, Quiet string

	All       bool
	Fields    []string // that matchers can name
	Error     string
	Preview   *desk.SilencePreview
	Days      int  // that the preview looks back
	Broad     bool // it would have held back more than half, so the word has to be typed
	Word      string
	Confirmed bool // a wrong word was typed
}

// newSilence shows the form, filled from the filter that a person came from.
func (c *Console) newSilence(r *http.Request) (*frame.View, error) {
	q := r.URL.Query()
	f := silenceForm{When: q.Get("when"), For: q.Get("for"), Comment: q.Get("comment"), Quiet: q.Get("quiet"), All: q.Get("all") != ""}
	matchers := q["matcher"]
	for _, field := range silence.FieldNames() {
		for _, v := range q[field] {
			matchers = append(matchers, field+"="+quoted(v))
		}
	}
	if f.Matchers = strings.Join(matchers, "\n"); f.For == "" {
		f.For = "2h"
	}
	return formView(&f, http.StatusOK), nil
}

// quoted returns the value of a matcher, in quotes if it needs them.
func quoted(v string) string {
	if v == "" || strings.ContainsAny(v, "\"=~ \t\n") {
		return strconv.Quote(v)
	}
	return v
}

func formView(f *silenceForm, status int) *frame.View {
	f.Fields, f.Word, f.Days = silence.FieldNames(), silenceWord, int(lookBack.Hours()/24)
	return &frame.View{Template: "silence-new", Title: "New silence", Status: status, Data: f}
}

// addSilence shows what a silence would have held back, or makes it.
func (c *Console) addSilence(r *http.Request) (to string, v *frame.View, err error) {
	f := readSilence(r)
	spec := f.spec(access.From(r.Context()).Name)
	fail := func(err error) (string, *frame.View, error) {
		var input *desk.InputError
		var state *desk.StateError
		if !errors.As(err, &input) && !errors.As(err, &state) {
			return "", nil, err
		}
		f.Error = err.Error()
		return "", formView(f, http.StatusBadRequest), nil
	}
	if f.Comment == "" {
		return fail(&desk.InputError{Message: "comment: say why, so that others know when it may end"})
	}
	found, err := c.o.Desk.PreviewSilence(r.Context(), spec, lookBack)
	if err != nil {
		return fail(err)
	}
	f.Preview = &found
	f.Broad = found.Examined > 0 && (found.Matched*2 > found.Examined || len(spec.Matchers) == 0 && f.When == "")
	word := strings.TrimSpace(r.PostFormValue("word"))
	f.Confirmed = word != "" && word != silenceWord
	if r.PostFormValue("do") == "preview" || f.Broad && word != silenceWord {
		return "", formView(f, http.StatusOK), nil
	}
	if _, err := c.o.Desk.AddSilence(r.Context(), spec); err != nil {
		return fail(err)
	}
	return "silences", nil, nil
}

func readSilence(r *http.Request) *silenceForm {
	text := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return &silenceForm{Matchers: text("matchers"), When: text("when"), For: text("for"), StartsAt: text("starts_at"),
		EndsAt: text("ends_at"), Comment: text("comment"), Quiet: text("quiet"), All: text("all") != ""}
}

// spec returns what the form asks the desk for. An end counts before a duration.
func (f *silenceForm) spec(author string) desk.SilenceSpec {
	s := desk.SilenceSpec{Matchers: []string{}, StartsAt: f.StartsAt, EndsAt: f.EndsAt, Comment: &f.Comment, Author: &author, All: f.All}
	for line := range strings.Lines(f.Matchers) {
		if line = strings.TrimSpace(line); line != "" {
			s.Matchers = append(s.Matchers, line)
		}
	}
	if f.EndsAt == "" {
		s.For = f.For
	}
	if f.When != "" {
		s.When = &f.When
	}
	if f.Quiet != "" {
		s.Quiet = &f.Quiet
	}
	return s
}

// extendSilence moves the end of a silence.
func (c *Console) extendSilence(r *http.Request) (to string, v *frame.View, err error) {
	id, by := mux.Vars(r)["id"], r.PostFormValue("by")
	steps := map[string]time.Duration{"1h": time.Hour, "1d": 24 * time.Hour}
	if steps[by] == 0 {
		return "", nil, &frame.Problem{Status: http.StatusBadRequest, Title: "Not extended", Text: "A silence is extended by 1h or 1d."}
	}
	old, err := c.o.Desk.Silence(id)
	if err == nil && old.State == silence.Expired {
		err = &desk.StateError{Message: "it is expired already"}
	}
	if err == nil {
		_, err = c.o.Desk.UpdateSilence(r.Context(), id,
			desk.SilenceSpec{EndsAt: old.EndsAt.Add(steps[by]).UTC().Format(time.RFC3339)})
	}
	return "silences", nil, silenceProblem(id, err)
}

// expireSilence ends a silence now.
func (c *Console) expireSilence(r *http.Request) (to string, v *frame.View, err error) {
	_, err = c.o.Desk.ExpireSilence(r.Context(), mux.Vars(r)["id"])
	return "silences", nil, silenceProblem(mux.Vars(r)["id"], err)
}

// silenceProblem returns the error of a button for people.
func silenceProblem(id string, err error) error {
	var input *desk.InputError
	var state *desk.StateError
	switch {
	case errors.Is(err, desk.ErrNoSilence):
		return &frame.Problem{Status: http.StatusNotFound, Title: "Not found", Text: "The silence " + id + ": " + err.Error() + "."}
	case errors.As(err, &input):
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Not changed", Text: err.Error()}
	case errors.As(err, &state):
		return &frame.Problem{Status: http.StatusConflict, Title: "Not changed", Text: "The silence " + id + ": " + err.Error() + "."}
	}
	return err
}
