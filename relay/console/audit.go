package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

// auditPages bounds the pages of the audit trail that are searched for what people did to one event.
const auditPages = 4

// note records a sign-in, a sign-out, or a sign-in that failed.
func (c *Console) note(ctx context.Context, verb string, err error) {
	c.o.Desk.Note(ctx, verb, "", "", err)
}

// parseAudit reads the filter in a URL.
func parseAudit(v url.Values) (listQuery, store.AuditFilter) {
	q := parseList(v, []string{"who", "verb", "object", "since", "until"})
	within := q.within()
	return q, store.AuditFilter{Who: q.Get("who"), Verb: q.Get("verb"), Object: q.Get("object"), Before: within.Before,
		After: within.After, OldestFirst: within.OldestFirst, Limit: pageSize}
}

// auditList is what the page of the audit trail shows.
type auditList struct {
	listQuery
	listPager
	Verbs []string
	Rows  []desk.AuditEntry
}

func (c *Console) audit(r *http.Request) (*frame.View, error) {
	q, filter := parseAudit(r.URL.Query())
	page, err := c.o.Desk.Audit(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	if filter.OldestFirst {
		slices.Reverse(page.Entries)
	}
	l := &auditList{listQuery: q, Rows: page.Entries, Verbs: auditVerbs()}
	var ids []string
	for _, e := range l.Rows {
		ids = append(ids, e.ID)
	}
	l.listPager = q.pager(ids, page.Next)
	return &frame.View{Template: "audit", Title: "Audit", Data: l, JSON: "api/v1/audit" + q.Query()}, nil
}

// auditVerbs are the verbs that the filter offers.
func auditVerbs() []string {
	return []string{"login", "login-failed", "logout", desk.VerbRetry, desk.VerbRetryMany, desk.VerbCancel, desk.VerbReplay,
		desk.VerbResume, desk.VerbPause, desk.VerbTest, desk.VerbFlush, desk.VerbDrop, desk.VerbAdd, desk.VerbUpdate,
		desk.VerbExpire, desk.VerbReload, desk.VerbExport, desk.VerbBacktest}
}

// eachEntry calls yield for the entries of the audit trail, until it returns an error.
func (c *Console) eachEntry(ctx context.Context, f store.AuditFilter, yield func(desk.AuditEntry) error) error {
	f.OldestFirst, f.Limit = false, desk.MaxPage
	return eachRow(f.Before, func(before store.ID) ([]desk.AuditEntry, string, error) {
		f.Before = before
		page, err := c.o.Desk.Audit(ctx, f)
		return page.Entries, page.Next, err
	}, yield)
}

func (c *Console) auditCSV(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "audit.csv", "id", "at", "who", "how", "peer", "verb", "object", "details", "outcome")
	_, filter := parseAudit(r.URL.Query())
	return out.end(c.eachEntry(r.Context(), filter, func(e desk.AuditEntry) error {
		return out.row(e.ID, e.At.UTC().Format(time.RFC3339Nano), e.Who, e.How, e.Peer, e.Verb, e.Object, e.Details,
			e.Outcome)
	}))
}

func (c *Console) auditJSONL(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "audit.jsonl")
	_, filter := parseAudit(r.URL.Query())
	return out.end(c.eachEntry(r.Context(), filter, func(e desk.AuditEntry) error {
		return out.json(e)
	}))
}

// deeds returns what people did to an event and its messages, as far as the first entries since its arrival have it.
func (c *Console) deeds(ctx context.Context, p *eventPage) (steps []step, err error) {
	about := map[string]string{p.ID: ""} // the id of the message, by what was changed
	for _, d := range p.Deliveries {
		about[d.ID] = d.ID
	}
	f := store.AuditFilter{After: store.FirstID(p.ReceivedAt) - 1, OldestFirst: true, Limit: desk.MaxPage}
	for range auditPages {
		page, err := c.o.Desk.Audit(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if delivery, found := about[e.Object]; found {
				steps = append(steps, deed(e, delivery))
			}
		}
		if page.Next == "" {
			break
		}
		if f.After, err = store.ParseID(page.Next); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func deed(e desk.AuditEntry, delivery string) step {
	s := step{At: e.At, Icon: "person", Text: e.Verb + " by " + e.Who, Note: e.Details, Delivery: delivery}
	if e.Outcome != "ok" {
		s.Error = e.Outcome
	}
	return s
}
