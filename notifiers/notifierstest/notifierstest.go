// Package notifierstest holds the tests that every kind of notifier has to pass, and the servers and messages that they
// use. Only tests import it.
//
// A kind's own test calls [Run] with a [Suite]; a test in package builtin fails for a kind whose test does not.
// Golden files are in the kind's folder, under testdata; go test -update writes them.
package notifierstest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Suite is what the tests need to know of one kind.
type Suite struct {
	Kind notifiers.Kind
	// Channels are the ways in which the kind sends, such as by token and by webhook.
	Channels []Channel
	// Faults are configurations that New has to refuse, by a sentence that describes each.
	Faults map[string]Fault
	// Options are the notifier's message options that the golden messages need, a JSON object or nothing.
	Options string
	// Sample makes the notifier whose previews are drawn. Nil makes one of Kind.Sample and Options.
	Sample func(t *testing.T) notifiers.Notifier
}

// Channel is one way to send.
type Channel struct {
	Name string
	// Secrets must not be in any receipt or error.
	Secrets []string
	// Options are the message options that each message needs.
	Options string
	// Answers are what the receiver may answer, and the outcome of each.
	Answers []Answer
	// At makes a notifier that sends to a TCP address.
	At func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier
	// Accepting makes a notifier whose receiver accepts every message and reports the ids that it got.
	Accepting func(t *testing.T, seen func(id string)) notifiers.Notifier
}

// Answer is one answer of a receiver.
type Answer struct {
	Name string
	// Make makes a notifier whose receiver answers so.
	Make func(t *testing.T) notifiers.Notifier
	// Want is one of the outcomes: delivered, retry, retry after, permanent and gone.
	Want  string
	After time.Duration // of retry after
	// Reason, if set, is the reason of the error; Says is a part of its text.
	Reason, Says string
}

// Fault is a configuration that cannot be used, and the key that its error has to name.
type Fault struct {
	Config  any
	Options string
	Key     string
}

// Blame is a configuration with message options of which New has to name a key.
func Blame(config any, options, key string) Fault { return Fault{config, options, key} }

// Patience is how long a test waits for a call that ends at once unless it hangs. The machine may be busy.
const Patience = 20 * time.Second

// Run runs all tests of a kind.
func Run(t *testing.T, s Suite) {
	if len(s.Channels) == 0 || len(s.Faults) == 0 || s.Kind.Limits == nil || s.Kind.Markup == "" {
		t.Errorf("%s: the suite needs Channels and Faults, the kind needs Limits and Markup", s.Kind.Type)
	}
	for _, c := range s.Channels {
		t.Run(strings.TrimPrefix(c.Name, s.Kind.Type+" "), c.run)
	}
	t.Run("configuration", s.configuration)
	t.Run("messages", s.messages)
	t.Run("previews", s.previews)
	t.Run("limits", s.limits)
	t.Run("failing tests", s.failingTests)
}

// run runs the contract of Notifier over one channel.
func (c Channel) run(t *testing.T) {
	t.Run("every answer has its outcome", c.answers)
	t.Run("a receiver that hangs ends with the timeout", c.hang)
	t.Run("sending stops with its context", c.cancel)
	t.Run("a broken or missing receiver is tried again", c.broken)
	t.Run("the metadata of a cloud is never sent to", c.metadata)
	t.Run("many messages at once arrive under their own id", c.many)
}

// message is a message that the channel can send.
func (c Channel) message() *notifiers.Message {
	return Message(func(m *notifiers.Message) {
		if c.Options != "" {
			m.Options = []byte(c.Options)
		}
	})
}

func (c Channel) answers(t *testing.T) {
	for _, a := range c.Answers {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			receipt, err := a.Make(t).Send(t.Context(), c.message())
			if got := Outcome(err); got != a.Want {
				t.Fatalf("got %s (%v), want %s", got, err, a.Want)
			}
			NoSecrets(t, c.Secrets, receipt, err)
			var later *notifiers.RetryAfterError
			if errors.As(err, &later) && (later.After > a.After || later.After < a.After/2) {
				t.Errorf("not before %s, want %s", later.After, a.After)
			}
			if err != nil && !strings.Contains(err.Error(), a.Says) {
				t.Errorf("%q does not say %q", err, a.Says)
			}
			if got := notifiers.Reason(err); a.Reason != "" && got != a.Reason {
				t.Errorf("reason %s, want %s", got, a.Reason)
			}
			if len(receipt.Response) > httpclient.MaxReceipt {
				t.Errorf("the receipt keeps %d bytes of the answer", len(receipt.Response))
			}
		})
	}
}

func (c Channel) hang(t *testing.T) {
	t.Parallel()
	n := c.At(t, Listen(t, ReadUntilClosed), 60*time.Millisecond)
	start := time.Now()
	receipt, err := n.Send(t.Context(), c.message())
	c.wantReason(t, start, notifiers.ReasonTimeout, err)
	NoSecrets(t, c.Secrets, receipt, err)
}

