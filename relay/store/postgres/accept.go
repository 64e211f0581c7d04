package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/session"
)

// plansOnce has the statements behind it planned once for a connection, since planning would take a fifth of the time
// of the database. The statements of an intake find their rows by keys, so the same plan is right for tables of any
// size. Without sorting, only the index of streams gives the first delivery of a stream, whatever the planner thinks of
// the tables at that time.
const plansOnce = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
	set_config('enable_sort', 'off', true)`

// acceptance is one call of Accept.
type acceptance struct {
	take     func() []store.Event // makes the batch
	batch    []store.Event
	decide   store.Decide
	receipts []store.Receipt
}

// Accept implements store.Store.
func (s *Store) Accept(ctx context.Context, batch []store.Event, decide store.Decide) ([]store.Receipt, error) {
	a := &acceptance{take: func() []store.Event { return batch }, decide: decide}
	return s.acceptAs(ctx, a, len(batch))
}

// AcceptFrom implements store.Store.
func (s *Store) AcceptFrom(ctx context.Context, take func() []store.Event, decide store.Decide) ([]store.Receipt, error) {
	const expected = 64
	return s.acceptAs(ctx, &acceptance{take: sync.OnceValue(take), decide: decide}, expected)
}

// acceptAs stores a batch of about so many events.
func (s *Store) acceptAs(ctx context.Context, a *acceptance, events int) ([]store.Receipt, error) {
	if err := s.events.Do(ctx, 4*events, &op{accept: a}); err != nil {
		return nil, fmt.Errorf("storing events: %w%s", err, session.Remedy(err))
	}
	return a.receipts, nil
}

// intake accepts the events of a group of calls in one transaction: it locks and reads the keys that they will ask for,
// decides, and writes everything.
type intake struct {
	*tx
	arrivals []*arrival
	keys     engine.Keys // those that were read are locked
}

// arrival is one event of an intake.
type arrival struct {
	*store.Event
	decide  func(get func(string) ([]byte, error)) (store.Plan, error)
	receipt *store.Receipt
	first   *arrival // an earlier one with the same body in this transaction, or nil
	plan    store.Plan
}

func (t *tx) acceptGroup(group []*op) error {
	in := &intake{tx: t}
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
	in.queue(plansOnce)
	if err := in.open(); err != nil {
		return err
	}
	if err := in.decideAll(); err != nil {
		return err
	}
	return in.save()
}

func (in *intake) add(a *acceptance) {
	a.batch = a.take()
	a.receipts = make([]store.Receipt, len(a.batch))
	for i := range a.batch {
		decide := func(get func(string) ([]byte, error)) (store.Plan, error) { return a.decide.Call(i, get) }
		in.arrivals = append(in.arrivals, &arrival{Event: &a.batch[i], decide: decide, receipt: &a.receipts[i]})
	}
}

// open locks and reads the announced keys, and marks the bodies as seen.
func (in *intake) open() error {
	var keys []string
	for _, a := range in.arrivals {
		keys = append(keys, a.Keys...)
	}
	in.readKeys(keys)
	seen := in.markSeen()
	if err := in.send(); err != nil {
		return engine.Wrap(err, "reading the state of the events")
	}
	if err := in.findDuplicates(seen); err != nil {
		return err
	}
	return in.openMore()
}

// openMore locks and reads the keys that follow from the announced ones.
func (in *intake) openMore() error {
	var keys []string
	for _, a := range in.arrivals {
		if a.MoreKeys != nil && !a.receipt.Duplicate {
			keys = append(keys, in.keys.More(a.Event, in.now)...)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	in.readKeys(keys)
	return engine.Wrap(in.send(), "reading more of the state of the events")
}

// lockKeys queues the locking of keys and slots.
func (t *tx) lockKeys(keys []string) {
	plain, slots := make([]string, 0, len(keys)), []string(nil)
	for _, key := range keys {
		if store.IsSlot(key) {
			slots = append(slots, key)
		} else {
			plain = append(plain, key)
		}
	}
	t.lock(lockKeys, plain)
	t.lock(lockSlots, slots)
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
		in.keys.Remember(key, engine.KeyValue{})
	}
	in.lockKeys(keys)
	in.queueRows(func(rows pgx.Rows) error {
		var key []byte
		var kv engine.KeyValue
		err := rows.Scan(&key, &kv.Value, &kv.Expires, &kv.Due)
		in.keys.Remember(string(key), kv)
		return err
	}, "SELECT key, value, expires_at, coalesce(due_at, 0) FROM kv WHERE key = ANY ($1)", names)
}

// markSeen queues the insertion of body hashes. Those that are new are in the result once it is sent; another relay
// that inserts the same one waits for the end of this transaction.
func (in *intake) markSeen() (fresh map[store.ID]bool) {
	firsts := map[engine.BodyHash]*arrival{}
	for _, a := range in.arrivals {
		if !a.HasHash() {
			continue
		}
		if a.first = firsts[engine.HashOf(a.Event)]; a.first == nil {
			firsts[engine.HashOf(a.Event)] = a
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
		h := engine.HashOf(a.Event)
		hashes[i], ids[i] = h[:], int64(a.ID)
	}
	in.queueRows(func(rows pgx.Rows) error {
		var id store.ID
		err := rows.Scan(&id)
		fresh[id] = true
		return err
	}, `INSERT INTO dedupe AS d (hash, event_id, expires_at)
		SELECT hash, event_id, $3::bigint FROM unnest($1::bytea[], $2::bigint[]) AS n (hash, event_id)
		ON CONFLICT (hash) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at
		WHERE d.expires_at <= $4
		RETURNING event_id`, hashes, ids, in.now+store.DedupeWindow.Milliseconds(), in.now)
	return fresh
}

// findDuplicates marks the duplicates, with the events that they repeat.
func (in *intake) findDuplicates(fresh map[store.ID]bool) error {
	var old []*arrival
	for _, a := range in.arrivals {
		a.receipt.ID = a.ID
		a.receipt.Duplicate = a.HasHash() && (a.first != nil || !fresh[a.ID])
		if a.receipt.Duplicate && a.first == nil {
			old = append(old, a)
		}
	}
	if err := in.readFirst(old); err != nil {
		return engine.Wrap(err, "looking for earlier events")
	}
	for _, a := range in.arrivals {
		if a.first != nil {
			a.receipt.ID = a.first.receipt.ID
		}
	}
	return nil
}

// readFirst reads which events first brought the bodies of these.
func (in *intake) readFirst(old []*arrival) error {
	if len(old) == 0 {
		return nil
	}
	hashes, of := make([][]byte, len(old)), map[engine.BodyHash]*arrival{}
	for i, a := range old {
		h := engine.HashOf(a.Event)
		hashes[i], of[h] = h[:], a
	}
	in.queueRows(func(rows pgx.Rows) error {
		var hash []byte
		var id store.ID
		if err := rows.Scan(&hash, &id); err != nil {
			return err
		}
		of[engine.BodyHash(hash)].receipt.ID = id
		return nil
	}, "SELECT hash, event_id FROM dedupe WHERE hash = ANY ($1)", hashes)
	return in.send()
}

// decideAll decides about each event that is not a duplicate. If that fails, its duplicates fail too.
func (in *intake) decideAll() error {
	for _, a := range in.arrivals {
		if a.receipt.Duplicate {
			continue
		}
		if err := in.decideOne(a); err != nil {
			return err
		}
		in.keys.Apply(a.ID, &a.plan)
	}
	for _, a := range in.arrivals {
		if a.first != nil && a.first.receipt.Err != nil {
			*a.receipt = store.Receipt{Err: a.first.receipt.Err}
		}
	}
	return nil
}

// decideOne decides about one event. An error of decide is the event's own; a failure to read fails the transaction.
func (in *intake) decideOne(a *arrival) (readErr error) {
	get := func(key string) ([]byte, error) {
		value, err := in.get(key)
		readErr = errors.Join(readErr, err)
		return value, err
	}
	if a.plan, a.receipt.Err = a.decide(get); a.receipt.Err != nil {
		a.plan = store.Plan{}
	}
	return readErr
}

// get returns a value as this transaction sees it. A key that was not announced is locked and read now, out of the
// order of locks, so another relay may have to try again.
func (in *intake) get(key string) ([]byte, error) {
	return in.keys.Get(key, in.now, func() (engine.KeyValue, error) {
		in.readKeys([]string{key})
		err := in.send()
		return in.keys.Read[key], err
	})
}

// save queues everything that the intake has to write.
func (in *intake) save() error {
	var failed [][]byte
	var made []newDelivery
	for _, a := range in.arrivals {
		switch {
		case a.receipt.Duplicate || a.first != nil && a.receipt.Err != nil:
		case a.receipt.Err != nil && a.HasHash():
			h := engine.HashOf(a.Event)
			failed = append(failed, h[:])
		case a.receipt.Err == nil:
			for i := range a.plan.Deliveries {
				made = append(made, newDelivery{event: a.ID, NewDelivery: &a.plan.Deliveries[i], receipt: a.receipt})
			}
		}
	}
	in.lockChanged()
	if in.waiting.Len() > 0 {
		if err := in.send(); err != nil {
			return engine.Wrap(err, "locking keys")
		}
	}
	in.locked()
	in.lockStreams(made)
	if len(failed) > 0 {
		in.queue("DELETE FROM dedupe WHERE hash = ANY ($1)", failed)
	}
	in.saveEvents()
	in.insertDeliveries(made)
	in.saveKeys()
	return nil
}

// lockChanged queues the locking of keys that change without having been read.
func (in *intake) lockChanged() {
	var late []string
	for _, key := range in.keys.Order {
		if _, locked := in.keys.Read[key]; !locked {
			late = append(late, key)
		}
	}
	in.lockKeys(late)
}

// saveEvents queues the new events and their outlines, and counts them.
func (in *intake) saveEvents() {
	var ids, received, replays []int64
	var sources, names, projects, kinds, subjects, outcomes, ruleTexts []string
	var decisions, bodies, facts [][]byte
	for _, a := range in.arrivals {
		if a.receipt.Duplicate || a.receipt.Err != nil {
			continue
		}
		o := &a.plan.Outline
		in.sums.Event(a.Event, o)
		ids, replays = append(ids, int64(a.ID)), append(replays, int64(a.ReplayOf))
		received, sources = append(received, a.ReceivedAt.UnixMilli()), append(sources, clean(a.Source))
		names, projects = append(names, clean(a.Name)), append(projects, clean(a.Project))
		kinds, decisions = append(kinds, a.Kind), append(decisions, a.plan.Decisions)
		bodies, facts = append(bodies, a.Body), append(facts, a.plan.Facts)
		subjects, outcomes = append(subjects, clean(o.Subject)), append(outcomes, o.Outcome)
		ruleTexts = append(ruleTexts, clean(o.RulesText()))
	}
	if len(ids) > 0 {
		in.queue(insertEvents, ids, sources, names, projects, kinds, replays, received, decisions, bodies, facts, subjects,
			outcomes, ruleTexts)
	}
}

const insertEvents = `WITH n AS (
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
			$8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::text[])
		AS n (id, source, name, project, kind, replay_of, received_at, decisions, body, facts, subject, outcome, rules)),
	o AS (
		INSERT INTO outlines (id, source, name, project, kind, replay_of, subject, outcome, rules)
		SELECT id, source, name, project, kind, replay_of, subject, outcome, rules FROM n)
	INSERT INTO events (id, source, name, project, kind, replay_of, received_at, decisions, body, facts)
	SELECT id, source, name, project, kind, replay_of, received_at, decisions, body, facts FROM n`

// saveKeys queues the changed keys, sorted, so that transactions that write the same keys do not deadlock.
func (in *intake) saveKeys() {
	slices.Sort(in.keys.Order)
	var gone, keys, values [][]byte
	var expires []int64
	for _, key := range in.keys.Order {
		switch kv := in.keys.Changed[key]; {
		case kv.Value == nil:
			gone = append(gone, []byte(key))
		case !store.IsSlot(key):
			keys, values, expires = append(keys, []byte(key)), append(values, kv.Value), append(expires, kv.Expires)
		}
	}
	if len(keys) > 0 {
		in.queue(`INSERT INTO kv (key, value, expires_at) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`, keys, values, expires)
	}
	if len(gone) > 0 {
		in.queue("DELETE FROM kv WHERE key = ANY ($1)", gone)
	}
	in.saveSlots()
}
