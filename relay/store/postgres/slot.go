package postgres

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// dryKeys selects the slots of dry runs.
const dryKeys = "(key >= '" + store.DrySlotPrefix + "'::bytea AND key < 'slot:dry0'::bytea)"

// NextWake implements store.Store.
func (s *Store) NextWake(ctx context.Context, after time.Time, dry bool) (due time.Time, err error) {
	const q = "SELECT due_at FROM kv WHERE due_at > $1 AND " + dryKeys + " = $2 ORDER BY due_at, key LIMIT 1"
	known := int64(math.MaxInt64)
	err = s.list(ctx, q, []any{after.UnixMilli(), dry}, func(rows pgx.Rows) error {
		err := rows.Scan(&known)
		due = fromMillis(known)
		return err
	})
	if err == nil {
		s.nextDue.Store(known)
	}
	return due, engine.Wrap(err, "reading when the next slot is due")
}

// waking is one call of Wake. Its result is made anew whenever it runs.
type waking struct {
	store.Wake
	woken store.Woken
	note  *store.AuditNote // what a person does by it, or nil
}

// Wake implements store.Store. One relay fires at a time, in a transaction beside those of events.
func (s *Store) Wake(ctx context.Context, w store.Wake) (store.Woken, error) {
	call := &waking{Wake: w}
	call.Limit = min(w.Limit, s.maxSlots())
	call.note = store.AuditOf(ctx)
	if err := s.slotWriter.Do(ctx, 4*call.Limit, &op{wake: call}); err != nil {
		return store.Woken{}, engine.Wrap(err, "firing slots")
	}
	if call.woken.AnyFired() {
		call.note.Added()
	}
	return call.woken, nil
}

// wakeGroup fires slots for the first call, and tells the others to come again.
func (t *tx) wakeGroup(group []*op) error {
	for _, o := range group {
		o.wake.woken = store.Woken{Busy: true}
	}
	f := &firing{intake: &intake{tx: t}, waking: group[0].wake}
	return f.run()
}

// firing fires the slots of one call of Wake. The slots and all keys that it asks for are locked as for events, so that
// it comes before or after each event that concerns them.
type firing struct {
	*intake
	*waking
	slots []store.Slot // that are due and locked
	room  int          // for bytes
	made  []newDelivery
}

func (f *firing) run() error {
	free, err := f.readDue()
	if err != nil || !free {
		return err
	}
	f.woken = store.Woken{}
	if len(f.slots) == 0 {
		return nil
	}
	if err := f.lockSlots(); err != nil {
		return err
	}
	if err := f.readItems(); err != nil {
		return err
	}
	if err := f.decideAll(); err != nil {
		return err
	}
	f.lockChanged()
	f.lockStreams(f.made)
	f.saveEvents()
	f.insertDeliveries(f.made)
	f.saveKeys()
	if f.woken.AnyFired() {
		f.audit(f.note)
	}
	return nil
}

// readDue reports whether no other relay is at it, and then reads which slots are due. It locks none of them yet.
func (f *firing) readDue() (free bool, err error) {
	const q = "SELECT key, due_at, value FROM kv WHERE due_at <= $1 AND (due_at, key) > ($2, $3) AND " + dryKeys +
		" = $4 ORDER BY due_at, key LIMIT $5"
	f.queueRows(func(rows pgx.Rows) error { return rows.Scan(&free) },
		"SELECT pg_try_advisory_xact_lock($1)", f.store.lockName(lockWake, ""))
	if err := f.send(); err != nil || !free {
		return false, engine.Wrap(err, "reading due slots")
	}
	const some = "SELECT key, due_at, value FROM kv WHERE key = ANY ($1) AND due_at IS NOT NULL AND " + dryKeys +
		" = $2 ORDER BY due_at, key LIMIT $3"
	after, key := f.After.Place()
	query, args := q, []any{f.now, after, []byte(key), f.Dry, f.Limit}
	if len(f.Only) > 0 {
		keys := make([][]byte, len(f.Only))
		for i, key := range f.Only {
			keys[i] = []byte(key)
		}
		query, args = some, []any{keys, f.Dry, f.Limit}
	}
	f.queueRows(func(rows pgx.Rows) error {
		var key, value []byte
		var due int64
		err := rows.Scan(&key, &due, &value)
		f.slots = append(f.slots, store.Slot{SlotRef: store.SlotRef{Due: fromMillis(due), Key: string(key)}, Value: value})
		return err
	}, query, args...)
	return true, engine.Wrap(f.send(), "reading due slots")
}

// lockSlots locks the slots and the keys that they ask for, reads them again, and drops the slots that have ended or
// moved meanwhile.
func (f *firing) lockSlots() error {
	keys := engine.SlotKeys(f.slots, f.Keys)
	for i := range f.slots {
		keys = append(keys, f.slots[i].Key)
	}
	f.readKeys(keys)
	if err := f.send(); err != nil {
		return engine.Wrap(err, "locking due slots")
	}
	f.slots = slices.DeleteFunc(f.slots, func(s store.Slot) bool {
		due := f.keys.Read[s.Key].Due
		return due == 0 || due != s.Due.UnixMilli() && len(f.Only) == 0
	})
	for i := range f.slots {
		now := f.keys.Read[f.slots[i].Key]
		f.slots[i].Value, f.slots[i].Due = now.Value, fromMillis(now.Due)
	}
	return nil
}

