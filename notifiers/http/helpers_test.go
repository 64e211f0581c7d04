package http

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
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

const testPassword = "p4ssw0rd-s3cret"

// SharedTestMessage is a message as the relay makes it; edit changes it.
func SharedTestMessage(edit ...func(*notifiers.Message)) *notifiers.Message {
	m := &notifiers.Message{
		ID:        "01JDELIVERY0000000000000001",
		Rule:      "failed-run",
		Level:     "error",
		Title:     "Run 7 of WEB failed: 3 of 40 cases",
		Body:      "**3** of 40 cases failed.",
		URL:       "https://app.qase.io/run/WEB/dashboard/7",
		EventName: "run.completed",
		Project:   "WEB",
		Thread:    "qase/WEB/run/7",
		CreatedAt: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Event:     json.RawMessage(`{"event_name":"run.completed", "timestamp":1763894000,"payload":{"id":7,"failed":3},"project_code":"WEB"}`),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

// slackSays answers with a fixed status and body.
func slackSays(code int, body string, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// dated asks for patience for ten minutes, as a date, which is in whole seconds. It is made when the answer is, so that it does not matter
// how busy the machine is.
func dated(w http.ResponseWriter, r *http.Request) {
	slackSays(http.StatusTooManyRequests, "", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))(w, r)
}

// untilDate is a case that dated answers.
func untilDate(a answerCase) answerCase {
	a.after = 10 * time.Minute
	return a
}
