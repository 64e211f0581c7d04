package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

const (
	// beatEvery is how often a relay says that it lives.
	beatEvery = 3 * time.Second
	// holdFor is how long after a heartbeat what a relay has claimed is certainly its own.
	holdFor = 10 * time.Second
	// reviveFor is how long after a heartbeat the next one may still come, and deadAfter when other relays take over. What lies between is
	// for a heartbeat on its way to the disk.
	reviveFor = 14 * time.Second
	deadAfter = 15 * time.Second
	// nodeRest is how long nobody uses the number of a relay that has ended, since its ids may be ahead of the clocks of others.
	nodeRest = time.Minute
	// lostFor is how long a relay that was declared dead waits for its senders to give back what is no longer theirs.
	lostFor = time.Minute
	// nodes is how many numbers there are.
	nodes = 1 << store.NodeBits
)

// dbNow is the time of the database in milliseconds, which all relays share.
const dbNow = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// replica is this relay among the others. It holds a number and a session, under which it claims. A relay whose heart has not beaten for
// deadAfter, by the clock of the database, has lost its session: what it was sending is handed back by whichever relay notices, and if it
// comes back, it gets a new session. It knows of that before the others do, by its own clocks (see Holds).
type replica struct {
	node, Session atomic.Int64
	others        atomic.Int64 // how many other relays live
	Unsure        atomic.Bool  // a commit may have claimed something that we do not know of
	Beat          atomic.Pointer[time.Time]
}

// Node implements Store.
func (s *Store) Node() int { return int(s.Me.node.Load()) }

// LeasesValid implements Store. The monotonic clock may stand still while a machine sleeps, and the other one may be set back; the later one counts.
func (s *Store) LeasesValid() bool {
	beat := s.Me.Beat.Load()
	if beat == nil {
		return false
	}
	now := time.Now()
	age := max(now.Sub(*beat), now.Round(0).Sub(beat.Round(0)))
	return age < holdFor && !s.Held.lost(now)
}

// register takes a number that is free, and a new session.
func (s *Store) register(ctx context.Context) error {
	start := time.Now()
	var j joining
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.LockName(lockNodes, "")); err != nil {
			return err
		}
		if j.node, err = s.freeNode(ctx, tx); err != nil {
			return err
		}
		return j.take(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("joining the relays that use the store: %w", err)
	}
	s.Me.node.Store(j.node) // not before the commit, since until then the number may be another relay's
	s.Me.Session.Store(j.session)
	s.counts.own.Store(j.deliveries)
	s.counts.ownBytes.Store(j.bytes)
	s.Me.Beat.Store(&start)
	return s.beatOnce(ctx)
}

// joining is what a relay is to become.
type joining struct{ node, session, deliveries, bytes int64 }

// take makes the number ours. We begin to count from what those who had it before have left.
func (j *joining) take(ctx context.Context, tx pgx.Tx) error {
	const number = `INSERT INTO replicas (node, session, beat_at, ended) VALUES ($1, nextval('sessions'), ` + dbNow + `, false)
		ON CONFLICT (node) DO UPDATE SET session = excluded.session, beat_at = excluded.beat_at, ended = false RETURNING session`
	if err := tx.QueryRow(ctx, number, j.node).Scan(&j.session); err != nil {
		return err
	}
	const load = "SELECT coalesce(sum(unfinished), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM counts WHERE node = $1"
	return tx.QueryRow(ctx, load, j.node).Scan(&j.deliveries, &j.bytes)
}

// freeNode prefers the number that this relay had before.
func (s *Store) freeNode(ctx context.Context, tx pgx.Tx) (node int64, err error) {
	const q = `SELECT n FROM generate_series(0, $1::integer - 1) n LEFT JOIN replicas r ON r.node = n
		WHERE r.node IS NULL OR r.session = $2 OR r.beat_at < ` + dbNow + ` - $3::bigint
		ORDER BY coalesce(r.session, 0) <> $2, n LIMIT 1`
	err = tx.QueryRow(ctx, q, nodes, s.Me.Session.Load(), (deadAfter + nodeRest).Milliseconds()).Scan(&node)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("all %d numbers are taken; wait a minute, or run fewer relays on this store", nodes)
	}
	return node, err
}

// unregister ends the session, so that other relays may take over at once.
func (s *Store) unregister(ctx context.Context) error {
	_, err := s.Pool.Exec(ctx, "UPDATE replicas SET ended = true WHERE session = $1", s.Me.Session.Load())
	return err
}

// beatAll beats until ctx is done. It takes over what dead relays have left, and joins again when it was taken for dead itself.
func (s *Store) beatAll(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.BeatOrJoin(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the store does not answer; nothing is sent until it does", "error", err)
		}
	}
}

// errFenced says that other relays have taken this one for dead.
var errFenced = errors.New("other relays have taken this one for dead")

func (s *Store) BeatOrJoin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, store.ReadTimeout)
	defer cancel()
	err := s.beatOnce(ctx)
	if errors.Is(err, errFenced) {
		s.log.Warn("the store was out of reach for so long that other relays took over what was being sent here")
		s.Held.lose(time.Now())
		err = s.register(ctx)
	}
	if err != nil {
		return err
	}
	return s.recover(ctx)
}

