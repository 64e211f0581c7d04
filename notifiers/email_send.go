package notifiers

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// mailResult is what became of one mail.
type mailResult struct {
	delivered bool
	answer    string    // the server's word at the end
	refused   []refusal // recipients that do not get it
}

// refusal is a recipient that the server does not take, and why.
type refusal struct {
	recipient string
	err       *textproto.Error
}

// send hands the letter over. Recipients that are too many for one transaction (RFC 5321, section 4.5.3.1.10) get
// another. The error is nil if somebody gets the mail.
func (s *smtpSession) send(ctx context.Context, l letter) (mailResult, error) {
	stop := s.conn.follow(ctx)
	defer stop()
	var total mailResult
	for left := l.recipients; len(left) > 0; {
		part, err := s.transact(l, left)
		if err != nil {
			if !total.delivered {
				total.refused = append(total.refused, part.refused...)
				return total, err
			}
			return total.withUnsent(left, err), nil
		}
		total.delivered, total.answer = true, part.answer
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

// withUnsent adds those that a later transaction did not reach.
func (r mailResult) withUnsent(recipients []string, err error) mailResult {
	reply := &textproto.Error{Code: 400, Msg: err.Error()}
	errors.As(err, &reply)
	for _, who := range recipients {
		r.refused = append(r.refused, refusal{who, reply})
	}
	return r
}

// transact runs one mail transaction: all recipients first, then the mail for those that were accepted.
func (s *smtpSession) transact(l letter, recipients []string) (mailResult, error) {
	var r mailResult
	if err := s.client.Mail(l.from); err != nil {
		return r, fmt.Errorf("the sender %s was refused: %w", l.from, err)
	}
	for _, who := range recipients {
		err := s.client.Rcpt(who)
		var reply *textproto.Error
		switch {
		case err == nil:
			continue
		case !errors.As(err, &reply), reply.Code == 421:
			return r, fmt.Errorf("naming the recipient %s: %w", who, err)
		}
		r.refused = append(r.refused, refusal{who, reply})
	}
	if len(r.refused) == len(recipients) {
		return r, &refusedError{r.refused}
	}
	w, err := s.client.Data()
	if err != nil {
		return r, fmt.Errorf("sending the mail: %w", err)
	}
	// Closing the writer would end the mail, and so the server would take a part of it for the whole.
	if _, err := w.Write(l.data); err != nil {
		return r, fmt.Errorf("sending the mail: %w", err)
	}
	if err := w.Close(); err != nil {
		return r, fmt.Errorf("sending the mail: %w", err)
	}
	r.delivered, r.answer = true, "250 OK"
	if dc, ok := w.(*smtp.DataCloser); ok {
		r.answer = "250 " + dc.ServerResponse()
	}
	return r, nil
}

// refusedError says that the server takes none of the recipients. It unwraps to the first refusal that may pass.
type refusedError struct{ refused []refusal }

func (e *refusedError) Error() string {
	return "every recipient was refused: " + strings.Join(refusals(e.refused), "; ")
}

func (e *refusedError) Unwrap() error {
	for _, r := range e.refused {
		if r.err.Code < 500 {
			return r.err
		}
	}
	return e.refused[0].err
}

func refusals(list []refusal) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = fmt.Sprintf("%s (%s)", strings.Trim(r.recipient, "<>"), oneLine(r.err.Error()))
	}
	return out
}

// receipt tells the server's word, and who does not get the mail.
func (r mailResult) receipt(m masker, notes []string) Receipt {
	for _, s := range refusals(r.refused) {
		notes = append(notes[:len(notes):len(notes)], "refused: "+s)
	}
	return Receipt{
		Status:   m.mask(cut(oneLine(r.answer), 500)),
		Response: cutBytes(m.mask(strings.Join(notes, "\n")), maxReceipt),
	}
}

// failure classifies the error of an attempt (RFC 5321, section 4.2.1): the server's 5yz answers are final, and its
// 4yz answers and a broken connection are not.
func (n *emailNotifier) failure(outer, attempt context.Context, err error) error {
	const doing = "sending the mail"
	var reply *textproto.Error
	var permanent *PermanentError
	switch {
	case errors.As(err, &permanent):
		return &PermanentError{permanent.Reason, n.mask.error(err)}
	case errors.As(err, &reply) && reply.Code >= 500:
		return finalReply(reply.Code, n.mask.error(err))
	case reply != nil:
		return &transientError{ReasonServer, n.mask.error(err)}
	case attempt.Err() != nil:
		return n.mask.attemptError(outer, doing, attempt.Err())
	}
	return n.mask.attemptError(outer, doing, err)
}

// finalReply tells what to do about a 5yz answer.
func finalReply(code int, err error) error {
	switch code {
	case 530, 534, 535, 538, 504:
		return &PermanentError{ReasonAuth, fmt.Errorf("%w: check username, password and auth", err)}
	case 550, 551, 553, 554:
		return &PermanentError{Err: fmt.Errorf("%w: check the addresses, and that the server lets us send from this sender", err)}
	case 552, 523:
		return &PermanentError{Err: fmt.Errorf("%w: the mail is too big for the server, or the mailbox is full", err)}
	}
	return &PermanentError{Err: err}
}
