package rules

import (
	"encoding/json"
	"strings"
	"time"
)

// Outcome is what one rule did with one event.
type Outcome string

// The outcomes of a rule.
const (
	Matched    Outcome = "matched"     // its notifications were made
	NotMatched Outcome = "not_matched" // its condition was false
	Failed     Outcome = "error"       // its condition could not be evaluated
	Disabled   Outcome = "disabled"    // enabled: false
	Stopped    Outcome = "stopped"     // an earlier rule with stop: true matched
)

// Decision is all that follows from one event.
type Decision struct {
	// Results has an entry for each rule, in file order, but for NotMatched ones beyond the first maxRecorded.
	Results []Result `json:"results"`
	// NotMatched counts all rules whose condition was false.
	NotMatched    int            `json:"not_matched"`
	Notifications []Notification `json:"-"`
	Changes       []Change       `json:"-"`
}

// Result is what one rule did, and why.
type Result struct {
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	// Reason says why, where the outcome alone does not: the error, or the name of the rule that stopped it.
	Reason string `json:"reason,omitempty"`
	// Notes are what went wrong on the way without losing the notification, such as a template that failed.
	Notes []string `json:"notes,omitempty"`
}

// Notification is a rendered message and the notifier it goes to.
type Notification struct {
	Rule     string `json:"rule"`
	Notifier string `json:"notifier"`
	Level    string `json:"level"`
	Title    string `json:"title"`
	// Body is Markdown, without Fields. In JSON, which is for people who read and test messages, it is FullBody.
	Body string `json:"body,omitempty"`
	// Fields belong to the default body; a body of the rule's own has none.
	Fields  []Field         `json:"fields,omitempty"`
	URL     string          `json:"url,omitempty"`
	Options json.RawMessage `json:"options,omitempty"`
	// Fallbacks are where the message goes when it dies, one after another.
	Fallbacks []Fallback `json:"fallback,omitempty"`
	EntityKey string     `json:"-"` // notifications of one entity to one notifier keep their order
	Series    string     `json:"-"` // of a run that has ended: a stable key of its project, plan and environment; empty without a plan
}

// Field is a named value of a message, such as Plan: Smoke. Both are Markdown in one line.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// FullBody is the body as people read it where there is nothing better for fields: with all of them in one line at its end.
func (n *Notification) FullBody() string {
	if len(n.Fields) == 0 {
		return n.Body
	}
	parts := make([]string, len(n.Fields))
	for i, f := range n.Fields {
		parts[i] = f.Name + ": " + f.Value
	}
	line := strings.Join(parts, " · ")
	if n.Body == "" {
		return line
	}
	return n.Body + "\n\n" + line
}

// MarshalJSON implements [json.Marshaler].
func (n Notification) MarshalJSON() ([]byte, error) {
	type plain Notification
	n.Body = n.FullBody()
	return json.Marshal(plain(n))
}

// Fallback is a notifier that stands in for another, with the options that the message has there.
type Fallback struct {
	Notifier string          `json:"notifier"`
	Options  json.RawMessage `json:"options,omitempty"`
}

// State is what a decision may know beside the event. It is handed in, so that deciding stays pure.
type State struct {
	// Now is when the event was received.
	Now time.Time
	// Get returns the value kept under key, or nil. Deciding asks first for the keys that Set.Keys names.
	Get func(key string) ([]byte, error)
	// Fetched are fields of the thing that the event is about, found out elsewhere. They count where no event has told them.
	// started_at is in Unix seconds.
	Fetched map[string]any
	// Member is the user behind team_member_id, found out elsewhere: an object with name and email, or nil.
	Member map[string]any
}

// Change is a value to be kept, together with the decision.
type Change struct {
	Key     string
	Value   []byte
	Expires time.Time
}
