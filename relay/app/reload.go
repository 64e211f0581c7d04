package app

import (
	"context"
	"errors"
	"fmt"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules/diag"
)

// The ways in which a reload is asked for without a client.
const (
	bySignal = "signal"
	byFile   = "file"
)

// reload loads the rules again, for the actor of a context, and adds that to the audit trail.
func (r *Relay) reload(ctx context.Context) error {
	err := r.reloader.Reload()
	r.noteReload(ctx, err)
	return err
}

// noteReload adds a reload to the audit trail.
func (r *Relay) noteReload(ctx context.Context, err error) {
	var problems diag.Problems
	if errors.As(err, &problems) && len(problems.Errors()) > 0 {
		errs := problems.Errors()
		err = fmt.Errorf("%s: %s (%d errors)", errs[0].Place(), errs[0].Message, len(errs))
	}
	r.desk.Note(ctx, desk.VerbReload, "", "", err)
}

// unasked returns a context for a reload that no client has asked for.
func unasked(ctx context.Context, how string) context.Context {
	return access.With(ctx, access.Actor{Name: how, How: how})
}
