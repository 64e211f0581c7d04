package email

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestAMailServerIsTriedWithoutAMail(t *testing.T) {
	for name, tt := range map[string]struct {
		server     *server
		mode       string
		options    []string
		want, says string
	}{
		"all is well": {&server{}, "starttls",
			[]string{`{"to":["a@x.io"]}`, `{"to":["b@x.io"],"cc":["A@x.io","a@x.io"]}`}, "delivered",
			"over TLS 1.3, logged in as user; the server accepts emails from qase@example.com for the 3 recipients"},
		"in the open": {&server{}, "none", nil, "delivered",
			"without encryption, logged in as user; the server accepts emails from qase@example.com; no email"},
		"a wrong password": {&server{login: func(string, string) error { return wrongPassword() }}, "implicit",
			nil, "permanent", "check username, password"},
		"an unknown sender": {&server{onMail: func() error { return smtpError(550, "no") }}, "none", nil,
			"permanent", "naming the sender <qase@example.com>"},
		"an unknown recipient": {&server{onRcpt: func(string) error { return smtpError(550, "no") }}, "none",
			[]string{`{"to":["a@x.io"]}`},
			"permanent", "does not accept emails for a@x.io (550"},
		"a recipient that is busy": {&server{onRcpt: func(string) error { return smtpError(450, "no") }}, "none",
			[]string{`{"to":["a@x.io"]}`}, "retry", "450"},
		"no address": {&server{}, "none", []string{`{"to":["nobody"]}`}, "permanent", "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, tt.server, tt.mode)
			n := testEmail(t, s.port, s.roots, func(c *Config) { c.TLS = tt.mode })
			said, err := n.Probe(t.Context(), raws(tt.options))
			if notifierstest.Outcome(err) != tt.want || !strings.Contains(said+notifierstest.ErrorText(err), tt.says) ||
				len(s.mails()) != 0 {
				t.Errorf("%s, %d mails: %q, %v", notifierstest.Outcome(err), len(s.mails()), said, err)
			}
			notifierstest.NoSecrets(t, channel().Secrets, notifiers.Receipt{Response: said}, err)
		})
	}
}

func raws(options []string) []json.RawMessage {
	out := make([]json.RawMessage, len(options))
	for i, o := range options {
		out[i] = json.RawMessage(o)
	}
	return out
}

func TestAProbeEndsWithItsTimeout(t *testing.T) {
	n := channel().At(t, notifierstest.Listen(t, notifierstest.ReadUntilClosed), 60*time.Millisecond)
	start := time.Now()
	_, err := n.(notifiers.Prober).Probe(t.Context(), nil)
	if took := time.Since(start); notifiers.Reason(err) != notifiers.ReasonTimeout || took > notifierstest.Patience {
		t.Errorf("%s after %s: %v", notifiers.Reason(err), took, err)
	}
}
