// Package dispatchtest has receivers and configurations for tests of what sends deliveries.
package dispatchtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/rulefile"
)

// Sender is a notifier that is a function.
type Sender func(context.Context, *notifiers.Message) (notifiers.Receipt, error)

// Send implements notifiers.Notifier.
func (s Sender) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	return s(ctx, m)
}

// Senders are notifiers by their names.
type Senders map[string]Sender

// Config returns a configuration without rules, with the given notifiers. Each sends four messages at once.
func Config(senders Senders) *config.Config {
	cfg := &config.Config{Config: &rulefile.Config{Rules: &rules.Set{}}, Notifiers: map[string]config.Notifier{}}
	for name, send := range senders {
		cfg.Notifiers[name] = config.Notifier{Spec: rulefile.Notifier{Name: name, Type: "fake"},
			Kind: notifiers.Kind{Concurrency: 4}, Notifier: send}
	}
	return cfg
}

// Hangs is a receiver that does not answer.
func Hangs(ctx context.Context, _ *notifiers.Message) (notifiers.Receipt, error) {
	<-ctx.Done()
	return notifiers.Receipt{}, ctx.Err()
}

// Arrivals collects the messages of a receiver, and their times. The zero value is empty.
type Arrivals struct {
	mu     sync.Mutex
	titles []string
	at     []time.Duration // since the first one
	start  time.Time
}

// Add notes a message.
func (a *Arrivals) Add(title string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.start.IsZero() {
		a.start = time.Now()
	}
	a.titles = append(a.titles, title)
	a.at = append(a.at, time.Since(a.start))
}

// Titles returns the titles of the messages in the order of their arrival.
func (a *Arrivals) Titles() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.titles)
}

// Times returns how long after the first message each arrived.
func (a *Arrivals) Times() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.at)
}

// Always returns a receiver that notes each message and answers it with err.
func (a *Arrivals) Always(err error) Sender {
	return func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		a.Add(m.Title)
		return notifiers.Receipt{Status: "200 OK"}, err
	}
}

// Logs is a buffer that many goroutines may write to.
type Logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *Logs) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *Logs) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
