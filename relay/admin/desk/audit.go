package desk

import (
	"context"
	"errors"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/store"
)

// AuditEntry is what a person has done.
type AuditEntry struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	How     string    `json:"how"`            // token, header, local, cli, signal or file
	Peer    string    `json:"peer,omitempty"` // the address of the client
	Verb    string    `json:"verb"`
	Object  string    `json:"object,omitempty"` // such as the id of a delivery
	Details string    `json:"details,omitempty"`
	Outcome string    `json:"outcome"` // ok, or why it failed
}

// AuditPage is a page of what people have done; see [EventPage].
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next,omitempty"`
}

// The verbs of the audit trail.
const (
	VerbRetry     = "retry"
	VerbRetryMany = "retry-many"
	VerbCancel    = "cancel"
	VerbReplay    = "replay"
	VerbResume    = "resume"
	VerbPause     = "pause"
	VerbTest      = "test-message"
	VerbFlush     = "waiting-flush"
	VerbDrop      = "waiting-drop"
	VerbAdd       = "silence-add"
	VerbUpdate    = "silence-update"
	VerbExpire    = "silence-expire"
	VerbReload    = "reload"
	VerbExport    = "export"
	VerbBacktest  = "backtest"
)

const outcomeOK = "ok"

// Audit returns a page of what people have done.
func (d *Desk) Audit(ctx context.Context, f store.AuditFilter) (AuditPage, error) {
	list, next, err := d.o.Store.Audit(ctx, f)
	if err != nil {
		return AuditPage{}, failed("listing what people have done", err)
	}
	page := AuditPage{Entries: []AuditEntry{}, Next: idText(next)}
	for _, e := range list {
		page.Entries = append(page.Entries, AuditEntry{ID: e.ID.String(), At: e.At, Who: e.Who, How: e.How, Peer: e.Peer,
			Verb: e.Verb, Object: e.Object, Details: e.Details, Outcome: e.Outcome})
	}
	return page, nil
}

// deed is what a person does, for the audit trail.
type deed struct{ verb, object, details string }

// Note adds to the audit trail what a person has done that changes nothing in the store, such as a sign-in. The actor
// is that of the context. An entry that cannot be added is logged.
func (d *Desk) Note(ctx context.Context, verb, object, details string, err error) {
	d.note(ctx, deed{verb, object, details}, err)
}

func (d *Desk) note(ctx context.Context, what deed, err error) {
	e := entryOf(ctx, what)
	if err != nil {
		e.Outcome = reasonOf(err)
	}
	add, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	if err := d.o.Store.AddAudit(add, e); err != nil {
		d.o.Logger.Error("audit entry not added", "verb", e.Verb, "object", e.Object, "who", e.Who, "outcome", e.Outcome,
			"error", err)
	}
}

// auditTimeout is how long an entry waits for the store, also when the client has left.
const auditTimeout = 5 * time.Second

// do lets a person do something: the store adds the entry with the change that do makes, and note adds it if there is
// none. Wrong input is not noted.
func (d *Desk) do(ctx context.Context, what deed, act func(ctx context.Context) error) error {
	audited := store.WithAudit(ctx, entryOf(ctx, what))
	err := act(audited)
	var input *InputError
	if !store.IsAudited(audited) && !errors.As(err, &input) && !errors.Is(err, store.ErrNotFound) {
		d.note(ctx, what, err)
	}
	return err
}

// entryOf returns an entry by the actor of a context.
func entryOf(ctx context.Context, what deed) store.AuditEntry {
	a := access.From(ctx)
	return store.AuditEntry{Who: a.Name, How: a.How, Peer: a.Peer, Verb: what.verb, Object: what.object,
		Details: what.details, Outcome: outcomeOK}
}

// reasonOf says why something failed, without what only the log may hold.
func reasonOf(err error) string {
	var state *StateError
	var op *OpError
	switch {
	case errors.As(err, &state):
		return state.Message
	case errors.As(err, &op):
		return op.Op + " failed, the log says why"
	}
	return err.Error()
}
