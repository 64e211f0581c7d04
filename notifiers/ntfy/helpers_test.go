package ntfy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// echo answers with all that was sent, secrets included.
func echo(code int, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "%s %s %v %s ", r.URL, r.RequestURI, r.Header, testSigning)
		_, _ = io.Copy(w, r.Body)
	}
}

func endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 4000) + testBearer)); err != nil {
				return
			}
		}
	}
}

const (
	testSigning = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	testBearer  = "bearer-s3cr3t-value"
)

// server serves requests until the test ends.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// checkField fails unless err blames key and holds no secret.
func checkField(t *testing.T, err error, key string) {
	t.Helper()
	var fe *notifiers.FieldError
	if !errors.As(err, &fe) || fe.Field() != key || strings.Contains(err.Error(), "secret!!") || strings.Contains(err.Error(), "/secret") {
		t.Errorf("%s: got %v", key, err)
	}
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
