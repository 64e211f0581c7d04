package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/silence"
	"qaserelay/rules/target"
)

// maxRecorded is the most rules without a match that a decision names.
const maxRecorded = 100

// Outcome is the result of one rule for one event.
type Outcome string

// The outcomes of a rule.
const (
	Matched      Outcome = "matched"       // it made its notifications
	NoRecipients Outcome = "no_recipients" // it matched, and none of its notifications has a recipient
	NotMatched   Outcome = "not_matched"   // its condition was false
	Failed       Outcome = "error"         // its condition could not be evaluated
	Disabled     Outcome = "disabled"      // enabled: false
	Stopped      Outcome = "stopped"       // an earlier rule with stop: true matched

	Held      Outcome = "held"      // the throttle kept its message back
	Grouped   Outcome = "grouped"   // its messages are in an open digest
	Deferred  Outcome = "deferred"  // its messages are held until a window of time opens
	Muted     Outcome = "muted"     // its messages were dropped, outside its window of time
	Silenced  Outcome = "silenced"  // a silence prevented its messages
	Waiting   Outcome = "waiting"   // its messages wait for what a later event says
	Done      Outcome = "done"      // what it would wait for has happened, or was notified already
	Awaiting  Outcome = "awaiting"  // it is decided once the tests that failed are known
	Postponed Outcome = "postponed" // a silence postponed its messages
	Dropped   Outcome = "dropped"   // a person dropped its messages while they waited
)

// IsMatch reports whether the condition was true, whatever became of the messages.
func (o Outcome) IsMatch() bool {
	switch o {
	case NotMatched, Failed, Disabled, Stopped, Awaiting:
		return false
	}
	return true
}

// Decision is the result of all rules for one event.
type Decision struct {
	// Results has an entry for each rule, in file order, but of those that did not match only the first maxRecorded.
	Results []Result `json:"results"`
	// NotMatched counts all rules whose condition was false.
	NotMatched    int            `json:"not_matched"`
	Notifications []Notification `json:"-"`
	Changes       []Change       `json:"-"`
	Items         []Item         `json:"-"`
	// Awaiting are the rules that are to be decided once the tests that failed are known; see State.Await.
	Awaiting []string `json:"awaiting,omitempty"`
	// Waits is set by the relay while the event waits for what the Qase API says of it.
	Waits bool `json:"waits,omitempty"`
	// Row is what the notifications belong to, if a slot has made them.
	Row *Row `json:"-"`
	// Subject is the title of the entity of the event, as far as it is known.
	Subject string `json:"-"`

	behind   bool              // a rule with stop awaits, so that those behind it do
	formerly map[string]string // the names in Awaiting of rules that have another name now
}

// Result is the outcome of one rule and its reason.
type Result struct {
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	// Reason is the error of the condition, or names the rule that stopped this one, or the silence.
	Reason string `json:"reason,omitempty"`
	// NoRecipients are the notifiers that get no message, because no recipient is left.
	NoRecipients []string `json:"no_recipients,omitempty"`
	// Silenced are the notifiers that get no message because of a silence.
	Silenced []SilencedMessage `json:"silenced,omitempty"`
	// Notes are failures that did not prevent the notification, such as a template that failed, and people who could not
	// be reached.
	Notes []string `json:"notes,omitempty"`
	// Flow is what the stages of time did, in their order.
	Flow []flow.Stage `json:"flow,omitempty"`
}

// WhyNobody returns the notes on a notifier, or on all if it is "", that get no message for lack of recipients.
func (r *Result) WhyNobody(notifier string) string {
	var why []string
	for _, note := range r.Notes {
		about, _, _ := strings.Cut(strings.TrimPrefix(note, target.NoRecipient), ":")
		if target.IsOfNobody(note) && (notifier == "" || notifier == about) {
			why = append(why, note)
		}
	}
	return strings.Join(why, "; ")
}

