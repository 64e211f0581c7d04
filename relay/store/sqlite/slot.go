package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// Now implements store.Store.
func (s *Store) Now() time.Time { return s.now() }

// isDry selects the slots of dry runs by a parameter that is 1, or the others by 0.
const isDry = " AND (" + dryKeys + ") = ?"

// dryKeys selects the slots of dry runs.
const dryKeys = "key >= '" + store.DrySlotPrefix + "' AND key < 'slot:dry0'"

// NextWake implements store.Store.
func (s *Store) NextWake(ctx context.Context, after time.Time, dry bool) (due time.Time, err error) {
	const q = "SELECT due_at FROM kv INDEXED BY kv_due WHERE due_at > ?" + isDry + " ORDER BY due_at LIMIT 1"
	err = s.list(ctx, q, []any{after.UnixMilli(), number(dry)}, func(r conn.Row) { due = r.Time(0) })
	return due, engine.Wrap(err, "reading when the next slot is due")
}

func number(is bool) int {
	if is {
		return 1
	}
	return 0
}

// waking is one call of Wake. Its result is made anew whenever it runs.
type waking struct {
	store.Wake
	woken store.Woken
	note  *store.AuditNote // what a person does by it, or nil
}

// Wake implements store.Store. The writer fires the slots in the transaction of a group of calls.
func (s *Store) Wake(ctx context.Context, w store.Wake) (store.Woken, error) {
	call := &waking{Wake: w, note: store.AuditOf(ctx)}
	err := s.writer.Do(ctx, 4*w.Limit, &op{run: func(t *tx) error { return t.wake(call) }})
	if err != nil {
		return store.Woken{}, engine.Wrap(err, "firing slots")
	}
	if call.woken.AnyFired() {
		call.note.Added()
	}
	return call.woken, nil
}

// wake fires the slots that are due, as the calls before it in this transaction have left them.
func (t *tx) wake(w *waking) error {
	w.woken = store.Woken{}
	if err := t.saveKeys(); err != nil {
		return err
	}
	t.keys.Written()
	slots, err := t.dueSlots(w)
	if err != nil {
		return err
	}
	if err := t.readKeys(engine.SlotKeys(slots, w.Keys)); err != nil {
		return err
	}
	fired, room, start := &acceptance{}, engine.Room(&w.Wake), time.Now()
	for i := range slots {
		if i > 0 && w.Time > 0 && time.Since(start) > w.Time {
			break
		}
		if room, err = t.fill(&slots[i], w, room); err != nil {
			return err
		}
		if i > 0 && room < 0 {
			break // a later call reads it whole
		}
		if err := t.fire(i, &slots[i], w, fired); err != nil {
			return err
		}
	}
	if w.woken.AnyFired() {
		if err := t.audit(w.note); err != nil {
			return err
		}
	}
	return t.insertEvents(fired)
}

// dueSlots reads the slots that are due, without their items, and keeps their values among the keys.
func (t *tx) dueSlots(w *waking) (slots []store.Slot, err error) {
	const q = `SELECT key, due_at, value FROM kv INDEXED BY kv_due
		WHERE due_at <= ?1 AND due_at >= ?2 AND (due_at > ?2 OR key > ?3)` + isDry + " ORDER BY due_at, key LIMIT ?"
	const some = `SELECT key, due_at, value FROM kv
		WHERE key IN (SELECT value FROM json_each(?1)) AND due_at IS NOT NULL` + isDry + " ORDER BY due_at, key LIMIT ?"
	after, key := w.After.Place()
	query, args := q, []any{t.now, after, key, number(w.Dry), w.Limit}
	if len(w.Only) > 0 {
		only, err := json.Marshal(w.Only)
		if err != nil {
			return nil, fmt.Errorf("naming slots: %w", err)
		}
		query, args = some, []any{only, number(w.Dry), w.Limit}
	}
	err = t.Each(query, args, func(r conn.Row) {
		s := store.Slot{SlotRef: store.SlotRef{Due: r.Time(1), Key: r.Str(0)}, Value: append([]byte{}, r.Bytes(2)...)}
		t.keys.Remember(s.Key, engine.KeyValue{Value: s.Value, Expires: engine.Expiry(time.Time{}), Due: r.Int(1)})
		slots = append(slots, s)
	})
	return slots, engine.Wrap(err, "reading due slots")
}

