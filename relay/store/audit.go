package store

import (
	"context"
	"sync/atomic"
	"time"
)

// AuditEntry is what a person, or the relay for one, has done.
type AuditEntry struct {
	ID      ID // made by the store
	At      time.Time
	Who     string // a name, such as that of a token
	How     string // token, header, local, cli, signal or file
	Peer    string // the address of the client, or empty
	Verb    string // such as retry
	Object  string // what it was done to, such as the id of a delivery; empty if that is more than one
	Details string // for people; it holds no secret
	Outcome string // ok, or why it failed
}

// AuditKept is how long entries are kept.
const AuditKept = 400 * 24 * time.Hour

// AuditFilter selects entries. Zero fields select all.
type AuditFilter struct {
	Who, Verb, Object string
	Before, After     ID // for paging; FirstID makes one of a time
	OldestFirst       bool
	Limit             int // at most 1000; zero means 50
}

// Audit keeps who did what.
type Audit interface {
	// Audit lists entries, newest first, in pages as Reader.Events does.
	Audit(ctx context.Context, f AuditFilter) (list []AuditEntry, next ID, err error)
	// AddAudit adds an entry.
	AddAudit(ctx context.Context, e AuditEntry) error
}

type auditKey struct{}

// WithAudit returns a context with which Retry, Rewrite, Cancel, Swap and Wake add an entry in the transaction of the
// change, if there is one: each entry once, by the first transaction that changes something.
func WithAudit(ctx context.Context, e AuditEntry) context.Context {
	return context.WithValue(ctx, auditKey{}, &AuditNote{AuditEntry: e})
}

// AuditNote is the entry of a context. The engine that adds it calls Added after the commit.
type AuditNote struct {
	AuditEntry
	added atomic.Bool
}

// AuditOf returns the entry that is to be added with a change, or nil. The calls of one context do not overlap.
func AuditOf(ctx context.Context) *AuditNote {
	if n, _ := ctx.Value(auditKey{}).(*AuditNote); n != nil && !n.added.Load() {
		return n
	}
	return nil
}

// IsAudited reports whether the entry of a context was added.
func IsAudited(ctx context.Context) bool {
	n, _ := ctx.Value(auditKey{}).(*AuditNote)
	return n != nil && n.added.Load()
}

// Added notes that the entry was added. It may be called on nil.
func (n *AuditNote) Added() {
	if n != nil {
		n.added.Store(true)
	}
}
