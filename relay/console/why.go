package console

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/console/frame"
)

// whyPage is what became of what was asked about.
type whyPage struct {
	Question, Until string
	Wrong           string      // a question that cannot be answered
	Answer          *why.Answer // nil before the question
	Steps           []whyStep
}

// SilenceQuery fills the form for a silence about what the answer is about.
func (p *whyPage) SilenceQuery() template.URL {
	e := p.Answer.Event
	return silenceQuery(e.Entity, e.Project, e.Event)
}

// whyStep is a step of the answer.
type whyStep struct {
	why.Step
	Open bool // its details are shown: those of the first step that is not as it should be
}

// Icon is that of the state.
func (s whyStep) Icon() string {
	switch s.State {
	case why.Passed:
		return "ok"
	case why.Broken:
		return "bad"
	case why.Pending:
		return "wait"
	case why.Stopped:
		return "warn"
	}
	return "off"
}

// Title names the step.
func (s whyStep) Title() string {
	return map[string]string{"arrived": "Arrived?", "duplicate": "Duplicate?", "known": "Known kind?", "matched": "Met a rule?",
		"held_back": "Held back?", "waits": "Waits?", "failed": "Failed?", "delivered": "Delivered?"}[s.Name]
}

func (c *Console) why(r *http.Request) (*frame.View, error) {
	q := r.URL.Query()
	p := &whyPage{Question: strings.TrimSpace(q.Get("q")), Until: strings.TrimSpace(q.Get("until"))}
	v := &frame.View{Template: "why", Title: "Why", Data: p}
	if p.Question == "" {
		return v, nil
	}
	v.JSON = "api/v1/why?" + url.Values{"q": {p.Question}, "until": {p.Until}}.Encode()
	until, err := desk.ParseTime("before", p.Until)
	if err != nil {
		p.Wrong = err.Error()
		return v, nil
	}
	answer, err := c.o.Why.Ask(r.Context(), p.Question, until)
	if errors.As(err, new(*why.QuestionError)) {
		p.Wrong = err.Error()
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	p.Answer = &answer
	opened := false
	for _, s := range answer.Steps {
		isReason := s.State != why.Passed && s.State != why.Skipped && !opened
		opened = opened || isReason
		p.Steps = append(p.Steps, whyStep{s, isReason || s.Name == "delivered" && s.State == why.Passed && !opened})
	}
	return v, nil
}
