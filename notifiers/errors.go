package notifiers

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Reasons why an attempt failed, as they stand in the metric qase_relay_notifications_failed_total.
const (
	ReasonOther    = "other"            // anything else
	ReasonClient   = "clientError"      // the receiver refuses this message or address
	ReasonServer   = "serverError"      // the receiver, or the way to it, is at fault
	ReasonAuth     = "authError"        // the receiver does not accept our credentials
	ReasonRate     = "rateLimited"      // the receiver asks for patience
	ReasonCanceled = "contextCanceled"  // we stopped
	ReasonTimeout  = "deadlineExceeded" // no answer in time
)

// PermanentError says that the message will never be delivered by trying again. Its text tells the operator
// what is wrong and, where that is known, what to do about it.
type PermanentError struct {
	Reason string // one of the Reason constants; empty means ReasonClient
	Err    error
}

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// RetryAfterError says that the receiver does not want another attempt before After has passed.
type RetryAfterError struct {
	After  time.Duration
	Reason string // one of the Reason constants; empty means ReasonRate
	Err    error
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// GoneError says that the receiver is gone for good (HTTP 410): the message is kept, and the notifier pauses until somebody has
// looked at it.
type GoneError struct{ Err error }

func (e *GoneError) Error() string { return e.Err.Error() }
func (e *GoneError) Unwrap() error { return e.Err }

// DoubtfulError is an answer of which nobody knows whether it will come again. Trying again may help, but if it has not soon, it will not;
// until then, later messages about the same thing wait.
type DoubtfulError struct{ Err error }

func (e *DoubtfulError) Error() string { return e.Err.Error() }
func (e *DoubtfulError) Unwrap() error { return e.Err }

// TransientError is a failure worth another attempt, with its reason.
type TransientError struct {
	Reason string
	Err    error
}

func (e *TransientError) Error() string { return e.Err.Error() }
func (e *TransientError) Unwrap() error { return e.Err }

// Reason returns the Reason constant for err.
func Reason(err error) string {
	var p *PermanentError
	var r *RetryAfterError
	var t *TransientError
	var g *GoneError
	switch {
	case errors.As(err, &g):
		return ReasonClient
	case errors.As(err, &p) && p.Reason != "":
		return p.Reason
	case p != nil:
		return ReasonClient
	case errors.As(err, &r) && r.Reason != "":
		return r.Reason
	case r != nil:
		return ReasonRate
	case errors.As(err, &t):
		return t.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	}
	return ReasonOther
}

// FieldError blames one key of a notifier's configuration.
type FieldError struct {
	Key string
	Err error
}

func (e *FieldError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// Field returns the key at fault.
func (e *FieldError) Field() string { return e.Key }

// NewFieldError blames key, which the text of err names already.
func NewFieldError(key string, err error) error {
	return &FieldError{key, errors.New(strings.TrimPrefix(err.Error(), key+": "))}
}
