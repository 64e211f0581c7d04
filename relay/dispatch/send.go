package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// sendTimeout bounds one attempt, whatever the notifier does.
const sendTimeout = time.Minute

// send makes one attempt. made is the typed message, or nil if it has to be read from what is stored.
// A notifier that panics has failed, as one has that cannot be reached.
func send(ctx context.Context, n notifiers.Notifier, d store.Delivery, made *notifiers.Message, memory notifiers.Memory) (r notifiers.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("notifier panicked: %v", p)
		}
	}()
	m, err := messageToSend(d, made)
	if err != nil {
		return r, &notifiers.PermanentError{Reason: notifiers.ReasonOther,
			Err: fmt.Errorf("reading the stored message: %w", err)}
	}
	m.ID, m.Event, m.Memory = d.ID.String(), d.EventBody, memory
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return n.Send(ctx, &m)
}

func messageToSend(d store.Delivery, made *notifiers.Message) (notifiers.Message, error) {
	if made != nil {
		return *made, nil
	}
	return MessageOf(d)
}

// MessageOf reads the stored message of a delivery.
func MessageOf(d store.Delivery) (m notifiers.Message, err error) {
	if m, err = ReadMessage(d.Message); err != nil {
		m = notifiers.Message{}
		err = json.Unmarshal(d.Message, &m) // which takes more forms
	}
	return m, err
}

// ReadMessage reads a stored message: to encoding/json, that takes about as long as to the client to send it.
func ReadMessage(stored []byte) (m notifiers.Message, err error) {
	r := value.NewJSONReader(stored)
	err = r.Object(func(key string) (err error) {
		switch key {
		case "id":
			m.ID, err = r.Text()
		case "rule":
			m.Rule, err = r.Text()
		case "level":
			m.Level, err = r.Text()
		case "title":
			m.Title, err = r.Text()
		case "body":
			m.Body, err = r.Text()
		case "url":
			m.URL, err = r.Text()
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
			_, err = r.Raw()
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
