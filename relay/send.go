package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// sendTimeout bounds one attempt, whatever the notifier does.
const sendTimeout = time.Minute

// send makes one attempt. A notifier that panics has failed, as one has that cannot be reached.
func send(ctx context.Context, n notifiers.Notifier, d store.Delivery, memory notifiers.Memory) (r notifiers.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("notifier panicked: %v", p)
		}
	}()
	m, err := messageOf(d)
	if err != nil {
		return r, &notifiers.PermanentError{Reason: notifiers.ReasonOther,
			Err: fmt.Errorf("reading the stored message: %w", err)}
	}
	m.ID, m.Event, m.Memory = d.ID.String(), d.EventBody, memory
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return n.Send(ctx, &m)
}

// messageOf returns the message of a delivery. Where it was just made, there is no need to read it again.
func messageOf(d store.Delivery) (m notifiers.Message, err error) {
	if made, ok := d.Decoded.(*notifiers.Message); ok {
		return *made, nil
	}
	err = json.Unmarshal(d.Message, &m)
	return m, err
}