// fill reads the items and events of a slot. Bodies are left out once they are more than the given bytes. It returns
// how many bytes are left.
func (t *tx) fill(s *store.Slot, w *waking, bytes int) (left int, err error) {
	const q = `SELECT ` + eventColumns + `, i.event_id, i.data FROM items i LEFT JOIN events e ON e.id = i.event_id
		WHERE i.key = ? ORDER BY i.event_id LIMIT ?`
	err = t.Each(q, []any{s.Key, store.MaxItems}, func(r conn.Row) {
		it := store.SlotItem{Event: scanEvent(r), Data: r.Bytes(11)}
		it.Event.ID, it.Event.Decisions = r.ID(10), nil
		if bytes -= len(it.Data) + len(it.Event.Body) + len(it.Event.Facts); bytes < 0 {
			it.Event.Body, it.Event.Facts = nil, nil
		}
		s.Items = append(s.Items, it)
	})
	if err != nil || w.Events == nil {
		return bytes, engine.Wrap(err, "reading the items of a slot")
	}
	const event = "SELECT " + eventColumns + " FROM events e WHERE e.id = ?"
	for _, id := range w.Events(s) {
		err := t.Each(event, []any{id}, func(r conn.Row) {
			ev := scanEvent(r)
			bytes -= len(ev.Body) + len(ev.Facts)
			s.Events = append(s.Events, ev)
		})
		if err != nil {
			return bytes, fmt.Errorf("reading the event of a slot: %w", err)
		}
	}
	return bytes, nil
}

// fire decides about a slot, and adds what follows from it to fired.
func (t *tx) fire(i int, s *store.Slot, w *waking, fired *acceptance) (readErr error) {
	f, err := w.Call(i, s, func(key string) ([]byte, error) {
		value, err := t.getKey(key)
		if err != nil {
			readErr = err
		}
		return value, err
	})
	if readErr != nil {
		return readErr
	}
	w.woken.Looked, w.woken.Last = i+1, s.SlotRef
	result := store.Fired{SlotRef: s.SlotRef, Left: f.Leave, Err: err}
	if err == nil && !f.Leave {
		fired.add(&f)
		t.keys.Apply(f.Owner(), &f.Plan)
		result.Pending = engine.PendingOf(f.Deliveries)
	}
	w.woken.Fired = append(w.woken.Fired, result)
	return nil
}

// add adds the event that a firing makes or decides.
func (a *acceptance) add(f *store.Firing) {
	ev := store.Event{ID: f.Owner()}
	switch {
	case f.Event != nil:
		ev = *f.Event
	case f.Of != 0:
		if a.stored == nil {
			a.stored = map[int]bool{}
		}
		a.stored[len(a.batch)] = true
	default:
		return
	}
	a.batch, a.plans = append(a.batch, ev), append(a.plans, f.Plan)
	a.receipts = append(a.receipts, store.Receipt{ID: ev.ID})
}

// SwapSlot implements store.Store.
func (s *Store) SwapSlot(ctx context.Context, old []byte, c store.Change) (bool, error) {
	if err := store.CheckSwapSlot(c); err != nil {
		return false, err
	}
	return s.swap(ctx, old, c)
}

// saveItems deletes the items of slots that have ended, and adds new ones.
func (t *tx) saveItems() error {
	const size = "SELECT count(*), coalesce(sum(length(data)), 0) FROM items WHERE key = ?"
	const add = "INSERT INTO items (key, event_id, data) VALUES (?, ?, ?) ON CONFLICT (key, event_id) DO NOTHING"
	for _, key := range slices.Sorted(maps.Keys(t.keys.Emptied)) {
		var n, bytes int64
		err := t.Each(size, []any{key}, func(r conn.Row) { n, bytes = r.Int(0), r.Int(1) })
		if err == nil && n > 0 {
			_, err = t.Exec("DELETE FROM items WHERE key = ?", key)
			t.count("").bytes -= bytes
		}
		if err != nil {
			return engine.Wrap(err, "deleting items")
		}
	}
	for _, it := range t.keys.Items {
		n, err := t.Exec(add, it.Key, it.Event, it.Data)
		if err != nil {
			return engine.Wrap(err, "adding an item")
		}
		t.count("").bytes += n * int64(len(it.Data))
	}
	return nil
}
