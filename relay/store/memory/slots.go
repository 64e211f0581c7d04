package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// change changes a key. A slot that ends loses its items.
func (m *Store) change(c store.Change) {
	delete(m.dues, c.Key)
	switch {
	case c.Value == nil:
		delete(m.Values, c.Key)
		delete(m.items, c.Key)
		return
	case !c.Due.IsZero():
		m.dues[c.Key] = c.Due
	}
	m.Values[c.Key] = c.Value
}

// addItem adds an item to a slot, unless it has one for that event.
func (m *Store) addItem(it store.Item) {
	same := func(other store.SlotItem) bool { return other.Event.ID == it.Event }
	if slices.ContainsFunc(m.items[it.Key], same) {
		return
	}
	event := m.event(it.Event)
	event.ID, event.Decisions = it.Event, nil
	m.items[it.Key] = append(m.items[it.Key], store.SlotItem{Event: event, Data: it.Data})
}

// event returns a stored event, or the zero value.
func (m *Store) event(id store.ID) store.StoredEvent {
	for _, e := range m.Stored {
		if e.ID == id {
			return e
		}
	}
	return store.StoredEvent{}
}

// NextWake implements store.Store.
func (m *Store) NextWake(_ context.Context, after time.Time, dry bool) (first time.Time, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, due := range m.dues {
		if due.After(after) && store.IsDrySlot(key) == dry && (first.IsZero() || due.Before(first)) {
			first = due
		}
	}
	return first, m.fails
}

// Wake implements store.Store. It calls decide twice, as when a transaction is repeated.
func (m *Store) Wake(_ context.Context, w store.Wake) (woken store.Woken, _ error) {
	time.Sleep(m.Slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return woken, m.fails
	}
	room := engine.Room(&w)
	for i, ref := range m.due(&w) {
		s := &store.Slot{SlotRef: ref, Value: m.Values[ref.Key]}
		if room = m.fill(s, &w, room); i > 0 && room < 0 {
			break
		}
		if w.Keys != nil {
			w.Keys(s)
		}
		if _, err := w.Call(i, s, m.get); m.GetFails != nil {
			return store.Woken{}, err
		}
		f, err := w.Call(i, s, m.get)
		if err == nil && f.Event != nil && m.Refused != "" && f.Event.Project == m.Refused {
			return store.Woken{}, store.ErrData
		}
		woken.Looked, woken.Last = i+1, ref
		woken.Fired = append(woken.Fired, store.Fired{SlotRef: ref, Left: f.Leave, Err: err,
			Pending: engine.PendingOf(f.Deliveries)})
		if err == nil && !f.Leave {
			m.store(f.Event, f.Owner(), &f.Plan)
		}
	}
	return woken, nil
}

// due returns the slots that a call of Wake looks at.
func (m *Store) due(w *store.Wake) (due []store.SlotRef) {
	for key, at := range m.dues {
		ref, chosen := (store.SlotRef{Due: at, Key: key}), !at.After(m.Now())
		if len(w.Only) > 0 {
			chosen = slices.Contains(w.Only, key)
		}
		if chosen && store.IsDrySlot(key) == w.Dry && byPlace(ref, w.After) > 0 {
			due = append(due, ref)
		}
	}
	slices.SortFunc(due, byPlace)
	return due[:min(len(due), w.Limit)]
}

func byPlace(a, b store.SlotRef) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key, b.Key)) }

// OpenSlots implements store.Store.
func (m *Store) OpenSlots(_ context.Context, f store.SlotFilter) (list []store.Slot, next store.SlotRef, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var scanned []store.SlotRef
	for key, due := range m.dues {
		if ref := (store.SlotRef{Due: due, Key: key}); byPlace(ref, f.After) > 0 && store.IsDrySlot(key) == f.Dry {
			scanned = append(scanned, ref)
		}
	}
	slices.SortFunc(scanned, byPlace)
	picked, next := f.Pick(scanned[:min(len(scanned), f.Scan())])
	for _, ref := range picked {
		list = append(list, store.Slot{SlotRef: ref, Value: m.Values[ref.Key]})
	}
	return list, next, m.fails
}

// OpenSlot implements store.Store.
func (m *Store) OpenSlot(_ context.Context, key string, items int) (store.Slot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	due, found := m.dues[key]
	if !found {
		return store.Slot{}, cmp.Or(m.fails, store.ErrNotFound)
	}
	s := store.Slot{SlotRef: store.SlotRef{Due: due, Key: key}, Value: m.Values[key]}
	m.fill(&s, &store.Wake{}, 0)
	s.Items = s.Items[:min(len(s.Items), items)]
	for i := range s.Items {
		s.Items[i].Event.Body = nil
	}
	return s, m.fails
}

// CountSlots implements store.Store.
func (m *Store) CountSlots(_ context.Context, prefix, text string) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.dues {
		if strings.HasPrefix(key, prefix) && strings.Contains(string(m.Values[key]), text) {
			n++
		}
	}
	return n, m.fails
}

// SlotValues implements store.Store.
func (m *Store) SlotValues(_ context.Context, prefix string, most int) (values [][]byte, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.Values)) {
		if strings.HasPrefix(key, prefix) && len(values) < most {
			values = append(values, m.Values[key])
		}
	}
	return values, m.fails
}

// fill reads the items and events of a slot, and returns how many bytes are left.
func (m *Store) fill(s *store.Slot, w *store.Wake, room int) int {
	for _, it := range m.items[s.Key] {
		if room -= len(it.Data) + len(it.Event.Body); room < 0 {
			it.Event.Body = nil
		}
		s.Items = append(s.Items, it)
	}
	slices.SortFunc(s.Items, func(a, b store.SlotItem) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	if w.Events == nil {
		return room
	}
	for _, id := range w.Events(s) {
		if ev := m.event(id); ev.ID != 0 {
			room -= len(ev.Body)
			s.Events = append(s.Events, ev)
		}
	}
	return room
}

// Now implements store.Store.
func (m *Store) Now() time.Time { return m.Clock() }

// Items returns how many items a slot has.
func (m *Store) Items(key string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items[key])
}

// FirstDue returns the key of the slot that is due first.
func (m *Store) FirstDue() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := store.SlotRef{}
	for key, due := range m.dues {
		if first.Key == "" || due.Before(first.Due) || due.Equal(first.Due) && key < first.Key {
			first = store.SlotRef{Due: due, Key: key}
		}
	}
	return first.Key
}
