package ledger

import (
	"context"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// AuditColumns are the columns of the table audit, and AuditRow their values.
const AuditColumns = "id, at, who, how, peer, verb, object, details, outcome"

// auditLimits are the longest texts of an entry, in bytes.
const (
	maxAuditName = 200
	maxAuditText = 2 << 10
)

// AuditRow returns the values of AuditColumns of an entry that is added now. Its texts are shortened.
func AuditRow(id store.ID, now int64, e *store.AuditEntry) []any {
	at := now
	if !e.At.IsZero() {
		at = e.At.UnixMilli()
	}
	return []any{int64(id), at, shortened(e.Who, maxAuditName), shortened(e.How, maxAuditName), shortened(e.Peer, maxAuditName),
		shortened(e.Verb, maxAuditName), shortened(e.Object, maxAuditName), shortened(e.Details, maxAuditText),
		shortened(e.Outcome, maxAuditText)}
}

// shortened returns text that both engines can keep: valid UTF-8 without NUL, of so many bytes at most.
func shortened(text string, most int) string {
	if len(text) > most {
		text = text[:most-len("...")]
		return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "") + "..."
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
}

// Audit implements store.Audit.
func (db *DB) Audit(ctx context.Context, f store.AuditFilter) ([]store.AuditEntry, store.ID, error) {
	var w listing.Where
	w.Equal("who", f.Who)
	w.Equal("verb", f.Verb)
	w.Equal("object", f.Object)
	var reach listing.Reach
	if len(w.Conds) > 0 {
		reach = db.reach(ctx, "audit")
	}
	return listing.Audit(ctx, f, reach, func(sp listing.Span, limit int) ([]store.AuditEntry, error) {
		q := ask("SELECT "+AuditColumns+" FROM audit", w.Within("id", sp), sp.Order("id"), limit)
		return list(ctx, db, q, func(r Row) store.AuditEntry {
			return store.AuditEntry{ID: r.ID(0), At: r.Time(1), Who: r.Text(2), How: r.Text(3), Peer: r.Text(4), Verb: r.Text(5),
				Object: r.Text(6), Details: r.Text(7), Outcome: r.Text(8)}
		})
	})
}

// AuditBefore returns the id before which entries are deleted.
func AuditBefore(now time.Time) store.ID { return store.FirstID(now.Add(-store.AuditKept)) }
