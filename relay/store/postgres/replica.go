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
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/session"
)

const (
	// beatEvery is how often a relay sends a heartbeat.
	beatEvery = 3 * time.Second
	// leaseTime is how long after a heartbeat a relay's leases are certainly valid.
	leaseTime = 10 * time.Second
	// reviveFor is how long after a heartbeat the next one may still come, and deadAfter when other relays take over.
	// The time between is for a heartbeat on its way to the disk.
	reviveFor = 14 * time.Second
	deadAfter = 15 * time.Second
	// nodeRest is how long the number of a relay that has ended stays unused, since its ids may be ahead of other
	// clocks.
	nodeRest = time.Minute
	// lostFor is how long a relay that was declared dead waits for its senders to hand back deliveries that it has
	// lost.
	lostFor = time.Minute
	// nodes is how many numbers exist.
	nodes = 1 << store.NodeBits
)

// dbNow is the time of the database in milliseconds, which all relays share.
const dbNow = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// replica is this relay among the others. It has a number and a session, under which it claims. A relay without a
// heartbeat for deadAfter, by the clock of the database, has lost its session: another relay hands back what it was
// sending, and it gets a new session when it joins again. By its own clocks, it stops to send before that (see
// LeasesValid).
type replica struct {
	node, session atomic.Int64
	others        atomic.Int64 // how many other relays are alive
	unsure        atomic.Bool  // a commit may have claimed deliveries that are not in leases
	lastBeat      atomic.Pointer[time.Time]
}

// Node implements store.Store.
func (s *Store) Node() int { return int(s.self.node.Load()) }

// LeasesValid implements store.Store. The monotonic clock may stand still while a machine sleeps, and the wall clock
// may be set back, so the later one counts.
func (s *Store) LeasesValid() bool {
	beat := s.self.lastBeat.Load()
	if beat == nil {
		return false
	}
	now := time.Now()
	age := max(now.Sub(*beat), now.Round(0).Sub(beat.Round(0)))
	return age < leaseTime && !s.leases.anyLost(now)
}

// register takes a free number and a new session.
func (s *Store) register(ctx context.Context) error {
	start := time.Now()
	var j joining
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.lockName(lockNodes, "")); err != nil {
			return err
		}
		if err := s.keepGap(ctx, tx); err != nil {
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
	s.self.node.Store(j.node) // after the commit, until when the number may be another relay's
	s.self.session.Store(j.session)
	s.counts.own.Store(j.deliveries)
	s.counts.ownBytes.Store(j.bytes)
	s.self.lastBeat.Store(&start)
	return s.beatOnce(ctx)
}

// keepGap keeps the time since the last heartbeat of any relay, if it is a gap.
func (s *Store) keepGap(ctx context.Context, tx pgx.Tx) error {
	const put = `INSERT INTO kv (key, value, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`
	var last, now int64
	err := tx.QueryRow(ctx, "SELECT coalesce(max(beat_at), 0), "+dbNow+" FROM replicas").Scan(&last, &now)
	if gap, found := store.GapBetween(fromMillis(last), fromMillis(now)); err == nil && found {
		c := gap.Change()
		_, err = tx.Exec(ctx, put, []byte(c.Key), c.Value, engine.Expiry(c.Expires))
	}
	return engine.Wrap(err, "looking when a relay used the store last")
}

// joining is the identity that a relay is about to take, and the load that it starts from.
type joining struct{ node, session, deliveries, bytes int64 }

// take takes the number. Its counts go on from those of the relays that had it before.
func (j *joining) take(ctx context.Context, tx pgx.Tx) error {
	const number = `INSERT INTO replicas (node, session, beat_at, ended)
		VALUES ($1, nextval('sessions'), ` + dbNow + `, false)
		ON CONFLICT (node) DO UPDATE SET session = excluded.session, beat_at = excluded.beat_at, ended = false
		RETURNING session`
	if err := tx.QueryRow(ctx, number, j.node).Scan(&j.session); err != nil {
		return err
	}
	const load = "SELECT coalesce(sum(unfinished), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM counts WHERE node = $1"
	return tx.QueryRow(ctx, load, j.node).Scan(&j.deliveries, &j.bytes)
}

