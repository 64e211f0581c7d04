package relay

import (
	"context"
	"encoding/json"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules/message"
)

// testTimeout is how long a test message waits for the answer of its receiver.
const testTimeout = 10 * time.Second

// Tested is what became of a test message.
type Tested struct {
	Delivered bool    `json:"delivered"`
	Seconds   float64 `json:"seconds"`
	Status    string  `json:"status,omitempty"`   // the answer of the receiver
	Response  string  `json:"response,omitempty"` // the beginning of its text
	Reason    string  `json:"reason,omitempty"`   // why it was not delivered, in one word
	Error     string  `json:"error,omitempty"`
}

// TestMessage sends a test message through a notifier now, once. Nothing is stored, and the state of the notifier does
// not change. A dry run sends nothing.
func (e *Engine) TestMessage(ctx context.Context, notifier string) (Tested, error) {
	cfg := e.Config()
	n, ok := cfg.Notifiers[notifier]
	if !ok {
		return Tested{}, dispatch.ErrNoNotifier
	}
	if e.DryRun {
		return Tested{Error: "a dry run sends nothing"}, nil
	}
	m := NewTestMessage(cfg, message.Message{Rule: "test", Level: "info", Title: "A test message from qase-relay",
		Body: "If you can read this, **it works**.", URL: cfg.Settings.QaseURL})
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	start := time.Now()
	receipt, err := n.Notifier.Send(ctx, m)
	t := Tested{Delivered: err == nil, Seconds: time.Since(start).Seconds(), Status: receipt.Status,
		Response: cfg.Hide(receipt.Response)}
	if err != nil {
		t.Reason, t.Error = notifiers.Reason(err), cfg.Hide(err.Error())
	}
	return t, nil
}

// NewTestMessage returns a test message as notifiers take it.
func NewTestMessage(cfg *config.Config, text message.Message) *notifiers.Message {
	now := time.Now()
	m := &notifiers.Message{ID: store.NewIDs(0).Next(now).String(), Message: text, EventName: "test",
		Thread: "qase-relay/test", CreatedAt: now, Event: json.RawMessage(`{"event_name":"test","payload":{}}`)}
	if !cfg.Settings.NoEmoji && !message.HasSign(text.Title) {
		m.Sign = message.Sign(text.Level)
	}
	return m
}
