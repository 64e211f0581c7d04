package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"qaserelay/notifiers/redact"
	"qaserelay/relay/ingest/client"
)

// AnswerError returns the error of an answer that does not accept the event, with a hint. to is the webhook address.
func AnswerError(a client.Answer, to string) error {
	if a.Err != nil {
		return connectionError(a.Err, to)
	}
	err := fmt.Errorf("refused with %s: %s", a.Status, Printable(a.Reason()))
	switch a.Code {
	case http.StatusUnauthorized:
		return Hint(err, "give the source's secret by --secret or QASE_WEBHOOK_SECRET; see its secrets: in the rules "+
			"file")
	case http.StatusForbidden:
		return Hint(err, "see projects: and allow_from: of the source in the rules file, or set another project: "+
			"--set project_code=CODE")
	case http.StatusNotFound:
		return Hint(err, "the last part of --to names a source of the rules file; serve logs the addresses when it "+
			"starts")
	case http.StatusServiceUnavailable:
		return Hint(err, "the relay cannot store events now; try again after %s seconds, and see its log", a.RetryAfter)
	case http.StatusRequestEntityTooLarge:
		return Hint(err, "the limit is that of serve --max-body")
	}
	return err
}

func connectionError(err error, to string) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Hint(fmt.Errorf("nothing listens at %s", redact.Address(to)),
			"start a relay with qase-relay serve, or set its address: --to URL")
	case errors.Is(err, context.DeadlineExceeded):
		return Hint(fmt.Errorf("no answer from %s in time", redact.Address(to)),
			"is this the public address of a relay? --timeout waits longer")
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return Hint(fmt.Errorf("there is no host %s", lookup.Name), "check the address in --to")
	}
	return fmt.Errorf("posting the event: %w", err)
}