// readItems reads the items of the slots and their events, up to the bytes of the call.
func (f *firing) readItems() error {
	f.room = engine.Room(&f.Wake)
	byKey, named := map[string]*store.Slot{}, map[store.ID][]*store.Slot{}
	var keys [][]byte
	var ids []int64
	for i := range f.slots {
		s := &f.slots[i]
		byKey[s.Key], keys = s, append(keys, []byte(s.Key))
		if f.Events == nil {
			continue
		}
		for _, id := range f.Events(s) {
			if !slices.Contains(named[id], s) {
				named[id], ids = append(named[id], s), append(ids, int64(id))
			}
		}
	}
	cut := map[string]bool{} // slots of which not everything was read
	f.queueRows(func(rows pgx.Rows) error {
		key, fits, it, err := scanItem(rows)
		if err == nil {
			cut[key] = cut[key] || !fits
			byKey[key].Items = append(byKey[key].Items, it)
		}
		return err
	}, readItems, keys, store.MaxItems, f.room)
	f.queueRows(func(rows pgx.Rows) error {
		ev, err := scanEvent(rows)
		for _, s := range named[ev.ID] {
			s.Events = append(s.Events, ev)
		}
		return err
	}, "SELECT "+eventColumns+" FROM events e WHERE e.id = ANY ($1)", ids)
	err := f.send()
	for i := range f.slots { // a slot that was cut, and those behind it, are for a later call
		if i > 0 && cut[f.slots[i].Key] {
			f.slots = f.slots[:i]
			break
		}
	}
	return engine.Wrap(err, "reading the items of due slots")
}

// readItems reads items slot by slot until they have so many bytes, and then only the last of each slot, which shows
// that it was cut. All of the first slot are read, the further ones without the bodies of their events.
const readItems = `WITH k AS (SELECT key, place FROM unnest($1::bytea[]) WITH ORDINALITY AS k (key, place)),
	i AS (
		SELECT k.place, i.key, i.event_id, i.data, e.id, octet_length(i.data) + coalesce(octet_length(e.body), 0) +
				coalesce(octet_length(e.facts), 0) AS bytes,
			row_number() OVER (PARTITION BY k.place ORDER BY i.event_id DESC) AS nth
		FROM k CROSS JOIN LATERAL (
			SELECT * FROM items i WHERE i.key = k.key ORDER BY i.event_id LIMIT $2) i
		LEFT JOIN events e ON e.id = i.event_id),
	s AS (SELECT i.*, sum(bytes) OVER (ORDER BY place, event_id) <= $3::bigint AS fits FROM i)
	SELECT s.key, s.fits, s.event_id, s.data, coalesce(e.source, ''), coalesce(e.name, ''), coalesce(e.project, ''),
		coalesce(e.received_at, 0), coalesce(e.replay_of, 0), coalesce(e.kind, ''), CASE WHEN s.fits THEN e.body END, CASE WHEN s.fits THEN e.facts END
	FROM s LEFT JOIN events e ON e.id = s.id WHERE s.fits OR s.nth = 1 OR s.place = 1 ORDER BY s.place, s.event_id`

func scanItem(rows pgx.Rows) (key string, fits bool, it store.SlotItem, err error) {
	var name []byte
	var received int64
	ev := &it.Event
	err = rows.Scan(&name, &fits, &ev.ID, &it.Data, &ev.Source, &ev.Name, &ev.Project, &received, &ev.ReplayOf, &ev.Kind,
		&ev.Body, &ev.Facts)
	ev.ReceivedAt = fromMillis(received)
	return string(name), fits, it, err
}

