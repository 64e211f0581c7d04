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

// reload loads the rules and the file of tokens again, for the actor of a context, and adds that to the audit trail. Its
// error is that of the rules; a file of tokens with an error keeps the tokens, and is logged.
func (r *Relay) reload(ctx context.Context) error {
	err := r.reloader.Reload()
	r.noteReload(ctx, err)
	if changed, err := r.guard.Reload(); changed {
		r.noteTokens(ctx, err)
	}
	return err
}

// watchTokens reads the file of tokens again when it changes, until ctx is done.
func (r *Relay) watchTokens(ctx context.Context) {
	err := r.guard.Watch(ctx, func(err error) { r.noteTokens(unasked(ctx, byFile), err) })
	if err != nil {
		r.o.Logger.Warn("tokens file not watched", "error", err, "hint", "send SIGHUP to read it again")
	}
}

// noteTokens adds that the file of tokens was read again to the audit trail.
func (r *Relay) noteTokens(ctx context.Context, err error) {
	r.desk.Note(ctx, desk.VerbReload, "tokens", "", err)
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