// beatOnce renews the session, and learns the time of the database and what the other relays have.
func (s *Store) beatOnce(ctx context.Context) error {
	const renew = "UPDATE replicas SET beat_at = " + dbNow + " WHERE session = $1 AND NOT ended AND beat_at > " + dbNow + " - $2::bigint RETURNING beat_at"
	const count = "SELECT count(*) FROM replicas WHERE session <> $1 AND NOT ended AND beat_at > " + dbNow + " - $2::bigint"
	const load = "SELECT coalesce(sum(unfinished), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM counts WHERE node <> $1"
	var at, others, deliveries, bytes int64
	session := s.Me.Session.Load()
	b := &pgx.Batch{}
	b.Queue(renew, session, reviveFor.Milliseconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
	b.Queue(count, session, deadAfter.Milliseconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&others) })
	b.Queue(load, s.Me.node.Load()).QueryRow(func(row pgx.Row) error { return row.Scan(&deliveries, &bytes) })
	start := time.Now()
	err := s.Pool.SendBatch(ctx, b).Close()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errFenced
	case err != nil:
		return err
	}
	s.Me.Beat.Store(&start)
	s.Me.others.Store(others)
	s.counts.others.Store(deliveries)
	s.counts.otherBytes.Store(bytes)
	s.setClock(time.UnixMilli(at), start)
	return nil
}

// setClock learns what time the database had between start and now. What is known already stays, unless that is certainly wrong.
func (s *Store) setClock(database, start time.Time) {
	half := time.Since(start) / 2
	offset := database.Sub(start.Add(half))
	known := time.Duration(s.offset.Load())
	if s.clock == nil && (known == 0 || (offset-known).Abs() > half+time.Millisecond) {
		s.offset.Store(int64(offset))
	}
}

// recover hands back what relays were sending that have ended or are dead, and what this one has claimed without knowing.
func (s *Store) recover(ctx context.Context) error {
	if s.Me.Unsure.Swap(false) {
		if err := s.recoverFrom(ctx, ownSending, s.Me.Session.Load()); err != nil {
			s.Me.Unsure.Store(true)
			return err
		}
	}
	return s.recoverFrom(ctx, orphans, deadAfter.Milliseconds())
}

// recoverFrom hands back what a query finds, in slices.
func (s *Store) recoverFrom(ctx context.Context, q string, arg int64) error {
	for {
		var back []store.Outcome
		err := s.list(ctx, listing.Query{Text: q, Args: []any{arg, store.RetrySlice}}, func(rows pgx.Rows) error {
			o := store.Outcome{State: store.Pending}
			err := rows.Scan(&o.ID, &o.Lease)
			if _, ours := s.Held.lane(o.ID); q != ownSending || !ours {
				back = append(back, o)
			}
			return err
		})
		if err == nil && len(back) > 0 {
			s.log.Info("taking over deliveries that another relay was sending, or whose claim was not confirmed", "count", len(back))
			err = s.work.do(ctx, 2*len(back), &op{outcomes: back, orphans: true})
		}
		if err != nil || len(back) < store.RetrySlice {
			return store.Wrap(err, "recovering interrupted deliveries")
		}
	}
}

const ownSending = "SELECT id, lease FROM deliveries WHERE state = 'sending' AND holder = $1 AND $2 > 0"

// orphans are deliveries whose sessions do not live. It reads only one entry of the index for each session that does.
const orphans = `WITH RECURSIVE h (holder) AS (
		SELECT (SELECT min(holder) FROM deliveries WHERE state = 'sending')
		UNION ALL
		SELECT (SELECT min(d.holder) FROM deliveries d WHERE d.state = 'sending' AND d.holder > h.holder) FROM h WHERE h.holder IS NOT NULL)
	SELECT d.id, d.lease FROM h JOIN deliveries d ON d.state = 'sending' AND d.holder = h.holder
	WHERE NOT EXISTS (SELECT 1 FROM replicas r WHERE r.session = h.holder AND NOT r.ended AND r.beat_at > ` + dbNow + ` - $1::bigint)
	ORDER BY d.holder, d.id LIMIT $2`

// heldSet is what this relay has claimed and not finished.
type heldSet struct {
	mu    sync.Mutex
	lanes map[store.ID]store.Stream
	gone  map[store.ID]bool // of those, what other relays have taken over
	until time.Time         // when no sender has any of that any more
}

func (h *heldSet) lane(id store.ID) (store.Stream, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.lanes[id]
	return l, ok
}

func (h *heldSet) add(id store.ID, l store.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lanes == nil {
		h.lanes = map[store.ID]store.Stream{}
	}
	h.lanes[id] = l
	delete(h.gone, id)
}

func (h *heldSet) addAll(ds []store.Delivery) {
	for _, d := range ds {
		h.add(d.ID, store.Stream{Notifier: d.Notifier, Key: d.OrderKey})
	}
}

func (h *heldSet) Drop(id store.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.lanes, id)
	delete(h.gone, id)
}

func (h *heldSet) finish(outcomes []store.Outcome) {
	for _, o := range outcomes {
		h.Drop(o.ID)
	}
}

// lose says that all of it belongs to others now. What senders still have of it must not be sent.
func (h *heldSet) lose(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = map[store.ID]bool{}
	for id := range h.lanes {
		h.gone[id] = true
	}
	h.until = now.Add(lostFor)
}

// lost reports whether senders may have something that belongs to others.
func (h *heldSet) lost(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.gone) > 0 && now.Before(h.until)
}
