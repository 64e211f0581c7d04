package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
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

const (
	maintenance = "<!DOCTYPE html><html>We are down for maintenance</html>"
	hookSecret  = "hooks3cret"
)

// serviceChannel describes how a service is spoken to in the contract suite.
type serviceChannel struct {
	name    string
	kind    notifiers.Kind
	secrets []string
	// config makes a configuration whose address is base.
	config   func(base string, timeout time.Duration) any
	defaults string // message options
	ok       string // the answer to a message that was taken
	// title finds a message's title in a request's body.
	title func(body map[string]any) any
	// unread says that a success is told by the status alone.
	unread bool
	// answers are those that only this service gives.
	answers func(at answerAt) []answerCase
}

// answerAt makes a case of an answer.
type answerAt func(code int, body, want, says string) answerCase

func (s serviceChannel) make(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	t.Helper()
	n, err := s.kind.New(s.config(base, timeout), []byte(s.defaults))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s serviceChannel) channel() channel {
	return channel{
		name:    s.name,
		secrets: s.secrets,
		answers: slices.Concat(s.commonAnswers(), s.answers(func(code int, body, want, says string) answerCase {
			return s.answer(body, want, says, slackSays(code, body, ""))
		})),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return s.make(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return s.make(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				title, _ := s.title(body).(string)
				i := strings.Index(title, "delivery")
				seen(strings.ReplaceAll(strings.Fields(strings.NewReplacer("*", " ", "]", " ").Replace(title[max(i, 0):]))[0], markup.Joiner, ""))
				_, _ = io.WriteString(w, s.ok)
			}), 10*time.Second)
		},
	}
}

func (s serviceChannel) answer(name, want, says string, h http.HandlerFunc) answerCase {
	return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
		return s.make(t, server(t, h), 10*time.Second)
	}}
}

// commonAnswers are those that mean the same for every service.
func (s serviceChannel) commonAnswers() []answerCase {
	byStatus := map[bool]string{true: "delivered", false: "again"}[s.unread]
	return []answerCase{
		s.answer("taken", "delivered", "", slackSays(200, s.ok, "")),
		s.answer("200 with an endless body", byStatus, "", endless(200)),
		s.answer("200 with HTML", "again", "form", slackSays(200, maintenance, "")),
		s.answer("302", "never", "redirects", slackSays(302, "", "")),
		s.answer("400 with nothing", "never", "400", slackSays(400, "", "")),
		s.answer("401 with HTML", "never", "401", slackSays(401, maintenance, "")),
		s.answer("403 with HTML", "never", "403", slackSays(403, maintenance, "")),
		s.answer("404 with HTML", "never", "404", slackSays(404, maintenance, "")),
		s.answer("408", "again", "", slackSays(408, "", "")),
		s.answer("410", "gone", "", slackSays(410, "", "")),
		s.answer("413", "never", "", slackSays(413, maintenance, "")),
		s.answer("425", "again", "", slackSays(425, "", "")),
		s.answer("429", "again", "", slackSays(429, maintenance, "")),
		s.answer("429 with seconds", "not before", "", slackSays(429, "", "7")),
		untilDate(s.answer("429 with a date", "not before", "", dated)),
		s.answer("500 with HTML", "again", "", slackSays(500, maintenance, "")),
		s.answer("503 with seconds", "not before", "", slackSays(503, "", "7")),
		s.answer("an echo of all that came", "again", "", echo(500, nil)),
		s.answer("a refusal with an echo", "never", "", echo(400, nil)),
	}
}

func discordService() serviceChannel {
	return serviceChannel{
		name: "discord", kind: Kind(), secrets: []string{hookSecret, "/webhooks/1"},
		config: func(base string, timeout time.Duration) any {
			return &Config{WebhookURL: notifiers.NewSecret(base + "/api/webhooks/1/" + hookSecret), Timeout: timeout}
		},
		ok:    `{"id":"123","channel_id":"456"}`,
		title: func(b map[string]any) any { return b["embeds"].([]any)[0].(map[string]any)["title"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(204, "", "delivered", ""),
				at(200, "{}", "again", "not in the form"),
				at(200, "null", "again", "not in the form"),
				at(429, `{"message":"You are being rate limited.","retry_after":6.5,"global":false}`, "not before", "rate limited"),
				at(404, `{"message":"Unknown Webhook","code":10015}`, "gone", "deleted"),
				at(401, `{"message":"Invalid Webhook Token","code":50027}`, "never", "whole URL"),
				at(400, `{"message":"Invalid Form Body","code":50035,"errors":{"embeds":["0"]}}`, "never", "change its title"),
				at(400, `{"message":"Webhooks posted to forum channels must have a thread_name or thread_id","code":220001}`, "never", "forum"),
				at(404, `{"message":"Unknown Channel","code":10003}`, "never", "thread_id"),
			}
		},
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
