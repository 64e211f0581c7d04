package notifiers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
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

// pagerConfig is what can be written for a notifier of type pagerduty.
type pagerConfig struct {
	// Integration key of a service's integration “Events API v2”.
	RoutingKey Secret `yaml:"routing_key" secret:"true"`
	// Base URL of the Events API. Default: https://events.pagerduty.com/; in Europe https://events.eu.pagerduty.com/.
	APIURL string `yaml:"api_url"`
	// Longest time for one attempt. Default: 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// pagerOptions are the message options of type pagerduty.
type pagerOptions struct {
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

func pagerKind() Kind {
	return Kind{
		Type:    "pagerduty",
		Summary: "an alert in PagerDuty, which a success resolves",
		Config: func() any {
			return &pagerConfig{APIURL: "https://events.pagerduty.com/", Timeout: 10 * time.Second}
		},
		Sample: func() any {
			return &pagerConfig{RoutingKey: NewSecret("preview"), APIURL: "https://events.pagerduty.com/", Timeout: time.Second}
		},
		Options:     pagerOptions{},
		New:         newPager,
		Concurrency: 4,
		Rate:        Rate{Messages: 120, Per: time.Minute, Burst: 20},
	}
}

// pagerNotifier sends to the Events API v2. The alert's key makes a second attempt harmless.
type pagerNotifier struct {
	*service
	config   pagerConfig
	defaults json.RawMessage
}

func newPager(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*pagerConfig)
	o, err := mergeOptions[pagerOptions](nil, defaults)
	faults := []error{err, checkTimeout(c.Timeout), checkAPIURL("api_url", c.APIURL, "https://events.eu.pagerduty.com/"), o.check()}
	if !c.RoutingKey.IsSet() {
		faults = append(faults, &FieldError{"routing_key", errors.New("missing; write the key of the service's integration “Events API v2”")})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &pagerNotifier{newService("PagerDuty", "api_url", c.Timeout, c.RoutingKey.Value()), c, defaults}, nil
}

// check returns what is written wrong.
func (o pagerOptions) check() error {
	actions, severities := []string{"", "trigger", "acknowledge", "resolve"}, []string{"", "critical", "error", "warning", "info"}
	if !slices.Contains(actions, o.Action) {
		return &FieldError{"action", fmt.Errorf("%q is none; write trigger, acknowledge or resolve", cut(o.Action, 100))}
	}
	if !slices.Contains(severities, o.Severity) {
		return &FieldError{"severity", fmt.Errorf("%q is none; write critical, error, warning or info", cut(o.Severity, 100))}
	}
	return nil
}

// Send hands the event over.
func (n *pagerNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	event, err := n.compose(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	event.RoutingKey = n.config.RoutingKey.Value()
	return n.deliver(ctx, serviceCall{doing: "sending to PagerDuty", url: withSlash(n.config.APIURL) + "v2/enqueue", body: event}, readPager)
}

// Preview returns the event as PagerDuty would get it, without its routing key.
func (n *pagerNotifier) Preview(m *Message) ([]byte, error) {
	event, err := n.compose(m)
	return previewJSON(event, err)
}

// readPager reads what the Events API says.
func readPager(a answer) verdict {
	var said struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	err := json.Unmarshal(a.body, &said)
	v := verdict{detail: strings.TrimSpace(said.Message + " " + strings.Join(said.Errors, "; "))}
	text := strings.ToLower(v.detail)
	switch {
	case a.code < 300 && (err != nil || said.Status != "success"):
		v.fate = strange
	case strings.Contains(text, "routing") || strings.Contains(text, "integration key"):
		v.reason, v.advice = ReasonAuth, "put the key of the service's integration “Events API v2” into routing_key, and check that api_url is of its region"
	case a.code == http.StatusBadRequest:
		v.advice = "PagerDuty does not take this event; change its title, body or options"
	case a.code == http.StatusUnauthorized, a.code == http.StatusForbidden, a.code == http.StatusNotFound:
		v.advice = "check routing_key and api_url"
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
func (n *pagerNotifier) compose(m *Message) (pagerEvent, error) {
	o, err := mergeOptions[pagerOptions](n.defaults, m.Options)
	if err != nil {
		return pagerEvent{}, err
	}
	o.Action, o.Severity = strings.ToLower(oneLine(o.Action)), strings.ToLower(oneLine(o.Severity))
	if err := o.check(); err != nil {
		return pagerEvent{}, err
	}
	event := pagerEvent{Action: pagerAction(o, m), DedupKey: pagerDedup(o, m)}
	if event.Action != "trigger" {
		return event, nil
	}
	event.Client = "qase-relay"
	if event.ClientURL = messageURL(m, pagerURL); event.ClientURL != "" {
		event.Links = []pagerLink{{event.ClientURL, "Open in Qase"}}
	}
	event.Payload = pagerDetails(o, m)
	return event, nil
}

// pagerAction is what becomes of the alert: that all is well again resolves it.
func pagerAction(o pagerOptions, m *Message) string {
	switch {
	case o.Action != "":
		return o.Action
	case m.Level == "success":
		return "resolve"
	}
	return "trigger"
}

// pagerDedup is the alert's key. One that is too long keeps its beginning and gets a digest.
func pagerDedup(o pagerOptions, m *Message) string {
	key := cmp.Or(oneLine(o.DedupKey), oneLine(m.Series), oneLine(m.Thread), m.ID)
	if len(key) > pagerKey {
		key = fmt.Sprintf("%s-%x", cutBytes(key, pagerKey-1-2*sha256.Size), sha256.Sum256([]byte(key)))
	}
	return key
}

func pagerDetails(o pagerOptions, m *Message) *pagerPayload {
	p := &pagerPayload{
		Summary:  inert(titleLine(m, pagerSummary-100), false),
		Source:   cut(oneLine(o.Source), pagerSource),
		Severity: o.Severity,
		Class:    oneLine(m.EventName),
		Details:  map[string]string{},
	}
	if p.Source == "" {
		p.Source = strings.TrimSpace("Qase " + oneLine(m.Project))
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
	for name, value := range map[string]string{"rule": oneLine(m.Rule), "project": oneLine(m.Project), "body": plainBody(m.wholeBody(), pagerBody)} {
		if value != "" {
			p.Details[name] = value
		}
	}
	return p
}

// plainBody is a body as text for people, at most limit bytes long.
func plainBody(body string, limit int) string {
	markup := plainMarkup(func(s string) string { return inert(s, false) })
	return fitLines(richLines(cut(body, 2*limit)), markup.write, func(s string) bool { return len(s) <= limit })
}
