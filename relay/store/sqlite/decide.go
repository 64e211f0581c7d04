package sqlite

import (
	"context"
	"fmt"
	"slices"

	"qaserelay/relay/store"
)

// decide makes the receipts and plans of f. After more losses than these, it has to be decided about again. Its caller holds a.deciding.
func (a *ahead) decide(f *flight, losses int) error {
	f.now = a.now().UnixMilli()
	f.receipts, f.plans, f.keys, f.read = make([]store.Receipt, len(f.batch)), nil, store.Changes{}, map[string]store.KeyValue{}
	// What is in the air is noted before the past is read: a batch that lands meanwhile may be missed in the past, but not here.
	before, known := a.look(f)
	// One read transaction for the batch costs less than one for each query. Without it everything is read all the same.
	if _, err := a.reader.exec("BEGIN"); err == nil {
		defer a.reader.rollback()
	}
	if err := a.findDuplicates(f, known); err != nil {
		return err
	}
	if err := a.readAhead(f); err != nil {
		return err
	}
	for i := range f.batch {
		if f.receipts[i].Duplicate {
			continue
		}
		if err := a.plan(f, i, before); err != nil {
			return err
		}
	}
	shareFailures(f.receipts)
	a.takeOff(f, losses)
	return nil
}

// look returns the flights, newest first, and the events that brought bodies of f first, as far as memory knows.
func (a *ahead) look(f *flight) (before []*flight, known map[store.BodyHash]store.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before = slices.Clone(a.flights)
	slices.Reverse(before)
	known = map[store.BodyHash]store.ID{}
	for i := range f.batch {
		h := store.HashOf(&f.batch[i])
		if s, ok := a.sightings.find(h); ok && s.fresh(f.now) {
			known[h] = s.event
		}
		for _, b := range before {
			if s, ok := b.seen[h]; ok {
				known[h] = s.event
			}
		}
	}
	return before, known
}

// findDuplicates tells the events whose bodies came before, and remembers the others.
func (a *ahead) findDuplicates(f *flight, known map[store.BodyHash]store.ID) error {
	if err := a.findInTable(f, known); err != nil {
		return err
	}
	f.seen = make(map[store.BodyHash]sighting, len(f.batch))
	for i := range f.batch {
		ev, h := &f.batch[i], store.HashOf(&f.batch[i])
		first, again := known[h]
		if s, ok := f.seen[h]; ok {
			first, again = s.event, true
		}
		if again && ev.ReplayOf == 0 {
			f.receipts[i] = store.Receipt{ID: first, Duplicate: true}
			continue
		}
		f.receipts[i].ID = ev.ID
		if ev.ReplayOf == 0 {
			f.seen[h] = sighting{ev.ID, f.now}
		}
	}
	return nil
}

// findInTable adds to known what the table knows.
func (a *ahead) findInTable(f *flight, known map[store.BodyHash]store.ID) error {
	const q = "SELECT hash, event_id FROM dedupe WHERE expires_at > ? AND hash IN " + sixteen
	var unknown []any
	for i := range f.batch {
		if h := store.HashOf(&f.batch[i]); known[h] == 0 {
			unknown = append(unknown, h[:])
		}
	}
	err := a.reader.queryMany(q, []any{f.now}, unknown, func(r Row) {
		known[store.BodyHash(r.bytes(0))] = r.id(1)
	})
	return store.Wrap(err, "looking for earlier events")
}

// readAhead reads the keys that decide will ask for.
func (a *ahead) readAhead(f *flight) error {
	const q = "SELECT key, value, expires_at FROM kv WHERE key IN " + sixteen
	var unknown []any
	for i := range f.batch {
		for _, key := range f.batch[i].Keys {
			if _, known := f.read[key]; !known && !f.receipts[i].Duplicate {
				f.read[key] = store.KeyValue{}
				unknown = append(unknown, key)
			}
		}
	}
	err := a.reader.queryMany(q, nil, unknown, func(r Row) {
		f.read[r.Str(0)] = store.KeyValue{Value: append([]byte{}, r.bytes(1)...), Expires: r.int(2)}
	})
	return store.Wrap(err, "reading keys")
}

// plan calls decide for the i-th event. The error is a failure to read.
func (a *ahead) plan(f *flight, i int, before []*flight) (readErr error) {
	p, err := safely(func() (store.Plan, error) {
		return f.decide(i, func(key string) ([]byte, error) {
			value, err := a.get(f, before, key)
			if err != nil {
				readErr = err
			}
			return value, err
		})
	})
	if err != nil || readErr != nil {
		if f.batch[i].ReplayOf == 0 {
			delete(f.seen, store.HashOf(&f.batch[i]))
		}
		f.receipts[i].Err = err
		return readErr
	}
	for _, c := range p.Changes {
		f.keys.Set(c)
	}
	f.plans = append(f.plans, verdict{i, p})
	return nil
}

// safely turns a panic into an error.
func safely(decide func() (store.Plan, error)) (p store.Plan, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("deciding about an event: panic: %v", r)
		}
	}()
	return decide()
}

// get returns a value as it will be when all flights before have landed. An expired one is gone, whether or not it was purged.
func (a *ahead) get(f *flight, before []*flight, key string) ([]byte, error) {
	kv, changed := f.keys.Values[key]
	for i := 0; !changed && i < len(before); i++ {
		kv, changed = before[i].keys.Values[key]
	}
	if !changed {
		var known bool
		if kv, known = f.read[key]; !known {
			var err error
			if kv.Value, kv.Expires, err = readKey(context.Background(), a.reader, key); err != nil {
				return nil, store.Wrap(err, "reading a key")
			}
			f.read[key] = kv
		}
	}
	if kv.Expires <= f.now {
		return nil, nil
	}
	return kv.Value, nil
}
