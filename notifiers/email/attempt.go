package email

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Send sends the email to the recipients who do not have it yet. A refused recipient does not stop the others, and is
// named in the receipt. If some recipients are refused for now and others have the email, the next attempt is only for
// the former; without a [notifiers.KV] there is no next attempt, since it would reach the others twice. If all
// recipients are refused permanently, Send returns an error.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	rendered, err := n.compose(ctx, m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	before, err := readProgress(attempt, m)
	if err != nil {
		return notifiers.Receipt{}, n.failure(ctx, attempt,
			fmt.Errorf("reading which recipients have the email: %w", err))
	}
	var result outcome
	if left := before.left(rendered.recipients); len(left) > 0 {
		result, err = n.transmit(attempt, rendered, left)
	}
	var refused *refusedError
	if errors.As(err, &refused) && len(before.Taken) > 0 {
		err = nil // earlier recipients have the email, so the delivery as a whole has not failed
	}
	if err != nil {
		return before.receipt(result, rendered.notes, n.mask), before.unsent(n.failure(ctx, attempt, err))
	}
	after := before
	waiting := after.with(result)
	receipt := after.receipt(result, rendered.notes, n.mask)
	if len(waiting) == 0 || m.KV == nil {
		before.forget(ctx, m)
		return receipt, nil
	}
	if err := after.remember(ctx, m); err != nil {
		return receipt, &notifiers.TransientError{Reason: notifiers.ReasonOther,
			Err: fmt.Errorf("storing which recipients have the email: %w", n.mask.Error(err))}
	}
	err = fmt.Errorf("%d of %d recipients have the email; refused for now: %s",
		len(after.Taken), len(rendered.recipients), strings.Join(refusals(waiting), "; "))
	return receipt, &notifiers.MessageError{Err: &notifiers.TransientError{Reason: notifiers.ReasonServer,
		Err: n.mask.Error(err)}}
}

// transmit sends the email over an idle session or a new one. It replaces an idle session that breaks, or in which the
// server takes no further email, before the server may have accepted this one.
func (n *notifier) transmit(ctx context.Context, l rendered, recipients []string) (outcome, error) {
	if s := n.idle(ctx); s != nil {
		result, err := s.send(ctx, l, recipients)
		final := s.handed || s.reusable(err) || ctx.Err() != nil
		n.release(s, err) // from here on another email may use it
		if final {
			return result, err
		}
	}
	s, err := n.dial(ctx)
	if err != nil {
		return outcome{}, err
	}
	result, err := s.send(ctx, l, recipients)
	n.release(s, err)
	return result, err
}

// failure classifies the error of an attempt (RFC 5321, section 4.2.1): the server's 5yz replies are permanent; its
// 4yz replies and a broken connection are not.
func (n *notifier) failure(outer, attempt context.Context, err error) error {
	const doing = "sending the email"
	err = httpclient.ExplainTrust(err, "tls_ca_file")
	var reply *textproto.Error
	var permanent *notifiers.PermanentError
	var later *notifiers.RetryAfterError
	var passing *notifiers.TransientError
	switch {
	case errors.As(err, &permanent):
		return &notifiers.PermanentError{Reason: permanent.Reason, Err: n.mask.Error(err)}
	case attempt.Err() == nil && (errors.As(err, &later) || errors.As(err, &passing)):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &reply) && reply.Code >= 500:
		return finalReply(reply.Code, n.mask.Error(err))
	case reply != nil:
		return n.passing(err, reply)
	case attempt.Err() != nil:
		return n.mask.AttemptError(outer, doing, attempt.Err())
	}
	return n.mask.AttemptError(outer, doing, err)
}

// limitWait is how long to wait after a reply by which the server limits the rate or the number of connections.
const limitWait = 30 * time.Second

// passing classifies a 4yz reply: it may be a limit of the server, or be about this email or its recipients, and
// otherwise the server fails.
func (n *notifier) passing(err error, reply *textproto.Error) error {
	var refused *refusedError
	text, masked := reply.Error(), n.mask.Error(err)
	switch {
	case !aboutMessage.MatchString(text) && aboutLimit.MatchString(text):
		return &notifiers.RetryAfterError{After: limitWait, Reason: notifiers.ReasonRate, Err: masked}
	case aboutMessage.MatchString(text), errors.As(err, &refused):
		return &notifiers.MessageError{Err: &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: masked}}
	}
	return &notifiers.TransientError{Reason: notifiers.ReasonServer, Err: masked}
}

var (
	// aboutLimit matches the replies of common servers about their limits, with their codes of RFC 3463.
	aboutLimit = regexp.MustCompile(`(?i)too many( concurrent)?( smtp)? (connections|sessions|messages|emails)|` +
		`too much mail|\brate\b.{0,20}(limit|exceed)|limit exceeded|throttl|\b4\.7\.28\b`)
	// aboutMessage matches the codes of RFC 3463 about an address, a mailbox, or the size or content of an email.
	aboutMessage = regexp.MustCompile(`\b4\.(1\.\d+|2\.\d+|3\.4|6\.\d+)\b`)
)

// finalReply adds advice to the error of a 5yz reply.
func finalReply(code int, err error) error {
	switch code {
	case 530, 534, 535, 538, 504:
		return &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
			Err: fmt.Errorf("%w: check username, password and auth", err)}
	case 550, 551, 553, 554:
		return notifiers.Permanent("%w: check the addresses, and that the server lets us send from this sender", err)
	case 552, 523:
		return notifiers.Permanent("%w: the email is too big for the server, or the mailbox is full",
			err)
	}
	return &notifiers.PermanentError{Err: err}
}
