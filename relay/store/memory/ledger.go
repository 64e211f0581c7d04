package memory

import (
	"context"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
)

// Outlines implements store.Outlines. It returns all events, the oldest first.
func (m *Store) Outlines(context.Context, store.OutlineFilter) (list []store.Outlined, _ store.ID, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.Stored {
		list = append(list, m.outlined(&m.Stored[i]))
	}
	return list, 0, m.fails
}

func (m *Store) outlined(e *store.StoredEvent) store.Outlined {
	return store.Outlined{ID: e.ID, Source: e.Source, Name: e.Name, Project: e.Project, ReceivedAt: e.ReceivedAt,
		Kind: e.Kind, ReplayOf: e.ReplayOf, Outline: m.outlines[e.ID]}
}

// OutlinesOf implements store.Outlines.
func (m *Store) OutlinesOf(_ context.Context, ids []store.ID) (map[store.ID]store.Outlined, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[store.ID]store.Outlined{}
	for _, id := range ids {
		for i := range m.Stored {
			if m.Stored[i].ID == id {
				found[id] = m.outlined(&m.Stored[i])
			}
		}
	}
	return found, m.fails
}

// DeliveryStates implements store.Outlines.
func (m *Store) DeliveryStates(_ context.Context, events []store.ID) (map[store.ID]store.EventStates, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[store.ID]store.EventStates{}
	for _, id := range events {
		s := store.EventStates{Count: map[store.State]int{}}
		for _, d := range m.rows {
			if d.EventID != id {
				continue
			}
			s.Count[d.State]++
			if d.IsDryRun() {
				s.DryRun++
			}
			if d.State == store.Pending && (s.NextAt.IsZero() || d.NextAt.Before(s.NextAt)) {
				s.NextAt = d.NextAt
			}
			found[id] = s
		}
	}
	return found, m.fails
}

// FillOutlines implements store.Outlines. Nothing is left to fill.
func (m *Store) FillOutlines(context.Context, func(*store.StoredEvent) store.Outline) (time.Time, error) {
	return time.Time{}, nil
}

// Audit implements store.Audit. It returns all entries, the oldest first.
func (m *Store) Audit(context.Context, store.AuditFilter) ([]store.AuditEntry, store.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.audit, 0, m.fails
}

// AddAudit implements store.Audit.
func (m *Store) AddAudit(_ context.Context, e store.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.ID, e.At = store.ID(len(m.audit)+1), m.Now()
	m.audit = append(m.audit, e)
	return m.fails
}

// Tallies implements store.Tallies. It counts nothing by itself, and sums what has the same A and B if there are steps.
func (m *Store) Tallies(_ context.Context, f store.TallyFilter) (list []store.Tally, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tallies {
		if t.Kind != f.Kind || t.Minute != f.Minute {
			continue
		}
		i := slices.IndexFunc(list, func(x store.Tally) bool {
			return f.Step > 0 && x.A == t.A && x.B == t.B && x.At.Sub(f.From)/f.Step == t.At.Sub(f.From)/f.Step
		})
		if i < 0 {
			list = append(list, t)
			continue
		}
		list[i].N += t.N
	}
	return list, m.fails
}

// AddTallies implements store.Tallies.
func (m *Store) AddTallies(_ context.Context, list []store.Tally) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails == nil {
		m.tallies = append(m.tallies, list...)
	}
	return m.fails
}

// Seen implements store.Tallies. It has seen nothing.
func (m *Store) Seen(context.Context, string) ([]store.Seen, error) { return nil, nil }

// LastAttempts implements store.Tallies. It returns all attempts of the notifier.
func (m *Store) LastAttempts(_ context.Context, notifier string, _ int) (list []store.NotifierAttempt, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.Notifier != notifier {
			continue
		}
		for _, a := range m.attempts[d.ID] {
			list = append(list, store.NotifierAttempt{Delivery: d.ID, Title: d.Title, Attempt: a})
		}
	}
	return list, m.fails
}

// FindEvents implements store.Search. It reads all events.
func (m *Store) FindEvents(ctx context.Context, f store.SearchFilter) (ids []store.ID, next store.ID, err error) {
	m.mu.Lock()
	for i := range m.Stored {
		ids = append(ids, m.Stored[i].ID)
	}
	m.mu.Unlock()
	has, err := m.Having(ctx, ids, f.Terms)
	return slices.DeleteFunc(ids, func(id store.ID) bool { return !has[id] }), 0, err
}

// Having implements store.Search.
func (m *Store) Having(_ context.Context, events []store.ID, terms []store.Term) (map[store.ID]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	has := map[store.ID]bool{}
	for i := range m.Stored {
		d := search.Document{Event: m.Stored[i], Outline: m.outlines[m.Stored[i].ID]}
		for _, row := range m.rows {
			if row.EventID == d.Event.ID {
				d.Deliveries = append(d.Deliveries, search.Message{Rule: row.Rule, Notifier: row.Notifier, Title: row.Title})
			}
		}
		has[d.Event.ID] = slices.Contains(events, d.Event.ID) && search.Query(terms).Matches(d.Words())
	}
	return has, m.fails
}

// IndexEvents implements store.Search. There is no index; it notes whether there should be one.
func (m *Store) IndexEvents(ctx context.Context, on bool) (store.IndexState, error) {
	m.mu.Lock()
	m.indexes = on
	m.mu.Unlock()
	return m.IndexState(ctx)
}

// IndexState implements store.Search. UpTo is the time of the first event.
func (m *Store) IndexState(context.Context) (s store.IndexState, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.On = m.indexes; s.On && len(m.Stored) > 0 {
		s.UpTo = m.Stored[0].ReceivedAt
	}
	return s, m.fails
}

// EventsWith implements store.Search.
func (m *Store) EventsWith(ctx context.Context, events []store.ID, f store.DeliveryFilter) (map[store.ID]bool, error) {
	list, err := m.DeliveriesOf(ctx, events, f)
	with := map[store.ID]bool{}
	for i := range list {
		with[list[i].EventID] = true
	}
	return with, err
}

// DeliveriesOf implements store.Search. The deliveries are in the order in which they were made.
func (m *Store) DeliveriesOf(_ context.Context, events []store.ID, f store.DeliveryFilter) (list []store.Delivery, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if slices.Contains(events, d.EventID) && (f.State == "" || f.State == d.State) &&
			(f.Notifier == "" || f.Notifier == d.Notifier) && (f.Rule == "" || f.Rule == d.Rule) {
			list = append(list, *d)
		}
	}
	return list, m.fails
}

// EventsOf implements store.Reader.
func (m *Store) EventsOf(_ context.Context, ids []store.ID) (list []store.StoredEvent, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		for i := range m.Stored {
			if m.Stored[i].ID == id {
				list = append(list, m.Stored[i])
			}
		}
	}
	return list, m.fails
}

// MessagesOf implements store.Reader.
func (m *Store) MessagesOf(_ context.Context, events []store.ID) (map[store.ID][]store.Made, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := map[store.ID][]store.Made{}
	for _, d := range m.rows {
		if d.FallbackFor == 0 && slices.Contains(events, d.EventID) {
			made[d.EventID] = append(made[d.EventID], store.Made{Rule: d.Rule, Notifier: d.Notifier, Title: d.Title})
		}
	}
	return made, m.fails
}
