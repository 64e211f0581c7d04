package builtin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// channel is one way to send, as the contract suite sees it.
type channel struct {
	name    string
	secrets []string
	// answers are what the receiver may say, and what that means.
	answers []answerCase
	// at makes a notifier that sends to a raw TCP address.
	at func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier
	// accepting makes a notifier whose receiver takes everything and counts the ids of what it got.
	accepting func(t *testing.T, seen func(id string)) notifiers.Notifier
}

type answerCase struct {
	name  string
	make  func(t *testing.T) notifiers.Notifier
	want  string // delivered, again, not before, never, gone
	after time.Duration
	// reason, if any, is the Reason; says is part of the error's text.
	reason, says string
}

func channels() []channel {
	return append(serviceChannels(), httpChannel(), slackWebhookChannel(), slackTokenChannel(), emailChannel())
}

// patience is how long a test waits for what ends at once unless it hangs. The machine may be busy.
const patience = 20 * time.Second

// outcome names what err means for the delivery.
func outcome(err error) string {
	var p *notifiers.PermanentError
	var r *notifiers.RetryAfterError
	var g *notifiers.GoneError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &g):
		return "gone"
	case errors.As(err, &p):
		return "never"
	case errors.As(err, &r):
		return "not before"
	}
	return "again"
}

func TestEveryAnswerMeansWhatItShould(t *testing.T) {
	for _, c := range channels() {
		for _, a := range c.answers {
			t.Run(c.name+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				receipt, err := a.make(t).Send(t.Context(), optionsFor(c.name))
				if got := outcome(err); got != a.want {
					t.Fatalf("got %s (%v), want %s", got, err, a.want)
				}
				noSecrets(t, c, receipt, err)
				var later *notifiers.RetryAfterError
				if errors.As(err, &later) && (later.After > a.after || later.After < a.after/2) {
					t.Errorf("not before %s, want %s", later.After, a.after)
				}
				if err != nil && !strings.Contains(err.Error(), a.says) {
					t.Errorf("%q does not say %q", err, a.says)
				}
				if got := notifiers.Reason(err); a.reason != "" && got != a.reason {
					t.Errorf("reason %s, want %s", got, a.reason)
				}
				if len(receipt.Response) > httpclient.MaxReceipt {
					t.Errorf("the receipt keeps %d bytes of the answer", len(receipt.Response))
				}
			})
		}
	}
}

// optionsFor is a message that each channel can send.
func optionsFor(name string) *notifiers.Message {
	return SharedTestMessage(func(m *notifiers.Message) {
		switch {
		case strings.HasPrefix(name, "slack"):
			m.Options = []byte(`{"channel":"#qa"}`)
		case name == "email":
			m.Options = []byte(`{"to":["bob@bar.io"]}`)
		}
	})
}

// noSecrets fails if any way to print a result shows a secret.
func noSecrets(t *testing.T, c channel, receipt notifiers.Receipt, err error) {
	t.Helper()
	texts := []string{fmt.Sprintf("%+v", receipt), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", receipt)}
	for e := err; e != nil; e = errors.Unwrap(e) {
		texts = append(texts, e.Error(), fmt.Sprintf("%+v", e))
	}
	for _, text := range texts {
		for _, s := range c.secrets {
			if strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(s))) {
				t.Errorf("the secret %q is in %q", s, text)
			}
		}
	}
}

// listen serves each connection to a fresh loopback port with serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { conn.Close() })
			wg.Go(func() { defer stop(); defer conn.Close(); serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() }) // by now t.Context() is done
	return l.Addr().String()
}

// untilClosed reads until the other side goes away.
func untilClosed(conn net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

func TestAHungReceiverEndsWithTheTimeout(t *testing.T) {
	for _, c := range channels() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := c.at(t, listen(t, untilClosed), 60*time.Millisecond)
			start := time.Now()
			receipt, err := n.Send(t.Context(), optionsFor(c.name))
			if outcome(err) != "again" || notifiers.Reason(err) != notifiers.ReasonTimeout {
				t.Errorf("got %s, %s: %v", outcome(err), notifiers.Reason(err), err)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("took %s", took)
			}
			noSecrets(t, c, receipt, err)
		})
	}
}

func TestSendStopsWithItsContext(t *testing.T) {
	for _, c := range channels() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			n := c.at(t, listen(t, func(conn net.Conn) { cancel(); untilClosed(conn) }), time.Minute)
			start := time.Now()
			receipt, err := n.Send(ctx, optionsFor(c.name))
			if outcome(err) != "again" || notifiers.Reason(err) != notifiers.ReasonCanceled {
				t.Errorf("got %s, %s: %v", outcome(err), notifiers.Reason(err), err)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("took %s", took)
			}
			noSecrets(t, c, receipt, err)
		})
	}
}

func TestABrokenOrMissingReceiverIsTriedAgain(t *testing.T) {
	garbage := strings.Repeat("HTTP/1.1 200 OK\r\nX: y\r\n", 100)
	for name, serve := range map[string]func(net.Conn){
		"hangs up":            func(net.Conn) {},
		"talks nonsense":      func(c net.Conn) { _, _ = c.Write([]byte("\x00\xff\r\n\r\nwhat\r\n")) },
		"never ends its head": func(c net.Conn) { writeForever(c, garbage) },
		"never ends its line": func(c net.Conn) { writeForever(c, strings.Repeat("220-x", 1000)) },
	} {
		for _, c := range channels() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				receipt, err := c.at(t, listen(t, serve), 5*time.Second).Send(t.Context(), optionsFor(c.name))
				if outcome(err) != "again" || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "net/http: HTTP") {
					t.Errorf("got %s: %v", outcome(err), err)
				}
				noSecrets(t, c, receipt, err)
			})
		}
	}
	for _, c := range channels() {
		t.Run(c.name+"/is not there", func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			receipt, err := c.at(t, l.Addr().String(), 5*time.Second).Send(t.Context(), optionsFor(c.name))
			if outcome(err) != "again" {
				t.Errorf("got %s: %v", outcome(err), err)
			}
			noSecrets(t, c, receipt, err)
		})
	}
}

func writeForever(c net.Conn, s string) {
	for {
		if _, err := c.Write([]byte(s)); err != nil {
			return
		}
	}
}

func TestManySendsAtOnceAllArriveUnderTheirOwnID(t *testing.T) {
	for _, c := range channels() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := map[string]int{}
			n := c.accepting(t, func(id string) { mu.Lock(); seen[id]++; mu.Unlock() })
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for range 2 { // two attempts of one delivery
						m := optionsFor(c.name)
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
		})
	}
}

func TestKindsAreWhole(t *testing.T) {
	for _, k := range Kinds() {
		if k.Summary == "" || k.Concurrency < 1 || k.New == nil || k.Options == nil || k.Config() == k.Config() || k.Sample() == k.Sample() {
			t.Errorf("%+v", k)
		}
		for i := range reflect.TypeOf(k.Options).NumField() {
			key, _, _ := strings.Cut(reflect.TypeOf(k.Options).Field(i).Tag.Get("json"), ",")
			if _, err := k.New(k.Sample(), []byte(`{"`+key+`": 3}`)); err == nil {
				t.Errorf("%s takes %s of the wrong type", k.Type, key)
			}
		}
	}
}
