package relay

import (
	"context"
	"slices"
	"time"

	"qaserelay/relay/qaseapi"
	"qaserelay/rules"
	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
)

// enrich fills in the fields of the entity and the member that the Qase API has and events did not bring. It does so
// only for a source with a token for the API, and waits for the answers for a second at most.
func (e *Engine) enrich(ctx context.Context, p *pendingEvent) {
	cfg, ev := e.Config(), p.event
	i := slices.IndexFunc(cfg.Sources, func(s rules.Source) bool { return s.Name == ev.Source })
	if i < 0 || cfg.Sources[i].APIToken() == "" {
		return
	}
	key := cfg.Rules.EntityKey(ev)
	if key == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	p.entity, p.member = e.qase.Find(ctx, qaseapi.Query{Source: &cfg.Sources[i], Event: ev, EntityKey: key,
		Entity: e.lacksTitle(ctx, p, key),
		Member: ev.MemberID != 0 && !cfg.Rules.KnowsPerson(ev.MemberID)})
}

// lacksTitle reports whether neither the event nor an earlier one brought the title of its entity.
func (e *Engine) lacksTitle(ctx context.Context, p *pendingEvent, key string) bool {
	if _, given := p.event.Payload["title"]; given {
		return false
	}
	state, err := e.Store.Get(ctx, key)
	return err == nil && !memory.HasTitle(state)
}

// facts returns what the Qase API has said about the event, or nil.
func (p *pendingEvent) facts() *failures.Facts {
	if p.entity == nil && p.member == nil {
		return nil
	}
	return &failures.Facts{Entity: p.entity, Member: p.member}
}
