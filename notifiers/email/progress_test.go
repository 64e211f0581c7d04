package email

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// kv is a KV for as long as a test lasts. While broken it fails.
type kv struct {
	mu     sync.Mutex
	values map[string][]byte
	broken bool
}

func (m *kv) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errors.New("disk full")
	}
	return bytes.Clone(m.values[key]), nil
}

func (m *kv) Swap(_ context.Context, key string, old, value []byte, _ time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return false, errors.New("disk full")
	}
	if !bytes.Equal(m.values[key], old) {
		return false, nil
	}
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	if m.values[key] = value; value == nil {
		delete(m.values, key)
	}
	return true, nil
}

// attempt is what a server answers to recipients in one attempt, and what should come of it. A code for MAIL or DATA
// stands for the whole mail.
type attempt struct {
	codes map[string]int
	want  string // see outcome
	reach string // who gets the mail, separated by spaces
	says  string // part of the error or of the receipt
}

func TestNobodyGetsAMailTwiceAndNobodyIsForgotten(t *testing.T) {
	for name, attempts := range map[string][]attempt{
		"one is busy at first": {
			{map[string]int{"b@x.io": 450}, "retry", "a@x.io c@x.io",
				"2 of 3 recipients have the email; refused for now: b@x.io (450"},
			{nil, "delivered", "b@x.io", ""},
		},
		"two are busy, one of them for long": {
			{map[string]int{"b@x.io": 450, "c@x.io": 451}, "retry", "a@x.io", "1 of 3"},
			{map[string]int{"c@x.io": 451}, "retry", "b@x.io", "2 of 3"},
			{nil, "delivered", "c@x.io", ""},
		},
		"one is busy, then unknown": {
			{map[string]int{"b@x.io": 450}, "retry", "a@x.io c@x.io", ""},
			{map[string]int{"b@x.io": 550}, "delivered", "", "refused: b@x.io (550"},
		},
		"one is unknown, one is busy": {
			{map[string]int{"a@x.io": 550, "b@x.io": 450}, "retry", "c@x.io", "refused for now: b@x.io"},
			{map[string]int{"b@x.io": 450}, "retry", "", "refused: a@x.io (550"},
			{nil, "delivered", "b@x.io", "refused: a@x.io (550"},
		},
		"the server breaks down in between": {
			{map[string]int{"b@x.io": 450}, "retry", "a@x.io c@x.io", ""},
			{map[string]int{"MAIL": 421}, "retry", "", "2 recipients have the email already"},
			{map[string]int{"DATA": 451}, "retry", "", "2 recipients have the email already"},
			{nil, "delivered", "b@x.io", ""},
		},
		"the server does not want it any more": {
			{map[string]int{"b@x.io": 450}, "retry", "a@x.io c@x.io", ""},
			{map[string]int{"DATA": 554}, "permanent", "", "2 recipients have the email already"},
			{nil, "delivered", "b@x.io", ""},
		},
		"all are busy": {
			{map[string]int{"a@x.io": 450, "b@x.io": 450, "c@x.io": 450}, "retry", "",
				"every recipient was refused: a@x.io"},
			{nil, "delivered", "a@x.io b@x.io c@x.io", ""},
		},
		"all are unknown": {
			{map[string]int{"a@x.io": 550, "b@x.io": 551, "c@x.io": 553}, "permanent", "", "a@x.io (550"},
		},
		"more than one transaction takes": {
			{map[string]int{"c@x.io": 452}, "retry", "a@x.io b@x.io", "c@x.io (452"},
			{nil, "delivered", "c@x.io", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remembered := &kv{}
			var codes map[string]int
			fail := func(what string) error {
				if codes[what] == 0 {
					return nil
				}
				return smtpError(codes[what], "no")
			}
			s := serveMail(t, &server{
				onMail: func() error { return fail("MAIL") }, onRcpt: fail,
				onData: func() error { return fail("DATA") },
			}, "none")
			n := testEmail(t, s.port, nil)
			m := messageTo(`{"to":["a@x.io"],"cc":["b@x.io"],"bcc":["c@x.io"]}`)
			m.KV = remembered
			var bodies []string
			for i, a := range attempts {
				before := len(s.mails())
				codes = a.codes
				r, err := n.Send(t.Context(), m)
				if notifierstest.Outcome(err) != a.want || a.says != "" &&
					!strings.Contains(r.Response+notifierstest.ErrorText(err), a.says) {
					t.Errorf("attempt %d: %s, %q: %v", i+1, notifierstest.Outcome(err), r.Response, err)
				}
				notifierstest.NoSecrets(t, channel().Secrets, r, err)
				var reached []string
				for _, mail := range s.mails()[before:] {
					reached, bodies = append(reached, mail.to...), append(bodies, mail.data)
				}
				slices.Sort(reached)
				if got := strings.Join(reached, " "); got != a.reach {
					t.Errorf("attempt %d reached %q, want %q", i+1, got, a.reach)
				}
			}
			if len(slices.Compact(bodies)) > 1 {
				t.Error("the attempts sent different mails")
			}
			if attempts[len(attempts)-1].want == "delivered" && len(remembered.values) != 0 {
				t.Errorf("still remembered: %q", remembered.values)
			}
		})
	}
}