// freeNode returns a free number, preferably the one that this relay had before.
func (s *Store) freeNode(ctx context.Context, tx pgx.Tx) (node int64, err error) {
	const q = `SELECT n FROM generate_series(0, $1::integer - 1) n LEFT JOIN replicas r ON r.node = n
		WHERE r.node IS NULL OR r.session = $2 OR r.beat_at < ` + dbNow + ` - $3::bigint
		ORDER BY coalesce(r.session, 0) <> $2, n LIMIT 1`
	err = tx.QueryRow(ctx, q, nodes, s.self.session.Load(), (deadAfter + nodeRest).Milliseconds()).Scan(&node)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("all %d numbers are taken; wait a minute, or run fewer relays on this store", nodes)
	}
	return node, err
}

// unregister ends the session, so that other relays take over at once.
func (s *Store) unregister(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "UPDATE replicas SET ended = true WHERE session = $1", s.self.session.Load())
	return err
}

// heartbeat sends heartbeats until ctx is done. It takes over from dead relays, and joins again if others declared this
// one dead.
func (s *Store) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.beatOrJoin(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("store does not answer, sending stopped", "error", fmt.Errorf("%w%s", err, session.Remedy(err)))
		}
	}
}

// errFenced says that other relays have declared this one dead.
var errFenced = errors.New("other relays have taken this one for dead")

// beatOrJoin sends a heartbeat, or joins again, and recovers deliveries.
func (s *Store) beatOrJoin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, engine.ReadTimeout)
	defer cancel()
	err := s.beatOnce(ctx)
	if errors.Is(err, errFenced) {
		s.log.Warn("store was unreachable, other relays took over the deliveries")
		s.leases.loseAll(time.Now())
		err = s.register(ctx)
	}
	if err != nil {
		return err
	}
	return s.recover(ctx)
}

// beatOnce renews the session, and reads the time of the database, how many other relays are alive, and their load.
func (s *Store) beatOnce(ctx context.Context) error {
	const renew = "UPDATE replicas SET beat_at = " + dbNow +
		" WHERE session = $1 AND NOT ended AND beat_at > " + dbNow + " - $2::bigint RETURNING beat_at"
	const count = "SELECT count(*) FROM replicas WHERE session <> $1 AND NOT ended AND beat_at > " + dbNow +
		" - $2::bigint"
	const load = `SELECT coalesce(sum(unfinished), 0)::bigint, coalesce(sum(bytes), 0)::bigint
		FROM counts WHERE node <> $1`
	var at, others, deliveries, bytes int64
	session := s.self.session.Load()
	b := &pgx.Batch{}
	b.Queue(renew, session, reviveFor.Milliseconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
	b.Queue(count, session, deadAfter.Milliseconds()).QueryRow(func(row pgx.Row) error { return row.Scan(&others) })
	b.Queue(load, s.self.node.Load()).QueryRow(func(row pgx.Row) error { return row.Scan(&deliveries, &bytes) })
	start := time.Now()
	err := s.pool.SendBatch(ctx, b).Close()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errFenced
	case err != nil:
		return err
	}
	s.self.lastBeat.Store(&start)
	s.self.others.Store(others)
	s.counts.others.Store(deliveries)
	s.counts.otherBytes.Store(bytes)
	s.setClock(time.UnixMilli(at), start)
	return nil
}

// setClock notes the time that the database had between start and now. It keeps the known offset unless that is
// certainly wrong.
func (s *Store) setClock(database, start time.Time) {
	half := time.Since(start) / 2
	offset := database.Add(half).Sub(s.local())
	known := time.Duration(s.offset.Load())
	if s.clock == nil && (known == 0 || (offset-known).Abs() > half+time.Millisecond) {
		s.offset.Store(int64(offset))
	}
}