// decideAll decides about the slots.
func (f *firing) decideAll() error {
	start := time.Now()
	for i := range f.slots {
		if i > 0 && f.Time > 0 && time.Since(start) > f.Time {
			return nil
		}
		if err := f.decideOne(i, &f.slots[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *firing) decideOne(i int, s *store.Slot) (readErr error) {
	fire, err := f.Call(i, s, func(key string) ([]byte, error) {
		value, err := f.get(key)
		readErr = errors.Join(readErr, err)
		return value, err
	})
	if readErr != nil {
		return readErr
	}
	f.woken.Looked, f.woken.Last = i+1, s.SlotRef
	result := store.Fired{SlotRef: s.SlotRef, Left: fire.Leave, Err: err}
	if err == nil && !fire.Leave {
		f.add(&fire)
		f.keys.Apply(fire.Owner(), &fire.Plan)
		result.Pending = engine.PendingOf(fire.Deliveries)
	}
	f.woken.Fired = append(f.woken.Fired, result)
	return nil
}

// add adds the event that a slot's firing makes or decides, and its deliveries.
func (f *firing) add(fire *store.Firing) {
	a := &arrival{Event: fire.Event, plan: fire.Plan, receipt: &store.Receipt{ID: fire.Owner()}}
	switch {
	case fire.Event != nil:
		f.arrivals = append(f.arrivals, a)
	case fire.Of != 0:
		f.decideStored(fire.Of, &a.plan)
	}
	for j := range a.plan.Deliveries {
		f.made = append(f.made, newDelivery{event: fire.Owner(), NewDelivery: &a.plan.Deliveries[j]})
	}
}

// saveSlots queues the changed slots and their items, and the news that one is due earlier.
func (in *intake) saveSlots() {
	var keys, values [][]byte
	var expires []int64
	var dues []*int64
	for _, key := range in.keys.Order {
		kv := in.keys.Changed[key]
		if kv.Value == nil || !store.IsSlot(key) {
			continue
		}
		var due *int64
		if kv.Due != 0 {
			due = &kv.Due
		}
		keys, values = append(keys, []byte(key)), append(values, kv.Value)
		expires, dues = append(expires, kv.Expires), append(dues, due)
	}
	if len(keys) > 0 {
		in.queue(`INSERT INTO kv (key, value, expires_at, due_at)
			SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[])
			ON CONFLICT (key) DO UPDATE
			SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`,
			keys, values, expires, dues)
	}
	in.saveItems()
	if first := in.keys.FirstDue(); first != 0 && first < in.store.nextDue.Load() {
		in.wake(store.DueNotification)
	}
}

// SwapSlot implements store.Store. It locks the slot as Accept and Wake do.
func (s *Store) SwapSlot(ctx context.Context, old []byte, c store.Change) (swapped bool, err error) {
	if err := store.CheckSwapSlot(c); err != nil {
		return false, err
	}
	note := store.AuditOf(ctx)
	err = s.read(ctx, func(ctx context.Context) error {
		swapped = false
		t, err := s.begin(ctx, slotPurge)
		if err != nil {
			return err
		}
		defer t.end()
		in := &intake{tx: t}
		in.readKeys([]string{c.Key})
		if err := t.send(); err != nil {
			return err
		}
		now, err := in.keys.Get(c.Key, t.now, func() (engine.KeyValue, error) { return engine.KeyValue{}, nil })
		if err != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
			return err
		}
		swapped = true
		in.keys.Set(c)
		in.saveKeys()
		t.audit(note)
		return t.commit()
	})
	if swapped && err == nil {
		note.Added()
	}
	return swapped && err == nil, engine.Wrap(err, "changing a slot")
}

// uncountItems takes the items that were deleted from the counts.
const uncountItems = `, kept AS (
		INSERT INTO counts AS c (node, slot, notifier, unfinished, dead, bytes)
		SELECT $3::integer, $4::integer, '', 0, 0, -sum(n) FROM gone HAVING count(*) > 0
		ON CONFLICT (node, slot, notifier) DO UPDATE SET bytes = c.bytes + excluded.bytes) `

// saveItems queues the deletion of the items of slots that have ended, and the new ones.
func (in *intake) saveItems() {
	const drop = `WITH gone AS (
			DELETE FROM items WHERE key = ANY ($1) AND $2::boolean RETURNING octet_length(data) AS n)` + uncountItems +
		"SELECT coalesce(sum(n), 0)::bigint FROM gone"
	const add = `WITH new AS (
			INSERT INTO items (key, event_id, data) SELECT * FROM unnest($1::bytea[], $2::bigint[], $5::bytea[])
			ON CONFLICT (key, event_id) DO NOTHING RETURNING octet_length(data) AS n),
		gone AS (SELECT -n AS n FROM new)` + uncountItems + "SELECT coalesce(sum(n), 0)::bigint FROM gone"
	if len(in.keys.Emptied)+len(in.keys.Items) == 0 {
		return
	}
	sum := &countSum{}
	uncount := func(row pgx.Row) error {
		var bytes int64
		err := row.Scan(&bytes)
		sum.bytes -= bytes
		return err
	}
	node := in.store.self.node.Load()
	if len(in.keys.Emptied) > 0 {
		var keys [][]byte
		for _, key := range slices.Sorted(maps.Keys(in.keys.Emptied)) {
			keys = append(keys, []byte(key))
		}
		in.queue(drop, keys, true, node, in.slot).QueryRow(uncount)
	}
	if len(in.keys.Items) > 0 {
		keys, events, data := itemColumns(in.keys.Items)
		in.queue(add, keys, events, node, in.slot, data).QueryRow(uncount)
	}
	in.addLoad(sum)
}

// itemColumns returns the columns of items, sorted, each once.
func itemColumns(items []store.Item) (keys [][]byte, events []int64, data [][]byte) {
	type place struct {
		key   string
		event store.ID
	}
	seen := map[place]bool{}
	for _, it := range items {
		if at := (place{it.Key, it.Event}); !seen[at] {
			seen[at] = true
			keys, events = append(keys, []byte(it.Key)), append(events, int64(it.Event))
			data = append(data, it.Data)
		}
	}
	return keys, events, data
}
