package service

import (
	"fmt"
	"net/http"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Answer is the answer of a service to a call.
type Answer = httpclient.Answer

// Outcome is the meaning of an answer, as far as its body tells more than the status. The zero value leaves everything
// to the status.
type Outcome struct {
	Class   Class
	Detail  string  // what is wrong, in the service's words
	Seconds float64 // least time until the next attempt
	Reason  string  // one of the Reason constants
	Advice  string  // what to do, if trying again does not help
}

// Class classifies an answer.
type Class int

// The classes of answers.
const (
	ByStatus       Class = iota // the status decides
	delivered                   // the service has accepted the message
	Retry                       // another attempt may succeed
	Permanent                   // no attempt will succeed
	Gone                        // the address does not exist any more
	UnexpectedBody              // the body is not in the form of the service's API: something else answered
)

// classOf classifies an answer by its status.
func classOf(a Answer) Class {
	switch {
	case a.Code >= 200 && a.Code < 300:
		return delivered
	case a.RetryReason() != "":
		return Retry
	case a.Code == http.StatusGone:
		return Gone
	}
	return Permanent
}

// outcome returns the error of an answer, or nil for a delivered message.
func (s *Service) outcome(doing string, a Answer, v Outcome) error {
	failed := a.Failed(doing, s.Service, s.mask.Redact(v.Detail))
	a.RetryAfter = max(a.RetryAfter, httpclient.Seconds(v.Seconds))
	switch v.Class {
	case delivered:
		return nil
	case Retry:
		if v.Advice != "" {
			failed = fmt.Errorf("%w: %s", failed, v.Advice)
		}
		return a.Retry(reason(a, v), failed)
	case UnexpectedBody:
		return a.Retry(notifiers.ReasonServer,
			fmt.Errorf("%w, but not in the form of its API: check %s; or it is in maintenance", failed, s.Key))
	case Gone:
		return &notifiers.GoneError{Err: fmt.Errorf("%w: %s", failed, s.advice(a, v))}
	}
	return &notifiers.PermanentError{Reason: reason(a, v), Err: fmt.Errorf("%w: %s", failed, s.advice(a, v))}
}

// advice tells what to do about an answer that will come again.
func (s *Service) advice(a Answer, v Outcome) string {
	switch {
	case v.Advice != "":
		return v.Advice
	case a.IsRedirect():
		return a.RedirectAdvice(s.Key)
	case a.Code == http.StatusRequestEntityTooLarge:
		return "the message is too big; shorten its body"
	}
	return "check " + s.Key
}

func reason(a Answer, v Outcome) string {
	switch {
	case v.Reason != "":
		return v.Reason
	case a.Code == http.StatusTooManyRequests:
		return notifiers.ReasonRate
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden:
		return notifiers.ReasonAuth
	case v.Class == Retry:
		return notifiers.ReasonServer
	}
	return notifiers.ReasonClient
}
