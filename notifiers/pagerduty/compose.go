package pagerduty

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// PagerDuty's limits (https://developer.pagerduty.com/docs/send-alert-event): a summary has 1024 characters, a key 255,
// and an event 512 KB.
const (
	maxSummary = 1024
	maxKey     = 255
	maxSource  = 255
	maxBody    = 30_000
	maxURL     = 2000
	shownTests = 20 // failing ones
)

// event is the argument of the Events API.
type event struct {
	RoutingKey string   `json:"routing_key,omitempty"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
	Client     string   `json:"client,omitempty"`
	ClientURL  string   `json:"client_url,omitempty"`
}

type payload struct {
	Summary   string        `json:"summary"`
	Source    string        `json:"source"`
	Severity  string        `json:"severity"`
	Timestamp string        `json:"timestamp,omitempty"`
	Class     string        `json:"class,omitempty"`
	Details   customDetails `json:"custom_details,omitzero"`
}

// customDetails are shown below the summary. Failures are the failing tests, one in a line, and how many are left.
type customDetails struct {
	Body     string   `json:"body,omitempty"`
	Failures []string `json:"failures,omitempty"`
	Project  string   `json:"project,omitempty"`
	Rule     string   `json:"rule,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// compose makes the event without its routing key.
func compose(m *notifiers.Message, o Options) (event, func() *preview.Layout, error) {
	o.Action, o.Severity = lowerLine(o.Action), lowerLine(o.Severity)
	if o.Severity == success {
		o.Severity = "info"
	}
	e := event{Action: alertAction(o, m), DedupKey: dedupKey(o, m)}
	if e.Action == "trigger" {
		e.Client = "qase-relay"
		if e.ClientURL = markup.MessageURL(m, maxURL); e.ClientURL != "" {
			e.Links = []link{{e.ClientURL, "Open in Qase"}}
		}
		e.Payload = details(o, m)
	}
	return e, func() *preview.Layout { return layout(e) }, nil
}

// layout makes the preview of e.
func layout(e event) *preview.Layout {
	l := &preview.Layout{
		Channel: "PagerDuty", Facts: []preview.Fact{{Text: e.Action}, {Name: "Alert", Text: e.DedupKey}},
		Style: preview.Style{Framed: true, Bar: true},
	}
	p := e.Payload
	if p == nil {
		return l
	}
	switch p.Severity {
	case "critical", "error":
		l.Color = notifiers.LevelColor("error")
	case "warning":
		l.Color = notifiers.LevelColor("warning")
	}
	l.Facts = append(l.Facts, preview.Fact{Name: "Severity", Text: p.Severity},
		preview.Fact{Name: "Source", Text: p.Source})
	l.Add(preview.Text(p.Summary, markup.Run{Bold: true})...)
	l.Add(preview.Paragraphs(p.Details.Body)...)
	l.Add(preview.Paragraphs(strings.Join(p.Details.Failures, "\n"))...)
	for _, to := range e.Links {
		l.Buttons = append(l.Buttons, markup.Run{Text: to.Text, URL: to.Href})
	}
	return l
}

// alertAction is what the event does to the alert. A success resolves it.
func alertAction(o Options, m *notifiers.Message) string {
	switch {
	case o.Action != "":
		return o.Action
	case m.Level == success:
		return "resolve"
	}
	return "trigger"
}

// dedupKey is the key of the alert. The end of a key that is too long is replaced by a digest.
func dedupKey(o Options, m *notifiers.Message) string {
	key := cmp.Or(notifiers.OneLine(o.DedupKey), notifiers.OneLine(m.Series), notifiers.OneLine(m.Thread), m.ID)
	if len(key) > maxKey {
		key = fmt.Sprintf("%s-%x", notifiers.CutBytes(key, maxKey-1-2*sha256.Size), sha256.Sum256([]byte(key)))
	}
	return key
}

func details(o Options, m *notifiers.Message) *payload {
	p := &payload{
		Summary:  markup.Title(m, maxSummary),
		Source:   notifiers.Cut(notifiers.OneLine(o.Source), maxSource),
		Severity: cmp.Or(o.Severity, map[string]string{"error": "error", "warning": "warning"}[m.Level], "info"),
		Class:    notifiers.OneLine(m.EventName),
		Details: customDetails{Body: markup.PlainBody(m.WholeBody(), maxBody), Failures: failures(m),
			Project: notifiers.OneLine(m.Project), Rule: notifiers.OneLine(m.Rule)},
	}
	if p.Source == "" {
		p.Source = strings.TrimSpace("Qase " + notifiers.OneLine(m.Project))
	}
	if !m.CreatedAt.IsZero() {
		p.Timestamp = m.CreatedAt.UTC().Format(time.RFC3339)
	}
	return p
}

// failures are the failing tests as text, one in a line.
func failures(m *notifiers.Message) []string {
	w := markup.Plain(notifiers.CleanText)
	tests := markup.FailingTests(m, shownTests)
	var lines []string
	for _, row := range tests.Rows(tests.Len()) {
		line := strings.TrimPrefix(w.Line(row.Line), "• ")
		switch {
		case row.Kind == markup.HeadingRow && !row.Group:
			continue // each test has it, so that its line can be read alone
		case row.Test != nil && row.Test.New:
			line = "New: " + line
		}
		lines = append(lines, line)
	}
	return lines
}
