package notifierstest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// Maintenance is a page that a proxy shows in place of an answer.
const Maintenance = "<!DOCTYPE html><html>We are down for maintenance</html>"

// Service describes a kind of package service, which sends JSON and is answered by status.
type Service struct {
	Kind    notifiers.Kind
	Secrets []string
	// Config makes a configuration whose address is base.
	Config  func(base string, timeout time.Duration) any
	Options string // message options of the notifier
	OK      string // the answer to a message that was accepted
	// Delivered is what the kind says of that answer.
	Delivered string
	// Title returns the message's title in a request's body.
	Title func(body map[string]any) any
	// StatusOnly says that the status alone tells a success.
	StatusOnly bool
	// Answers are those that only this service gives.
	Answers []ServiceAnswer
	// Faults are configurations that New has to refuse.
	Faults map[string]Fault
}

// ServiceAnswer is an answer with its status, body, outcome and a part of the error's text.
type ServiceAnswer struct {
	Code             int
	Body, Want, Says string
}

// On is the answer of a service with a status and a body.
func On(code int, body, want, says string) ServiceAnswer {
	return ServiceAnswer{code, body, want, says}
}

// Run runs all tests of the kind.
func (s Service) Run(t *testing.T) {
	Run(t, Suite{Kind: s.Kind, Channels: []Channel{s.channel()}, Faults: s.Faults, Options: s.Options})
	t.Run("delivered", s.delivered)
}

// delivered sends a message and compares the sentence of the kind.
func (s Service) delivered(t *testing.T) {
	receipt, err := s.New(t, Server(t, Reply(200, s.OK, ""))).Send(t.Context(), Message())
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind.Delivered == nil || s.Delivered == "" {
		t.Fatal("the kind needs Delivered, and the service the sentence that it returns")
	}
	if got := s.Kind.Delivered(receipt, "notify it"); got != s.Delivered {
		t.Errorf("got %q, want %q", got, s.Delivered)
	}
}

// New makes a notifier whose address is base.
func (s Service) New(t *testing.T, base string) notifiers.Notifier {
	t.Helper()
	return s.within(t, base, 10*time.Second)
}

func (s Service) within(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	t.Helper()
	n, err := s.Kind.New(s.Config(base, timeout), []byte(s.Options))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s Service) channel() Channel {
	own := make([]Answer, len(s.Answers))
	for i, a := range s.Answers {
		own[i] = s.answer(a.Body, a.Want, a.Says, Reply(a.Code, a.Body, ""))
	}
	return Channel{
		Name: s.Kind.Type, Secrets: s.Secrets, Answers: slices.Concat(s.commonAnswers(), own),
		At: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return s.within(t, "http://"+addr, timeout)
		},
		Accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return s.New(t, Server(t, func(w http.ResponseWriter, r *http.Request) {
				seen(s.delivery(t, r))
				_, _ = io.WriteString(w, s.OK)
			}))
		},
	}
}

// delivery returns the delivery-… in the title of a request.
func (s Service) delivery(t *testing.T, r *http.Request) string {
	t.Helper()
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Error(err)
	}
	title, _ := s.Title(body).(string)
	start := max(strings.Index(title, "delivery"), 0)
	words := strings.Fields(strings.NewReplacer("*", " ", "]", " ", "<", " ").Replace(title[start:]))
	return strings.ReplaceAll(words[0], markup.Joiner, "")
}

func (s Service) answer(name, want, says string, h http.HandlerFunc) Answer {
	return Answer{Name: name, Want: want, Says: says, After: 7 * time.Second,
		Make: func(t *testing.T) notifiers.Notifier { return s.New(t, Server(t, h)) }}
}

// commonAnswers are those that mean the same for every service.
func (s Service) commonAnswers() []Answer {
	byStatus := map[bool]string{true: "delivered", false: "retry"}[s.StatusOnly]
	return []Answer{
		s.answer("taken", "delivered", "", Reply(200, s.OK, "")),
		s.answer("200 with an endless body", byStatus, "", Endless(200, "")),
		s.answer("200 with HTML", "retry", "form", Reply(200, Maintenance, "")),
		s.answer("302", "permanent", "redirects", Reply(302, "", "")),
		s.answer("400 with nothing", "permanent", "400", Reply(400, "", "")),
		s.answer("401 with HTML", "permanent", "401", Reply(401, Maintenance, "")),
		s.answer("403 with HTML", "permanent", "403", Reply(403, Maintenance, "")),
		s.answer("404 with HTML", "permanent", "404", Reply(404, Maintenance, "")),
		s.answer("408", "retry", "", Reply(408, "", "")),
		s.answer("410", "gone", "", Reply(410, "", "")),
		s.answer("413", "permanent", "", Reply(413, Maintenance, "")),
		s.answer("425", "retry", "", Reply(425, "", "")),
		s.answer("429", "retry", "", Reply(429, Maintenance, "")),
		s.answer("429 with seconds", "retry after", "", Reply(429, "", "7")),
		TenMinutes(s.answer("429 with a date", "retry after", "", InTenMinutes)),
		s.answer("500 with HTML", "retry", "", Reply(500, Maintenance, "")),
		s.answer("503 with seconds", "retry after", "", Reply(503, "", "7")),
		s.answer("an echo of everything that came", "retry", "", Echo(500, nil, "")),
		s.answer("a refusal with an echo", "permanent", "", Echo(400, nil, "")),
	}
}

// TenMinutes is the answer of [InTenMinutes].
func TenMinutes(a Answer) Answer {
	a.After = 10 * time.Minute
	return a
}