func (c Channel) cancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := c.At(t, Listen(t, func(conn net.Conn) { cancel(); ReadUntilClosed(conn) }), time.Minute)
	start := time.Now()
	receipt, err := n.Send(ctx, c.message())
	c.wantReason(t, start, notifiers.ReasonCanceled, err)
	NoSecrets(t, c.Secrets, receipt, err)
}

func (c Channel) wantReason(t *testing.T, start time.Time, reason string, err error) {
	t.Helper()
	if Outcome(err) != "retry" || notifiers.Reason(err) != reason {
		t.Errorf("got %s, %s: %v", Outcome(err), notifiers.Reason(err), err)
	}
	if took := time.Since(start); took > Patience {
		t.Errorf("took %s", took)
	}
}

func (c Channel) broken(t *testing.T) {
	garbage := strings.Repeat("HTTP/1.1 200 OK\r\nX: y\r\n", 100)
	for name, serve := range map[string]func(net.Conn){
		"hangs up":              func(net.Conn) {},
		"sends garbage":         func(c net.Conn) { _, _ = c.Write([]byte("\x00\xff\r\n\r\nwhat\r\n")) },
		"never ends its header": func(c net.Conn) { writeForever(c, garbage) },
		"never ends its line":   func(c net.Conn) { writeForever(c, strings.Repeat("220-x", 1000)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receipt, err := c.At(t, Listen(t, serve), 5*time.Second).Send(t.Context(), c.message())
			if Outcome(err) != "retry" || strings.Contains(err.Error(), "EOF") ||
				strings.Contains(err.Error(), "net/http: HTTP") {
				t.Errorf("got %s: %v", Outcome(err), err)
			}
			NoSecrets(t, c.Secrets, receipt, err)
		})
	}
	t.Run("is not there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		receipt, err := c.At(t, l.Addr().String(), 5*time.Second).Send(t.Context(), c.message())
		if Outcome(err) != "retry" {
			t.Errorf("got %s: %v", Outcome(err), err)
		}
		NoSecrets(t, c.Secrets, receipt, err)
	})
}

func (c Channel) metadata(t *testing.T) {
	n := c.At(t, "169.254.169.254:80", Patience)
	receipt, err := n.Send(t.Context(), c.message())
	RefusesMetadata(t, err)
	NoSecrets(t, c.Secrets, receipt, err)
	if p, ok := n.(notifiers.Prober); ok {
		_, err := p.Probe(t.Context(), nil)
		RefusesMetadata(t, err)
	}
}

func (c Channel) many(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	n := c.Accepting(t, func(id string) { mu.Lock(); defer mu.Unlock(); seen[id]++ })
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 2 { // two attempts of one delivery
				m := c.message()
				m.ID = fmt.Sprintf("delivery-%d", i)
				m.Title = m.ID
				if _, err := n.Send(t.Context(), m); err != nil {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != 8 {
		t.Errorf("ids seen: %v", seen)
	}
	for id, times := range seen {
		if times != 2 {
			t.Errorf("%s came %d times", id, times)
		}
	}
}

// Outcome names what err means for a delivery.
func Outcome(err error) string {
	var p *notifiers.PermanentError
	var r *notifiers.RetryAfterError
	var g *notifiers.GoneError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &g):
		return "gone"
	case errors.As(err, &p):
		return "permanent"
	case errors.As(err, &r):
		return "retry after"
	}
	return "retry"
}

// Fails fails unless err means an outcome for a delivery, and says a text.
func Fails(t *testing.T, err error, outcome, says string) {
	t.Helper()
	if Outcome(err) != outcome || !strings.Contains(ErrorText(err), says) {
		t.Errorf("got %s: %v, want %s: …%s…", Outcome(err), err, outcome, says)
	}
}

// NoSecrets fails if a receipt or an error, printed in any way, holds a secret.
func NoSecrets(t *testing.T, secrets []string, receipt notifiers.Receipt, err error) {
	t.Helper()
	texts := []string{fmt.Sprintf("%+v", receipt), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err),
		fmt.Sprintf("%#v", receipt)}
	for e := err; e != nil; e = errors.Unwrap(e) {
		texts = append(texts, e.Error(), fmt.Sprintf("%+v", e))
	}
	for _, text := range texts {
		for _, s := range secrets {
			if strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(s))) {
				t.Errorf("the secret %q is in %q", s, text)
			}
		}
	}
}

// RefusesMetadata fails unless err says that metadata addresses are never sent to.
func RefusesMetadata(t *testing.T, err error) {
	t.Helper()
	Fails(t, err, "permanent", "metadata addresses are never sent to; write another host")
}

// WantKey fails unless err names the key at fault and holds no secret.
func WantKey(t *testing.T, err error, key string) {
	t.Helper()
	var fe *notifiers.FieldError
	if !errors.As(err, &fe) || fe.Field() != key || strings.Contains(err.Error(), "secret!!") ||
		strings.Contains(err.Error(), "/secret") || strings.Contains(err.Error(), Secret) {
		t.Errorf("%s: got %v", key, err)
	}
}

// ErrorText returns the text of err, or nothing.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
