package email

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"qaserelay/notifiers"
)

// Probe connects, encrypts, logs in, and asks whether the server accepts emails from the sender for the known
// recipients. It sends no email.
func (n *notifier) Probe(ctx context.Context, options []json.RawMessage) (string, error) {
	recipients, err := n.knownRecipients(options)
	if err != nil {
		return "", &notifiers.PermanentError{Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	s, err := n.dial(attempt)
	if err != nil {
		return "", n.failure(ctx, attempt, err)
	}
	defer s.quit()
	stop := s.follow(attempt)
	defer stop()
	refused, err := s.ask(envelope(n.from), recipients)
	if err != nil {
		return "", n.failure(ctx, attempt, err)
	}
	if len(refused) > 0 {
		err := fmt.Errorf("the server does not accept emails for %s", strings.Join(refusals(refused), "; "))
		return "", n.refusedProbe(refused, err)
	}
	return n.found(s, len(recipients)), nil
}

// refusedProbe returns a permanent error if one of the recipients is refused permanently.
func (n *notifier) refusedProbe(refused []refusal, err error) error {
	if slices.ContainsFunc(refused, refusal.final) {
		return notifiers.Permanent("%w: check the addresses", n.mask.Error(err))
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: n.mask.Error(err)}
}

// knownRecipients returns the recipients of the notifier and of the message options, each once.
func (n *notifier) knownRecipients(options []json.RawMessage) ([]string, error) {
	var all []string
	for _, own := range append([]json.RawMessage{nil}, options...) {
		o, err := notifiers.MergeOptions[Options](n.defaults, own)
		if err != nil {
			return nil, err
		}
		good, bad := parseAddresses(slices.Concat(o.To, o.Cc, o.Bcc))
		if len(bad) > 0 {
			return nil, fmt.Errorf("%q is not a valid email address", notifiers.Cut(notifiers.OneLine(bad[0]), 100))
		}
		for _, e := range envelopes(good) {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// ask begins a transaction, names the recipients, and aborts it.
func (s *session) ask(from string, recipients []string) (refused []refusal, err error) {
	_, recipients, refused, err = s.spell(rendered{from: from}, recipients)
	if err != nil {
		return nil, err
	}
	if err := s.client.Mail(from); err != nil {
		return nil, fmt.Errorf("naming the sender %s: %w", from, err)
	}
	for _, who := range recipients {
		err := s.client.Rcpt(who)
		var reply *textproto.Error
		switch {
		case errors.As(err, &reply) && reply.Code != 421:
			refused = append(refused, refusal{who, reply})
		case err != nil:
			return nil, fmt.Errorf("naming the recipient %s: %w", who, err)
		}
	}
	return refused, s.client.Reset()
}

// found describes the result of a probe.
func (n *notifier) found(s *session, recipients int) string {
	out := fmt.Sprintf("connected to %s:%d without encryption", n.config.Host, n.config.Port)
	if state, encrypted := s.client.TLSConnectionState(); encrypted {
		out = fmt.Sprintf("connected to %s:%d over %s", n.config.Host, n.config.Port, tls.VersionName(state.Version))
	}
	if n.config.Username != "" && n.config.Auth != "none" {
		out += ", logged in as " + n.config.Username
	}
	out += "; the server accepts emails from " + n.from.Address
	switch recipients {
	case 0:
	case 1:
		out += " for the one recipient that is known without an event"
	default:
		out += fmt.Sprintf(" for the %d recipients that are known without an event", recipients)
	}
	return out + "; no email was sent"
}
