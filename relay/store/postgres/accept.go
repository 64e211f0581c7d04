package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
)

// acceptance is one call of Accept.
type acceptance struct {
	batch    []store.Event
	decide   store.Decide
	receipts []store.Receipt
}

// Accept implements Store.
func (s *Store) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	a := &acceptance{batch: batch, decide: decide}
	if err := s.events.do(ctx, 4*len(batch), &op{accept: a}); err != nil {
		return nil, fmt.Errorf("storing events: %w", err)
	}
	return a.receipts, nil
}

// intake is what one transaction does with the events of a group of calls: it locks and reads the keys that they will ask for, decides, and
// writes everything.
type intake struct {
	*tx
	arrivals []*arrival
	read     map[string]store.KeyValue // all of them are locked
	keys     store.Changes
}

// arrival is one event of an intake.
type arrival struct {
	*store.Event
	decide  func(get func(string) ([]byte, error)) (store.Plan, error)
	receipt *store.Receipt
	first   *arrival // the one with the same body before it in this transaction
	plan    store.Plan
}

func (t *tx) acceptGroup(group []*op) error {
	in := &intake{tx: t, read: map[string]store.KeyValue{}}
	for _, o := range group {
		if o.accept == nil {
			t.probe()
			continue
		}
		in.add(o.accept)
	}
	if len(in.arrivals) == 0 {
		return nil
	}
	if err := in.open(); err != nil {
		return err
	}
	if err := in.decideAll(); err != nil {
		return err
	}
	in.save()
	return nil
}

func (in *intake) add(a *acceptance) {
	a.receipts = make([]store.Receipt, len(a.batch))
	for i := range a.batch {
		decide := func(get func(string) ([]byte, error)) (store.Plan, error) { return a.decide(i, get) }
		in.arrivals = append(in.arrivals, &arrival{Event: &a.batch[i], decide: decide, receipt: &a.receipts[i]})
	}
}

// open begins the transaction: it locks and reads the announced keys, and marks the bodies as seen.
func (in *intake) open() error {
	var keys []string
	for _, a := range in.arrivals {
		keys = append(keys, a.Keys...)
	}
	in.readKeys(keys)
	seen := in.markSeen()
	if err := in.send(); err != nil {
		return store.Wrap(err, "reading the state of the events")
	}
	return in.findDuplicates(seen)
}

// readKeys queues the locking and reading of keys.
func (in *intake) readKeys(keys []string) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		return
	}
	names := make([][]byte, len(keys))
	for i, key := range keys {
		names[i] = []byte(key)
		in.read[key] = store.KeyValue{}
	}
	in.lock(lockKeys, keys)
	in.queueRows(func(rows pgx.Rows) error {
		var key, value []byte
		var expires int64
		err := rows.Scan(&key, &value, &expires)
		in.read[string(key)] = store.KeyValue{Value: value, Expires: expires}
		return err
	}, "SELECT key, value, expires_at FROM kv WHERE key = ANY ($1)", names)
}

// markSeen queues the remembering of bodies. The answer tells which of them were not seen before; another relay that takes the same one has to wait
// for the end of this transaction.
func (in *intake) markSeen() (fresh map[store.ID]bool) {
	firsts := map[store.BodyHash]*arrival{}
	for _, a := range in.arrivals {
		if a.ReplayOf != 0 {
			continue
		}
		if a.first = firsts[store.HashOf(a.Event)]; a.first == nil {
			firsts[store.HashOf(a.Event)] = a
		}
	}
	marks := make([]*arrival, 0, len(firsts))
	for _, a := range firsts {
		marks = append(marks, a)
	}
	slices.SortFunc(marks, func(a, b *arrival) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
	fresh = make(map[store.ID]bool, len(marks))
	if len(marks) == 0 {
		return fresh
	}
	hashes, ids := make([][]byte, len(marks)), make([]int64, len(marks))
	for i, a := range marks {
		h := store.HashOf(a.Event)
		hashes[i], ids[i] = h[:], int64(a.ID)
	}
	in.queueRows(func(rows pgx.Rows) error {
		var id store.ID
		err := rows.Scan(&id)
		fresh[id] = true
		return err
	}, `INSERT INTO dedupe AS d (hash, event_id, expires_at) SELECT hash, event_id, $3::bigint FROM unnest($1::bytea[], $2::bigint[]) AS n (hash, event_id)
		ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at WHERE d.expires_at <= $4
		RETURNING event_id`, hashes, ids, in.now+store.DedupeWindow.Milliseconds(), in.now)
	return fresh
}

// findDuplicates tells the duplicates from the others, and which events they repeat.
func (in *intake) findDuplicates(fresh map[store.ID]bool) error {
	var old []*arrival
	for _, a := range in.arrivals {
		a.receipt.ID = a.ID
		a.receipt.Duplicate = a.ReplayOf == 0 && (a.first != nil || !fresh[a.ID])
		if a.receipt.Duplicate && a.first == nil {
			old = append(old, a)
		}
	}
	if err := in.readFirst(old); err != nil {
		return store.Wrap(err, "looking for earlier events")
	}
	for _, a := range in.arrivals {
		if a.first != nil {
			a.receipt.ID = a.first.receipt.ID
		}
	}
	return nil
}

// readFirst reads which events brought the bodies of these first.
func (in *intake) readFirst(old []*arrival) error {
	if len(old) == 0 {
		return nil
	}
	hashes, of := make([][]byte, len(old)), map[store.BodyHash]*arrival{}
	for i, a := range old {
		h := store.HashOf(a.Event)
		hashes[i], of[h] = h[:], a
	}
	in.queueRows(func(rows pgx.Rows) error {
		var hash []byte
		var id store.ID
		if err := rows.Scan(&hash, &id); err != nil {
			return err
		}
		of[store.BodyHash(hash)].receipt.ID = id
		return nil
	}, "SELECT hash, event_id FROM dedupe WHERE hash = ANY ($1)", hashes)
	return in.send()
}

// decideAll decides about each event that is no duplicate. One that cannot be decided about is not stored, nor are its like.
func (in *intake) decideAll() error {
	for _, a := range in.arrivals {
		if a.receipt.Duplicate {
			continue
		}
		if err := in.decideOne(a); err != nil {
			return err
		}
		for _, c := range a.plan.Changes {
			in.keys.Set(c)
		}
	}
	for _, a := range in.arrivals {
		if a.first != nil && a.first.receipt.Err != nil {
			*a.receipt = store.Receipt{Err: a.first.receipt.Err}
		}
	}
	return nil
}

// decideOne calls decide. Its own error is the receipt's; that of the store ends the transaction.
func (in *intake) decideOne(a *arrival) (err error) {
	get := func(key string) ([]byte, error) {
		value, failed := in.get(key)
		err = errors.Join(err, failed)
		return value, failed
	}
	defer func() {
		if r := recover(); r != nil {
			a.receipt.Err = fmt.Errorf("deciding about an event: panic: %v", r)
		}
		if a.receipt.Err != nil {
			a.plan = store.Plan{}
		}
	}()
	a.plan, a.receipt.Err = a.decide(get)
	return err
}

// get returns a value as this transaction sees it. A key that was not announced is locked and read now, for which another relay may have to
// try again.
func (in *intake) get(key string) ([]byte, error) {
	kv, known := in.keys.Values[key]
	if !known {
		kv, known = in.read[key]
	}
	if !known {
		in.readKeys([]string{key})
		if err := in.send(); err != nil {
			return nil, store.Wrap(err, "reading a key")
		}
		kv = in.read[key]
	}
	if kv.Expires <= in.now {
		return nil, nil
	}
	return kv.Value, nil
}