// recover hands back the deliveries of relays that have ended or are dead, and those that an unconfirmed commit
// claimed.
func (s *Store) recover(ctx context.Context) error {
	if s.self.unsure.Swap(false) {
		if err := s.recoverFrom(ctx, ownSending, s.self.session.Load()); err != nil {
			s.self.unsure.Store(true)
			return err
		}
	}
	return s.recoverFrom(ctx, orphans, deadAfter.Milliseconds())
}

// recoverFrom hands back the deliveries of a query, in slices.
func (s *Store) recoverFrom(ctx context.Context, q string, arg int64) error {
	for {
		var back []store.Outcome
		err := s.list(ctx, q, []any{arg, engine.RetrySlice}, func(rows pgx.Rows) error {
			o := store.Outcome{State: store.Pending}
			err := rows.Scan(&o.ID, &o.Lease)
			if _, ours := s.leases.stream(o.ID); q != ownSending || !ours {
				back = append(back, o)
			}
			return err
		})
		if err == nil && len(back) > 0 {
			s.log.Info("interrupted deliveries taken over", "count", len(back))
			err = s.work.Do(ctx, 2*len(back), &op{outcomes: back, orphans: true})
		}
		if err != nil || len(back) < engine.RetrySlice {
			return engine.Wrap(err, "recovering interrupted deliveries")
		}
	}
}

const ownSending = "SELECT id, lease FROM deliveries WHERE state = 'sending' AND holder = $1 AND $2 > 0"

// orphans are deliveries of sessions that are not alive. It reads only one entry of the index for each live session.
const orphans = `WITH RECURSIVE h (holder) AS (
		SELECT (SELECT min(holder) FROM deliveries WHERE state = 'sending')
		UNION ALL
		SELECT (SELECT min(d.holder) FROM deliveries d WHERE d.state = 'sending' AND d.holder > h.holder)
		FROM h WHERE h.holder IS NOT NULL)
	SELECT d.id, d.lease FROM h JOIN deliveries d ON d.state = 'sending' AND d.holder = h.holder
	WHERE NOT EXISTS (SELECT 1 FROM replicas r WHERE r.session = h.holder AND NOT r.ended
		AND r.beat_at > ` + dbNow + ` - $1::bigint)
	ORDER BY d.holder, d.id LIMIT $2`

// leaseSet is the deliveries that this relay has claimed and not finished. It may be used from many goroutines.
type leaseSet struct {
	mu      sync.Mutex
	streams map[store.ID]engine.Stream
	lost    map[store.ID]bool // those that other relays have taken over
	until   time.Time         // when no sender here has any of the lost ones any more
}

func (h *leaseSet) stream(id store.ID) (engine.Stream, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.streams[id]
	return l, ok
}

func (h *leaseSet) add(id store.ID, l engine.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == nil {
		h.streams = map[store.ID]engine.Stream{}
	}
	h.streams[id] = l
	delete(h.lost, id)
}

func (h *leaseSet) addAll(ds []store.Delivery) {
	for _, d := range ds {
		h.add(d.ID, engine.Stream{Notifier: d.Notifier, Key: d.OrderKey})
	}
}

func (h *leaseSet) drop(id store.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, id)
	delete(h.lost, id)
}

func (h *leaseSet) finish(outcomes []store.Outcome) {
	for _, o := range outcomes {
		h.drop(o.ID)
	}
}

// loseAll marks all leases as lost to other relays. Senders must hand back what they still have of them.
func (h *leaseSet) loseAll(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = map[store.ID]bool{}
	for id := range h.streams {
		h.lost[id] = true
	}
	h.until = now.Add(lostFor)
}

// anyLost reports whether senders here may still have lost deliveries.
func (h *leaseSet) anyLost(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lost) > 0 && now.Before(h.until)
}
