package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
)

// rulesPage is what the list of rules shows.
type rulesPage struct {
	Rules   []desk.Rule
	Error   string // of the last load that failed
	Counted bool   // a rule has matched
}

func (c *Console) rules(r *http.Request) (*frame.View, error) {
	list, err := c.o.Desk.RulesInUse(r.Context())
	if err != nil {
		return nil, err
	}
	p := &rulesPage{Rules: list, Error: c.o.Desk.Status().LoadError}
	for _, rule := range list {
		p.Counted = p.Counted || rule.Use != nil
	}
	return &frame.View{Template: "rules", Title: "Rules", Data: p, JSON: "api/v1/rules"}, nil
}

// rulePage is what the page of one rule shows.
type rulePage struct {
	desk.Rule
	Lines []sourceLine
}

// sourceLine is a line of a rules file.
type sourceLine struct {
	Number int
	Text   string
}

func (c *Console) rule(r *http.Request) (*frame.View, error) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		return nil, noRule(mux.Vars(r)["name"])
	}
	rule, err := c.o.Desk.RuleInUse(r.Context(), name)
	if errors.Is(err, desk.ErrNoRule) {
		return nil, noRule(name)
	}
	if err != nil {
		return nil, err
	}
	p := &rulePage{Rule: rule}
	for i, text := range rule.Source {
		p.Lines = append(p.Lines, sourceLine{rule.Line + i, text})
	}
	return &frame.View{Template: "rule", Title: name, Data: p, JSON: "api/v1/rules/" + url.PathEscape(name)}, nil
}

func noRule(name string) error {
	return &frame.Problem{Status: http.StatusNotFound, Title: "No such rule",
		Text: "The current rules have no rule " + strings.TrimSpace(name) + ". It may have been renamed or removed."}
}
