// Package pagerduty sends messages to PagerDuty, as alerts by the Events API v2.
package pagerduty

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
)

// PagerDuty's limits (https://developer.pagerduty.com/docs/send-alert-event): a summary has 1024 characters, a key 255, and
// an event 512 KB.
const (
	pagerSummary = 1024
	pagerKey     = 255
	pagerSource  = 255
	pagerBody    = 30_000
	pagerURL     = 2000
)

// Config is what can be written for a notifier of type pagerduty.
type Config struct {
	// Integration key of a service's integration “Events API v2”.
	RoutingKey notifiers.Secret `yaml:"routing_key" secret:"true"`
	// Base URL of the Events API. Default: https://events.pagerduty.com/; in Europe https://events.eu.pagerduty.com/.
	APIURL string `yaml:"api_url"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Options are the message options of type pagerduty.
type Options struct {
	// What becomes of the alert: trigger, acknowledge or resolve. Default: a success resolves, all else triggers.
	Action string `yaml:"action" json:"action,omitempty" as:"text"`
	// Which alert it is: messages with the same key are about one. Default: for runs that end the plan and environment, so that the next
	// green one resolves it; else, and without a plan, the thing that the event is about.
	DedupKey string `yaml:"dedup_key" json:"dedup_key,omitempty" as:"text"`
	// How bad it is: critical, error, warning or info. Default: by level.
	Severity string `yaml:"severity" json:"severity,omitempty" as:"text"`
	// What is affected. Default: Qase and the project.
	Source string `yaml:"source" json:"source,omitempty" as:"text"`
}

//go:embed kind.yaml
var example string

// Kind returns the kind.
func Kind() notifiers.Kind {
	return notifiers.Kind{
		Type:    "pagerduty",
		Summary: "an alert in PagerDuty, which a success resolves",
		Config: func() any {
			return &Config{APIURL: "https://events.pagerduty.com/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &Config{RoutingKey: notifiers.NewSecret("preview"), APIURL: "https://events.pagerduty.com/", Timeout: time.Second}
		},
		Options:     Options{},
		New:         newNotifier,
		Concurrency: 4,
		Rate:        notifiers.Rate{Messages: 120, Per: time.Minute, Burst: 20},
		Delivered:   delivered,
		Markup:      notifiers.PlainText,
		Limits: []notifiers.Limit{
			{Paths: "payload.summary", Max: 1024},
			{Paths: "dedup_key", Max: 255, Unit: notifiers.Bytes},
			{Max: 512_000, Unit: notifiers.Bytes},
		},
		Needs: "`routing_key`",
		Notes: "Events API v2; a message of level success resolves the alert of the same `dedup_key`, by " +
			"default that of the plan and environment whose run ended, else of the one run or defect; " +
			"`api_url` for Europe",
		Example: example,
	}
}

// delivered names the alert, and the command that resolves it.
func delivered(r notifiers.Receipt, retest string) string {
	var answer struct {
		DedupKey string `json:"dedup_key"`
	}
	_ = json.Unmarshal([]byte(r.Response), &answer)
	return fmt.Sprintf("PagerDuty has taken it for the alert %s; to resolve that: %s --level success", answer.DedupKey, retest)
}

// notifier sends to the Events API v2. The alert's key makes a second attempt harmless.
type notifier struct {
	*httpclient.Service
	config   Config
	defaults json.RawMessage
}

func newNotifier(config any, defaults json.RawMessage) (notifiers.Notifier, error) {
	c := *config.(*Config)
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	faults := []error{err, httpclient.CheckTimeout(c.Timeout), httpclient.CheckAPIURL("api_url", c.APIURL, "https://events.eu.pagerduty.com/"), o.check()}
	if !c.RoutingKey.IsSet() {
		faults = append(faults, &notifiers.FieldError{Key: "routing_key", Err: errors.New("missing; write the key of the service's integration “Events API v2”")})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &notifier{httpclient.NewService("PagerDuty", "api_url", c.Timeout, c.RoutingKey.Value()), c, defaults}, nil
}

// check returns what is written wrong.
func (o Options) check() error {
	actions, severities := []string{"", "trigger", "acknowledge", "resolve"}, []string{"", "critical", "error", "warning", "info"}
	if !slices.Contains(actions, o.Action) {
		return &notifiers.FieldError{Key: "action", Err: fmt.Errorf("%q is none; write trigger, acknowledge or resolve", notifiers.Cut(o.Action, 100))}
	}
	if !slices.Contains(severities, o.Severity) {
		return &notifiers.FieldError{Key: "severity", Err: fmt.Errorf("%q is none; write critical, error, warning or info", notifiers.Cut(o.Severity, 100))}
	}
	return nil
}

// Send hands the event over.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	event, err := n.compose(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	event.RoutingKey = n.config.RoutingKey.Value()
	return n.Deliver(ctx, httpclient.ServiceCall{Doing: "sending to PagerDuty", URL: httpclient.WithSlash(n.config.APIURL) + "v2/enqueue", Body: event}, classify)
}

// Preview returns the event as PagerDuty would get it, without its routing key.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	event, err := n.compose(m)
	return httpclient.PreviewJSON(event, err)
}

// classify reads what the Events API says.
func classify(a httpclient.Answer) httpclient.Verdict {
	var said struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	err := json.Unmarshal(a.Body, &said)
	v := httpclient.Verdict{Detail: strings.TrimSpace(said.Message + " " + strings.Join(said.Errors, "; "))}
	text := strings.ToLower(v.Detail)
	switch {
	case a.Code < 300 && (err != nil || said.Status != "success"):
		v.Fate = httpclient.Strange
	case strings.Contains(text, "routing") || strings.Contains(text, "integration key"):
		v.Reason, v.Advice = notifiers.ReasonAuth, "put the key of the service's integration “Events API v2” into routing_key, and check that api_url is of its region"
	case a.Code == http.StatusBadRequest:
		v.Advice = "PagerDuty does not take this event; change its title, body or options"
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden, a.Code == http.StatusNotFound:
		v.Advice = "check routing_key and api_url"
	}
	return v
}

// pagerEvent is what the Events API takes.
type pagerEvent struct {
	RoutingKey string        `json:"routing_key,omitempty"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Payload    *pagerPayload `json:"payload,omitempty"`
	Links      []pagerLink   `json:"links,omitempty"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
}

type pagerPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// compose makes the event, but for its routing key.
func (n *notifier) compose(m *notifiers.Message) (pagerEvent, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return pagerEvent{}, err
	}
	o.Action, o.Severity = strings.ToLower(notifiers.OneLine(o.Action)), strings.ToLower(notifiers.OneLine(o.Severity))
	if err := o.check(); err != nil {
		return pagerEvent{}, err
	}
	event := pagerEvent{Action: pagerAction(o, m), DedupKey: pagerDedup(o, m)}
	if event.Action != "trigger" {
		return event, nil
	}
	event.Client = "qase-relay"
	if event.ClientURL = markup.MessageURL(m, pagerURL); event.ClientURL != "" {
		event.Links = []pagerLink{{event.ClientURL, "Open in Qase"}}
	}
	event.Payload = pagerDetails(o, m)
	return event, nil
}

// pagerAction is what becomes of the alert: that all is well again resolves it.
func pagerAction(o Options, m *notifiers.Message) string {
	switch {
	case o.Action != "":
		return o.Action
	case m.Level == "success":
		return "resolve"
	}
	return "trigger"
}

// pagerDedup is the alert's key. One that is too long keeps its beginning and gets a digest.
func pagerDedup(o Options, m *notifiers.Message) string {
	key := cmp.Or(notifiers.OneLine(o.DedupKey), notifiers.OneLine(m.Series), notifiers.OneLine(m.Thread), m.ID)
	if len(key) > pagerKey {
		key = fmt.Sprintf("%s-%x", notifiers.CutBytes(key, pagerKey-1-2*sha256.Size), sha256.Sum256([]byte(key)))
	}
	return key
}

func pagerDetails(o Options, m *notifiers.Message) *pagerPayload {
	p := &pagerPayload{
		Summary:  markup.Neutralize(markup.Title(m, pagerSummary-100), false),
		Source:   notifiers.Cut(notifiers.OneLine(o.Source), pagerSource),
		Severity: o.Severity,
		Class:    notifiers.OneLine(m.EventName),
		Details:  map[string]string{},
	}
	if p.Source == "" {
		p.Source = strings.TrimSpace("Qase " + notifiers.OneLine(m.Project))
	}
	if p.Severity == "" {
		p.Severity = map[string]string{"error": "error", "warning": "warning"}[m.Level]
	}
	if p.Severity == "" {
		p.Severity = "info"
	}
	if !m.CreatedAt.IsZero() {
		p.Timestamp = m.CreatedAt.UTC().Format(time.RFC3339)
	}
	for name, value := range map[string]string{"rule": notifiers.OneLine(m.Rule), "project": notifiers.OneLine(m.Project), "body": markup.PlainBody(m.WholeBody(), pagerBody)} {
		if value != "" {
			p.Details[name] = value
		}
	}
	return p
}
