package relay

import (
	"context"

	"qaserelay/relay/qaseapi"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
)

// seriesOf finds the run before that of an event, if no run of its series is stored: after an upgrade, or in a new store.
func (a asks) seriesOf(ev *event.Event) *qaseapi.Series {
	return &qaseapi.Series{
		Of: func(fields map[string]any) string {
			return memory.FinishedKeyOf(&event.Event{Source: ev.Source, Project: ev.Project}, fields, nil)
		},
		Unknown: func(ctx context.Context, fields map[string]any) string {
			stored, err := a.Store.Get(ctx, memory.EntityPrefix+ev.EntityKey())
			if err != nil {
				return ""
			}
			entity := memory.Decode(stored).Fields
			key := memory.FinishedKeyOf(ev, entity, fields)
			for _, one := range []string{key, memory.TitledKeyOf(ev, entity, fields)} {
				if one == "" {
					continue
				}
				history, err := a.Store.Get(ctx, memory.CasesKey(one))
				if err != nil || failures.ReadHistory(history).HasBefore(ev.EntityID(), ev.Timestamp) {
					return ""
				}
			}
			return key
		},
	}
}