func TestAMemoryThatFailsLosesNobody(t *testing.T) {
	busy := map[string]bool{"b@x.io": true}
	s := serveMail(t, &server{onRcpt: func(to string) error {
		if busy[to] {
			return smtpError(450, "busy")
		}
		return nil
	}}, "none")
	n := testEmail(t, s.port, nil)
	m := messageTo(`{"to":["a@x.io","b@x.io"]}`)
	remembered := &kv{broken: true}
	m.KV = remembered
	if _, err := n.Send(t.Context(), m); notifierstest.Outcome(err) != "retry" || len(s.mails()) != 0 {
		t.Errorf("without knowing who has it: %s, %d mails: %v", notifierstest.Outcome(err), len(s.mails()), err)
	}
	m.KV = forgetful{remembered}
	_, err := n.Send(t.Context(), m)
	notifierstest.Fails(t, err, "retry", "storing which recipients have the email")
	m.KV, busy = nil, nil
	if _, err := n.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// forgetful can be read, but keeps nothing.
type forgetful struct{ *kv }

func (forgetful) Get(context.Context, string) ([]byte, error) { return nil, nil }

func TestMailsStandTogetherByTheirKey(t *testing.T) {
	n := testEmail(t, 25, nil)
	remembered := &kv{}
	head := func(title, options string) map[string]string {
		t.Helper()
		m := notifierstest.Message(func(m *notifiers.Message) {
			m.Title, m.Options, m.KV = title, json.RawMessage(options), remembered
		})
		l, err := n.compose(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for _, line := range strings.Split(strings.SplitN(string(l.data), "\r\n\r\n", 2)[0], "\r\n") {
			if key, value, ok := strings.Cut(line, ": "); ok {
				fields[key] = value
			}
		}
		return fields
	}
	first, second := head("Run 7 started", `{"to":["a@x.io"]}`), head("Run 7 failed", `{"to":["b@x.io"]}`)
	if first["References"] == "" || first["References"] != first["In-Reply-To"] ||
		first["References"] != second["References"] {
		t.Errorf("about one thing: %q and %q", first, second)
	}
	if first["Subject"] != "Run 7 started" || second["Subject"] != "Run 7 failed" {
		t.Errorf("without a thread of their own the titles are the subjects: %q, %q", first["Subject"],
			second["Subject"])
	}
	third, fourth := head("Nightly started", `{"to":["a@x.io"],"thread":"nightly"}`),
		head("Nightly failed", `{"to":["a@x.io"],"thread":"nightly"}`)
	if third["References"] == first["References"] || third["References"] != fourth["References"] {
		t.Errorf("by a key: %q and %q", third, fourth)
	}
	if third["Subject"] != "Nightly started" || fourth["Subject"] != "Nightly started" {
		t.Errorf("the subject of the first serves all: %q, %q", third["Subject"], fourth["Subject"])
	}
	if got := head("x",
		`{"to":["a@x.io"],"thread":"nightly","subject":"[WEB] mine"}`); got["Subject"] != "[WEB] mine" ||
		got["References"] != third["References"] {
		t.Errorf("a subject that was written: %q", got)
	}
	if got := head("x", `{"to":["a@x.io"],"thread":"none"}`); got["References"]+got["In-Reply-To"] != "" ||
		got["Subject"] != "x" {
		t.Errorf("without a thread: %q", got)
	}
	remembered.broken = true
	if got := head("y", `{"to":["a@x.io"],"thread":"nightly"}`); got["Subject"] != "y" {
		t.Errorf("without a memory: %q", got)
	}
}

func TestTheListIsNamedByTheRule(t *testing.T) {
	n := testEmail(t, 25, nil, func(c *Config) { c.From = "q@[127.0.0.1]" })
	for rule, want := range map[string]string{
		"failed-run":       "<failed-run.qase-relay.127.0.0.1>",
		"":                 "<qase-relay.127.0.0.1>",
		"Prüfung>\r\nX: y": "<pr-fung---x--y.qase-relay.127.0.0.1>",
		strings.Repeat("long ", 99): "<" + strings.TrimSuffix(strings.Repeat("long-", 12), "-") +
			".qase-relay.127.0.0.1>",
	} {
		if got := n.listID(rule); got != want {
			t.Errorf("%q: got %s", rule, got)
		}
	}
}
