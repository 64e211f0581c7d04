package dispatch

import (
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// sendTimeout bounds one attempt.
const sendTimeout = time.Minute

// StoredMessage is the stored form of a message, with its fallbacks. All of it is rendered already, so a fallback sends
// what was decided when the event came.
type StoredMessage struct {
	notifiers.Message
	Fallbacks []rules.Fallback `json:"fallback,omitempty"`
	// Trace is the W3C traceparent of the event, or "".
	Trace string `json:"trace,omitempty"`
}

// messageOf returns the message to send for a delivery. made is the message if it is known; otherwise it is read from
// the delivery.
func messageOf(d *store.Delivery, made *notifiers.Message) (*notifiers.Message, error) {
	var m notifiers.Message
	if made != nil {
		m = *made
	} else if err := json.Unmarshal(d.Message, &m); err != nil {
		return nil, &notifiers.PermanentError{Reason: notifiers.ReasonOther,
			Err: fmt.Errorf("reading the stored message: %w", err)}
	}
	m.ID, m.Event = d.ID.String(), d.EventBody
	return &m, nil
}
