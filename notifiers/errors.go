package notifiers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Reasons why an attempt failed, as they stand in the metric qase_relay_notifications_failed_total.
const (
	ReasonOther    = "other"            // any other reason
	ReasonClient   = "clientError"      // the receiver refuses this message or address
	ReasonServer   = "serverError"      // the receiver, or the network on the way to it, failed
	ReasonDNS      = "dns"              // the name of the receiver was not resolved
	ReasonAuth     = "authError"        // the receiver does not accept our credentials
	ReasonRate     = "rateLimited"      // the receiver limits the rate
	ReasonCanceled = "contextCanceled"  // the relay stopped
	ReasonTimeout  = "deadlineExceeded" // no answer in time
)

// Reasons lists the reasons, for metrics.
func Reasons() []string {
	return []string{ReasonOther, ReasonClient, ReasonServer, ReasonDNS, ReasonAuth, ReasonRate, ReasonCanceled,
		ReasonTimeout}
}

// PermanentError means that no further attempt can deliver the message. Its text tells the operator what is wrong and,
// if known, what to do.
type PermanentError struct {
	Reason string // one of the Reason constants; empty means ReasonClient
	Err    error
}

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent returns a [PermanentError] without a reason of its own.
func Permanent(format string, args ...any) error {
	return &PermanentError{Err: fmt.Errorf(format, args...)}
}

// RetryAfterError means that the next attempt must wait until After has passed.
type RetryAfterError struct {
	After  time.Duration
	Reason string // one of the Reason constants; empty means ReasonRate
	Err    error
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// GoneError means that the receiver does not exist any more (HTTP 410). The message is kept, and the notifier pauses
// until a person resumes it.
type GoneError struct{ Err error }

func (e *GoneError) Error() string { return e.Err.Error() }
func (e *GoneError) Unwrap() error { return e.Err }

// DoubtfulError means that an unknown answer came. Another attempt may succeed, but only soon; until then, later
// messages about the same entity wait.
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

// MessageError wraps an error that concerns one message or its recipient alone, such as a full mailbox. It says nothing
// about the receiver, so that other messages go out as before. The wrapped error says whether another attempt helps.
type MessageError struct{ Err error }

func (e *MessageError) Error() string { return e.Err.Error() }
func (e *MessageError) Unwrap() error { return e.Err }

// Reason returns the Reason constant for err.
func Reason(err error) string {
	var p *PermanentError
	var r *RetryAfterError
	var t *TransientError
	var g *GoneError
	var lookup *net.DNSError
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
	case errors.As(err, &lookup):
		return ReasonDNS
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	}
	return ReasonOther
}

// FieldError names the key of a notifier's configuration that is wrong.
type FieldError struct {
	Key string
	Err error
}

func (e *FieldError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// Field returns the key that is wrong.
func (e *FieldError) Field() string { return e.Key }

// Fault returns the [FieldError] of a key.
func Fault(key, format string, args ...any) error {
	return &FieldError{key, fmt.Errorf(format, args...)}
}
