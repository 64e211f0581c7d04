package email

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"qaserelay/notifiers"
)

// outcome is the result of one attempt. Recipients in neither list were not reached.
type outcome struct {
	taken   []string  // recipients that the server has accepted the email for
	refused []refusal // recipients that the server has refused, permanently or for now
	answer  string    // the server's last reply
}

// refusal is a recipient that the server has refused, with its reply.
type refusal struct {
	recipient string
	err       *textproto.Error
}

// final reports whether the refusal is permanent.
func (r refusal) final() bool { return r.err.Code >= 500 }

// send sends an email to recipients. If they are too many for one transaction (RFC 5321, section 4.5.3.1.10), it uses
// several. The error is nil if a recipient has got the email; recipients of a later transaction that fails are refused.
func (s *session) send(ctx context.Context, l rendered, recipients []string) (outcome, error) {
	stop := s.follow(ctx)
	defer stop()
	l, left, refused, err := s.spell(l, recipients)
	total := outcome{refused: refused}
	if err != nil || len(left) == 0 && len(refused) > 0 {
		return total, cmp.Or(err, error(&refusedError{refused}))
	}
	for len(left) > 0 {
		part, err := s.transact(l, left)
		s.broken = s.broken || !s.reusable(err)
		if err != nil && len(total.taken) == 0 {
			total.refused = append(total.refused, part.refused...)
			return total, err
		}
		if err != nil {
			return total.withUnsent(left, err), nil
		}
		total.taken, total.answer = append(total.taken, part.taken...), part.answer
		left = nil
		for _, r := range part.refused {
			if r.err.Code == 452 {
				left = append(left, r.recipient)
				continue
			}
			total.refused = append(total.refused, r)
		}
	}
	return total, nil
}

// spell prepares the session for addresses that are not ASCII. A server without SMTPUTF8 (RFC 6531) refuses their
// recipients, and gets the email without them.
func (s *session) spell(l rendered, recipients []string) (rendered, []string, []refusal, error) {
	wide := func(address string) bool { return !isASCII(address) }
	needed := l.ascii != nil || wide(l.from) || slices.ContainsFunc(recipients, wide)
	offered, _ := s.client.Extension("SMTPUTF8")
	s.client.SkipSMTPUTF8(!needed)
	if !needed || offered {
		return l, recipients, nil, nil
	}
	if wide(l.from) {
		return l, nil, nil, notifiers.Permanent("the mail server does not take senders with letters such as ä before the "+
			"@, as in %s (it offers no SMTPUTF8): write another from", bare(l.from))
	}
	var left []string
	var refused []refusal
	for _, who := range recipients {
		if !wide(who) {
			left = append(left, who)
			continue
		}
		refused = append(refused, refusal{who, &textproto.Error{Code: 553, Msg: "the mail server does not take letters " +
			"such as ä before the @ (it offers no SMTPUTF8); write another address"}})
	}
	if l.ascii != nil {
		l.data = l.ascii
	}
	return l, left, refused, nil
}

// senderError is the error of a server that takes no email in this session. Another session may be served.
type senderError struct{ error }

// Unwrap returns the server's reply.
func (e *senderError) Unwrap() error { return e.error }

// withUnsent adds the recipients of a later transaction that failed.
func (r outcome) withUnsent(recipients []string, err error) outcome {
	reply := &textproto.Error{Code: 400, Msg: err.Error()}
	errors.As(err, &reply)
	for _, who := range recipients {
		r.refused = append(r.refused, refusal{who, reply})
	}
	return r
}

// transact runs one transaction: all recipients first, then the email for the accepted ones.
func (s *session) transact(l rendered, recipients []string) (r outcome, err error) {
	if err := s.client.Mail(l.from); err != nil {
		return r, &senderError{fmt.Errorf("naming the sender %s: %w", l.from, err)}
	}
	for _, who := range recipients {
		err := s.client.Rcpt(who)
		var reply *textproto.Error
		switch {
		case err == nil:
			r.taken = append(r.taken, who)
			continue
		case !errors.As(err, &reply), reply.Code == 421:
			return outcome{refused: r.refused}, fmt.Errorf("naming the recipient %s: %w", who, err)
		}
		r.refused = append(r.refused, refusal{who, reply})
	}
	if len(r.taken) == 0 {
		return r, &refusedError{r.refused}
	}
	if r.answer, err = s.data(l); err != nil {
		return outcome{refused: r.refused}, err
	}
	return r, nil
}

// data sends the email itself, and returns the server's reply.
func (s *session) data(l rendered) (string, error) {
	w, err := s.client.Data()
	if err != nil {
		return "", fmt.Errorf("announcing the email: %w", err)
	}
	s.handed, s.writing = true, true
	// On an error the writer stays open: closing it ends the email, and the server would accept a part as the whole.
	if _, err := w.Write(l.data); err != nil {
		return "", fmt.Errorf("handing it over: %w", err)
	}
	err = w.Close()
	s.writing = false
	if err != nil {
		var reply *textproto.Error
		s.handed = !errors.As(err, &reply) // with a reply it is known that the server has not accepted the email
		return "", fmt.Errorf("handing it over: %w", err)
	}
	if dc, ok := w.(*smtp.DataCloser); ok {
		return "250 " + dc.ServerResponse(), nil
	}
	return "250 OK", nil
}

// refusedError means that the server has refused all recipients. It unwraps to the first refusal that is not permanent.
type refusedError struct{ refused []refusal }

func (e *refusedError) Error() string {
	return "every recipient was refused: " + strings.Join(refusals(e.refused), "; ")
}

func (e *refusedError) Unwrap() error {
	if i := slices.IndexFunc(e.refused, func(r refusal) bool { return !r.final() }); i >= 0 {
		return e.refused[i].err
	}
	return e.refused[0].err
}

func refusals(list []refusal) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = fmt.Sprintf("%s (%s)", bare(r.recipient), notifiers.OneLine(r.err.Error()))
	}
	return out
}

// bare returns an address without its angle brackets.
func bare(recipient string) string { return strings.Trim(recipient, "<>") }
