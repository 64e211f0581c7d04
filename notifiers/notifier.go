// Package notifiers sends messages to the outside world: one folder for each kind of channel.
//
// A [Notifier] makes one attempt to send one message and says by its error whether to try again. Queues,
// retries, rate limits and kept values live elsewhere; nothing here keeps state between two calls but connections.
// A new channel is one folder with a [Kind] and one line in package builtin.
package notifiers

import (
	"context"
	"encoding/json"
	"time"

	"qaserelay/rules/message"
)

// Notifier sends messages to one configured channel. Send may be called from many goroutines at once.
type Notifier interface {
	// Send makes one attempt and returns when the receiver has answered or ctx is done.
	//
	// A nil error means delivered. A [*PermanentError] means that no attempt can succeed, a [*GoneError] that the
	// receiver does not exist any more, a [*RetryAfterError] names the earliest time of the next attempt. Any other
	// error means: try again later, but not for long if it is a [*DoubtfulError]. The receipt holds the answer, on
	// errors too. No error and no receipt holds a secret.
	Send(ctx context.Context, m *Message) (Receipt, error)
}

// Message is one rendered notification, the same bytes at every attempt.
type Message struct {
	// ID is the delivery's id. It never changes, so receivers can use it to drop what they already have.
	ID string `json:"id"`
	message.Message
	// Options are the rendered message options of the kind (see [Kind]), a JSON object or nil.
	Options json.RawMessage `json:"options,omitempty"`
	// EventName and Project tell what caused the message, such as run.completed and WEB.
	EventName string `json:"event_name,omitempty"`
	Project   string `json:"project,omitempty"`
	// Scope is the source and the project of the event, such as qase/WEB: keys of rules hold within it.
	Scope string `json:"scope,omitempty"`
	// Thread is a stable key of the thing the message is about, such as qase/WEB/run/7, or empty.
	Thread string `json:"thread,omitempty"`
	// Series is a stable key of what recurs, such as the runs of one plan in one environment when they end, or empty.
	Series string `json:"series,omitempty"`
	// CreatedAt is when the relay received the event.
	CreatedAt time.Time `json:"created_at"`
	// Event is the event as Qase sent it.
	Event json.RawMessage `json:"-"`
	// KV keeps values of the notifier between messages; nil where nothing can be kept, as in a preview.
	KV KV `json:"-"`
}

// Field is a named value below the body of a message.
type Field = message.Field

// KV keeps small values of one notifier in the store: through restarts, and for all relays that share the store. It may
// be used from many goroutines.
type KV interface {
	// Get returns the value kept under key, or nil.
	Get(ctx context.Context, key string) ([]byte, error)
	// Swap sets the value of a key, or deletes it if value is nil, if the present value is old (nil: no value). It
	// reports whether it did. The value expires after keep; zero is never.
	Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error)
}

// Prober is a Notifier that can be tried without sending anything.
type Prober interface {
	// Probe verifies the credentials and, as far as the service allows it, the places that messages go to. options are
	// message options in use that are not templates, such as channels. It returns a sentence on what was found; its
	// errors are like those of Send.
	Probe(ctx context.Context, options []json.RawMessage) (string, error)
}

// Closer is a Notifier that keeps connections open between messages.
type Closer interface {
	// Close ends the idle connections as their servers expect it, within a second or so. Send may still be called.
	Close()
}

// Rate is how many messages one target takes: so many in a time, of which some may come at once.
type Rate struct {
	Messages int // zero means no limit
	Per      time.Duration
	Burst    int // zero means 1
}

// Receipt is what a channel answered.
type Receipt struct {
	// Status is the answer in the protocol's own words, such as "200 OK" or "250 2.0.0 queued".
	Status string
	// Response is the beginning of the answer's body, at most 4 KiB.
	Response string
	// Missed names, in one line, the recipients that a delivered message did not reach, such as refused ones, or is
	// empty.
	Missed string
}