// Notification is a message and its notifier.
type Notification struct {
	message.Message
	Notifier string
	Options  json.RawMessage // the rendered message options, a JSON object or nil
	// Fallbacks receive the message if it fails permanently, one after another.
	Fallbacks []Fallback
	EntityKey string // notifications of one entity to one notifier keep their order
	// Series is a stable key of the project, plan and environment of a finished run; empty without a plan.
	Series string
	// Person is the one who alone gets the message, as in the options, or empty.
	Person string
	// Remarks are those of the notifier (see [Set.Remarks]); only an explanation has them.
	Remarks []Remark
	// Cancelled says why the notification is recorded and not sent; empty sends it.
	Cancelled string

	target int // the number of the entry of notify: the rule's, or that of a step of its wait
	step   int // the number of that step, from 1; 0 for the rule's
}

// IsRefused reports whether the notifier can only refuse the notification, as its remarks say.
func (n Notification) IsRefused() bool {
	return slices.ContainsFunc(n.Remarks, func(r Remark) bool { return r.Wrong })
}

// OrderKey is equal for notifications to one notifier that keep their order: those of one entity, to one place.
func (n *Notification) OrderKey() string {
	if n.EntityKey == "" || n.Person == "" {
		return n.EntityKey
	}
	return n.EntityKey + " @" + n.Person
}

// MarshalJSON implements [json.Marshaler]. The JSON is read by people, so its body is FullBody.
func (n Notification) MarshalJSON() ([]byte, error) {
	n.Body = n.FullBody()
	return json.Marshal(struct {
		Rule     string `json:"rule"` // before notifier; hides that of the message
		Notifier string `json:"notifier"`
		message.Message
		Options   json.RawMessage `json:"options,omitempty"`
		Fallbacks []Fallback      `json:"fallback,omitempty"`
		Refused   bool            `json:"refused,omitempty"`
		Warnings  []string        `json:"warnings,omitempty"`
	}{n.Rule, n.Notifier, n.Message, n.Options, n.Fallbacks, n.IsRefused(), n.Warnings()})
}

// Warnings returns the texts of the remarks.
func (n Notification) Warnings() (texts []string) {
	for _, r := range n.Remarks {
		texts = append(texts, r.String())
	}
	return texts
}

// State is the input of a decision beside the event.
type State struct {
	// Now is when the event was received.
	Now time.Time
	// Get returns the value stored under a key, or nil. Decide reads the keys of Set.Keys first.
	Get func(key string) ([]byte, error)
	// Facts are what the Qase API says of the event, or nil. Their fields of the entity fill those that no event has set.
	Facts *failures.Facts
	// Seen is what FlowKeys has returned for this event, or nil.
	Seen *Seen
	// Silences hold messages back. Nil has none.
	Silences *silence.List
	// EventID is the id that the event is stored under, or that of the event which a slot makes.
	EventID string
	Dry     bool // the slots are those of a dry run
	Waits   int  // about how many waits are open; no further one starts beyond a limit
	// Replay is not empty for an event that is decided again: the same text for all events of one request.
	Replay string

	// Exact makes each event change its feed, so that a silence is noticed exactly at its time. Otherwise an event changes
	// it only if IsSign is set.
	Exact  bool
	IsSign bool

	// Await leaves the rules that read which tests failed undecided, and those behind one of them that may stop them. If
	// there are any, nothing of what is known of the entity and its series is changed.
	Await bool
	// Resume decides the rules that such a decision has left; nil decides all.
	Resume *Resume

	later bool // the event came before, and what is known of its entity is newer
}

// get returns the value stored under a key, or nil.
func (st State) get(key string) []byte {
	if st.Get == nil {
		return nil
	}
	data, err := st.Get(key)
	if err != nil {
		return nil
	}
	return data
}

// Change is a value to store together with the decision.
type Change struct {
	Key     string
	Value   []byte
	Expires time.Time
	Due     time.Time // when the slot of this key is due; zero asks for nothing
}

// Item is an entry in the list of a slot.
type Item struct {
	Key   string // of the slot
	Event string // the id of its event; empty is the event of the decision
	Data  []byte
}

// send appends notifications.
func (d *Decision) send(made []Notification) {
	if d.Notifications == nil {
		d.Notifications = made
		return
	}
	d.Notifications = append(d.Notifications, made...)
}

// record appends a result. Of the rules without a match it keeps only the first maxRecorded.
func (d *Decision) record(r Result) {
	if r.Outcome == NotMatched && len(r.Flow) == 0 && len(r.Notes) == 0 {
		if d.NotMatched++; d.NotMatched > maxRecorded {
			return
		}
	}
	d.Results = append(d.Results, r)
}
