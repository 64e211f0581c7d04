package dispatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// sendTimeout bounds one attempt.
const sendTimeout = time.Minute

// StoredMessage is the stored form of a message, with its fallbacks. All of it is rendered already, so a fallback sends
// what was decided when the event came.
type StoredMessage struct {
	notifiers.Message
	Fallbacks []rules.Fallback `json:"fallback,omitempty"`
}

// messageOf returns the message to send for a delivery. made is the message if it is known; otherwise it is read from
// the delivery.
func messageOf(d *store.Delivery, made *notifiers.Message) (*notifiers.Message, error) {
	var m notifiers.Message
	if made != nil {
		m = *made
	} else if err := readMessage(d.Message, &m); err != nil {
		return nil, &notifiers.PermanentError{Reason: notifiers.ReasonOther,
			Err: fmt.Errorf("reading the stored message: %w", err)}
	}
	m.ID, m.Event = d.ID.String(), d.EventBody
	return &m, nil
}

// readMessage reads a stored message.
func readMessage(stored []byte, m *notifiers.Message) (err error) {
	if *m, err = decodeMessage(stored); err != nil {
		*m = notifiers.Message{}
		return json.Unmarshal(stored, m) // which takes more forms
	}
	return nil
}

// decodeMessage reads a stored message in a third of the time of encoding/json, which would need about as long as the
// client needs to send it.
func decodeMessage(stored []byte) (m notifiers.Message, err error) {
	r := value.NewJSONReader(stored)
	err = r.Object(func(key string) (err error) {
		switch key {
		case "id":
			m.ID, err = r.Text()
		case "event_name":
			m.EventName, err = r.Text()
		case "project":
			m.Project, err = r.Text()
		case "thread":
			m.Thread, err = r.Text()
		case "series":
			m.Series, err = r.Text()
		case "options":
			m.Options, err = r.Raw()
		case "fields":
			m.Fields, err = readFields(r)
		case "created_at":
			m.CreatedAt, err = readTime(r)
		default:
			if k, ok := message.Lookup(key); ok {
				*k.Text(&m.Message), err = r.Text()
			} else {
				_, err = r.Raw()
			}
		}
		return err
	})
	return m, errors.Join(err, r.End())
}
func readFields(r *value.JSONReader) (fields []notifiers.Field, err error) {
	err = r.List(func() error {
		var f notifiers.Field
		err := r.Object(func(key string) (err error) {
			switch key {
			case "name":
				f.Name, err = r.Text()
			case "value":
				f.Value, err = r.Text()
			default:
				_, err = r.Raw()
			}
			return err
		})
		fields = append(fields, f)
		return err
	})
	return fields, err
}

func readTime(r *value.JSONReader) (time.Time, error) {
	s, err := r.Text()
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, s)
}
