//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// relays are several stores on one schema, with the clock of the database.
type relays struct {
	*storetest.Fixture
	url string
	all []*Store
}

func newRelays(t *testing.T, s *schemas, n int) *relays {
	url := s.take(t)
	r := &relays{url: url}
	r.Fixture = storetest.NewFixture(t, func(t *testing.T, _ func() time.Time) func() store.Store {
		return func() store.Store { return r.add(t, url) }
	})
	for range n - 1 {
		other := r.add(t, url)
		t.Cleanup(func() { r.NoError(other.Close()) })
	}
	r.beat()
	return r
}

func (r *relays) add(t *testing.T, url string) *Store {
	p := openPostgres(t, url, nil)
	r.all = append(r.all, p)
	return p
}

// beat lets each relay learn of the others.
func (r *relays) beat() {
	r.Helper()
	for _, p := range r.all {
		r.NoError(p.beatOrJoin(r.Context()))
	}
}

// run runs a statement beside the relays.
func (r *relays) run(sql string, args ...any) {
	r.Helper()
	_, err := r.all[0].pool.Exec(r.Context(), sql, args...)
	r.NoError(err)
}

// kill makes a relay dead for the others, as if its last heartbeat were a minute old. It sends no more by itself.
func (r *relays) kill(p *Store) {
	r.Helper()
	stopHeartbeats(p)
	r.run("UPDATE replicas SET beat_at = beat_at - 60000 WHERE session = $1", p.self.session.Load())
	long := time.Now().Add(-time.Minute)
	p.self.lastBeat.Store(&long)
}

// stopHeartbeats ends the work of a relay in the background, so that only the test sends its heartbeats.
func stopHeartbeats(p *Store) {
	p.quit()
	p.background.Wait()
}

// claimOf claims deliveries until it has n. They may not be due at once, since they became due by the clock of another
// relay: each relay measures the time of the database, and on a busy machine by some milliseconds differently.
func (r *relays) claimOf(p *Store, n int) (claimed []store.ID) {
	r.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		ds, err := p.Claim(r.Context(), "n", 100)
		r.NoError(err)
		if claimed = append(claimed, storetest.IDsOf(ds)...); len(claimed) >= n {
			break
		}
	}
	return claimed
}

func (r *relays) end(p *Store, d store.Delivery) {
	r.Helper()
	r.NoError(p.Finish(r.Context(), []store.Outcome{{ID: d.ID, Lease: d.Lease, State: store.Delivered,
		Attempt: &store.Attempt{At: time.Now()}}}))
}

func testRelays(t *testing.T, s *schemas) {
	for name, run := range map[string]func(*relays){
		"relays have numbers of their own": func(r *relays) {
			numbers := map[int]bool{}
			for _, p := range r.all {
				numbers[p.Node()] = true
			}
			r.Equal("numbers", len(numbers), len(r.all))
		},
		"one body that all receive at the same time is one event":                 (*relays).acceptTheSame,
		"changes of one key by all at the same time are not lost":                 (*relays).changeTheSame,
		"deliveries that all store and send at the same time keep their order":    (*relays).keepOrder,
		"deliveries of a dead relay are taken over, in order":                     (*relays).takeOver,
		"a relay that was declared dead sends nothing and joins again":            (*relays).comeBack,
		"a relay whose number was given away makes its ids with another":          (*relays).loseNumber,
		"a claim whose commit was not confirmed is handed back":                   (*relays).unsure,
		"a rate is shared by all":                                                 (*relays).shareRate,
		"a relay is notified of work that another one has stored":                 (*relays).hear,
		"the load is that of all, and each relay's own is known at once":          (*relays).shareLoad,
		"one relay purges at a time":                                              (*relays).purgeAlone,
		"a key that no event announced is locked too, and no change is lost":      (*relays).unannounced,
		"an event is stored while another is written, unless both are about one":  (*relays).overlap,
		"events and flushes by all at the same time: each event is in one digest": (*relays).joinTheSame,
		"one relay fires slots at a time":                                         (*relays).wakeAlone,
		"a relay is notified of a slot that another one has stored":               (*relays).hearOfSlots,
		"slots fire once when the connection breaks before the commit":            (*relays).breakBeforeCommit,
		"slots fire once when the answer of the commit is lost":                   (*relays).loseAnswer,
		"a relay whose clock is wrong has that of the database":                   (*relays).wrongClock,
		"a long time without any relay is a gap":                                  (*relays).gap,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newRelays(t, s, 3))
		})
	}
}

func (r *relays) acceptTheSame() { r.AcceptSame(2, 60, r.all[0], r.all[1], r.all[2]) }

func (r *relays) changeTheSame() { r.appendTo([]string{"k", "other"}) }

func (r *relays) unannounced() { r.appendTo(nil) }

// overlap holds a transaction back behind its locks: another one of the same relay ends before it, and one that asks for
// the same key after it.
func (r *relays) overlap() {
	p, began, hold, held := r.all[0], make(chan struct{}), make(chan struct{}), false
	run := p.events.run
	p.events.run = func(t *tx, group []*op) error {
		err := run(t, group)
		if !held {
			held = true
			close(began)
			<-hold
		}
		return err
	}
	var saw string
	accept := func(key, value string) {
		ev := r.EventOf(key + value)
		ev.Keys = []string{key}
		_, err := p.Accept(r.Context(), []store.Event{ev}, func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
			v, err := get(key)
			saw = string(v)
			return store.Plan{Changes: []store.Change{{Key: key, Value: []byte(value)}}, Deliveries: []store.NewDelivery{
				r.MakeDelivery("n", key)}}, err
		})
		if err != nil {
			r.Error(err)
		}
	}
	var slow sync.WaitGroup
	slow.Go(func() { accept("k", "first") })
	<-began
	accept("other", "second")
	r.Equal("stored meanwhile", string(r.Value("k"))+" "+string(r.Value("other")), " second")
	slow.Go(func() { accept("k", "third") })
	close(hold)
	slow.Wait()
	r.Equal("what the third one saw", saw, "first")
	r.Equal("left", string(r.Value("k")), "third")
}

// appendTo lets all relays add to one value at the same time.
func (r *relays) appendTo(announced []string) {
	const each = 20
	var wg sync.WaitGroup
	for _, p := range r.all {
		maker := store.NewIDs(p.Node())
		wg.Go(func() {
			for n := range each {
				ev := r.EventOf(fmt.Sprint(p.Node(), n))
				ev.ID, ev.Keys = maker.Next(time.Now()), announced
				_, err := p.Accept(r.Context(), []store.Event{ev},
					func(_ int, get func(string) ([]byte, error)) (store.Plan, error) {
						v, err := get("k")
						return store.Plan{Changes: []store.Change{{Key: "k", Value: append(v[:len(v):len(v)], 'x')}}}, err
					})
				if err != nil {
					r.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v := r.Value("k")
	r.Equal("length", len(v), each*len(r.all))
}

func (r *relays) takeOver() {
	dead, other := r.all[1], r.all[2]
	a1, a2, b := r.Put("a"), r.Put("a"), r.Put("b")
	r.Equal("claimed", r.claimOf(dead, 3), []store.ID{a1, a2, b})
	r.NoError(other.beatOrJoin(r.Context()))
	r.Equal("while its heartbeats come", len(r.claimOf(other, 0)), 0)
	r.kill(dead)
	r.NoError(other.beatOrJoin(r.Context()))
	r.Equal("after it is dead", r.claimOf(other, 3), []store.ID{a1, a2, b})
	r.end(dead, store.Delivery{ID: a1, Lease: 1})
	r.Equal("its outcome comes too late", r.Find(a1).State, store.Sending)
	r.end(other, store.Delivery{ID: a1, Lease: 2})
	r.Equal("that of the other one counts", r.Find(a1).State, store.Delivered)
}

func (r *relays) comeBack() {
	p, session, node := r.all[1], r.all[1].self.session.Load(), r.all[1].Node()
	id := r.Put("a")
	r.Equal("claimed", r.claimOf(p, 1), []store.ID{id})
	r.Equal("leases with heartbeats", p.LeasesValid(), true)
	r.kill(p)
	r.Equal("leases without a heartbeat", p.LeasesValid(), false)
	r.NoError(p.beatOrJoin(r.Context()))
	r.Equal("a new session, the same number", []any{p.self.session.Load() == session, p.Node()}, []any{false, node})
	r.Equal("leases while lost deliveries may be sent", p.LeasesValid(), false)
	r.NoError(p.Finish(r.Context(), []store.Outcome{{ID: id, Lease: 1, State: store.Pending}}))
	r.Equal("leases after all were handed back", p.LeasesValid(), true)
	r.Equal("claimed by another one", r.claimOf(r.all[2], 1), []store.ID{id})
}

func (r *relays) loseNumber() {
	p := r.all[1]
	stopHeartbeats(p) // it does not join again before the other one has its number
	maker, node, now := store.IDsOf(p.Node), p.Node(), time.Now()
	before := maker.Next(now)
	r.kill(p)
	r.kill(p)
	r.run("INSERT INTO replicas SELECT n, -1 - n, "+dbNow+`, true FROM generate_series(0, 1023) n WHERE n <> $1
		ON CONFLICT (node) DO UPDATE SET beat_at = excluded.beat_at`, node) // so that none is left but that one
	successor := r.add(r.T, r.url)
	r.Cleanup(func() { r.NoError(successor.Close()) })
	r.Equal("the successor's number", successor.Node(), node)
	r.run("DELETE FROM replicas WHERE session < 0")
	r.NoError(p.beatOrJoin(r.Context()))
	after := maker.Next(now)
	r.Equal("it has another one", p.Node() != node, true)
	r.Equal("and so have its ids", int64(after)>>store.CounterBits&(nodes-1), p.Node())
	r.Equal("ids grow", after > before, true)
}

func (r *relays) unsure() {
	p := r.all[0]
	stopHeartbeats(p)
	known, lost := r.Put(""), r.Put("")
	r.Equal("claimed", r.claimOf(p, 2), []store.ID{known, lost})
	p.leases.drop(lost)
	p.self.unsure.Store(true)
	r.NoError(p.beatOrJoin(r.Context()))
	r.Equal("states", []store.State{r.Find(known).State, r.Find(lost).State},
		[]store.State{store.Sending, store.Pending})
}

func (r *relays) shareRate() {
	rate := store.Rate{Messages: 1, Per: time.Hour}
	var waits []time.Duration
	for _, p := range r.all {
		wait, err := p.Reserve(r.Context(), "slack", rate, 24*time.Hour)
		r.NoError(err)
		waits = append(waits, wait.Round(time.Hour))
	}
	r.Equal("waits", waits, []time.Duration{0, time.Hour, 2 * time.Hour})
}

// hear stores again and again, since a relay misses the notifications that were sent before it listened.
func (r *relays) hear() {
	ticker := time.NewTicker(notifyEvery)
	defer ticker.Stop()
	for {
		r.Put("")
		select {
		case name := <-r.all[2].Notifications():
			r.Equal("notifier", name, "n")
			return
		case <-ticker.C:
		}
	}
}

func (r *relays) shareLoad() {
	a, b := r.all[0], r.all[1]
	stopHeartbeats(a)
	stopHeartbeats(b)
	id := r.Put("")
	r.Equal("its own", a.Load().Deliveries, 1)
	r.Equal("another's", b.Load().Deliveries, 0)
	r.NoError(b.beatOrJoin(r.Context()))
	r.Equal("another's after a heartbeat", b.Load().Deliveries, 1)
	r.Equal("claimed", r.claimOf(b, 1), []store.ID{id})
	r.end(b, store.Delivery{ID: id, Lease: 1})
	r.Equal("sent by the other one", b.Load(), store.Load{})
	r.NoError(a.beatOrJoin(r.Context()))
	r.Equal("its own after a heartbeat", a.Load(), store.Load{})
}

func (r *relays) purgeAlone() {
	r.AcceptOne(r.MakeEvent(), store.Plan{})
	conn, err := r.all[1].pool.Acquire(r.Context())
	r.NoError(err)
	lock := r.all[1].lockName(lockPurge, "")
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_lock($1)", lock)
	r.NoError(err)
	later := r.Now().Add(time.Hour)
	n, err := r.Purge(r.Context(), later, later)
	r.NoError(err)
	r.Equal("while another one purges", n, 0)
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_unlock($1)", lock)
	r.NoError(err)
	conn.Release()
	n, err = r.Purge(r.Context(), later, later)
	r.NoError(err)
	r.Equal("after it", n, 1)
}

func (r *relays) joinTheSame() { r.JoinAtOnce(40, r.all[0], r.all[1], r.all[2]) }

func (r *relays) wakeAlone() {
	r.Join("slot:g/r/1", 0)
	conn, err := r.all[1].pool.Acquire(r.Context())
	r.NoError(err)
	lock := r.all[1].lockName(lockWake, "")
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_lock($1)", lock)
	r.NoError(err)
	r.Equal("while another one fires", r.WakeAll().Busy, true)
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_unlock($1)", lock)
	r.NoError(err)
	conn.Release()
	r.flushAll()
}

// flushAll fires until the only digest has left: it may be due a moment later by the clock of another relay, a call may
// fail, and a session that was broken may hold its locks for a moment.
func (r *relays) flushAll() {
	r.Helper()
	for deadline := time.Now().Add(time.Minute); len(r.Digests()) == 0; {
		_, _ = r.Wake(r.Context(), store.Wake{Limit: 10, Decide: r.Flush})
		if time.Now().After(deadline) {
			r.Fatal("it is never flushed")
		}
	}
	r.Equal("digests", len(r.Digests()), 1)
	r.Equal("once more", r.WakeAll().Looked, 0)
	r.Equal("deliveries", len(r.DeliveryIDs(store.DeliveryFilter{})), 1)
}

func (r *relays) hearOfSlots() {
	ticker := time.NewTicker(notifyEvery)
	defer ticker.Stop()
	for {
		r.Join("slot:g/r/1", time.Hour)
		select {
		case name := <-r.all[2].Notifications():
			r.Equal("name", name, store.DueNotification)
			return
		case <-ticker.C:
		}
	}
}

// breakBeforeCommit ends the session of a transaction that has decided, so that it is rolled back.
func (r *relays) breakBeforeCommit() {
	r.Join("slot:g/r/1", 0)
	p, tries, broken := r.all[0], 0, false
	run := p.slotWriter.run
	p.slotWriter.run = func(t *tx, group []*op) error {
		err := run(t, group)
		if tries++; err == nil && group[0].wake.woken.Looked > 0 && !broken {
			broken = true
			r.run("SELECT pg_terminate_backend($1)", t.conn.Conn().PgConn().PID())
		}
		return err
	}
	r.flushAll()
	r.Equal("broken, and tried again", []bool{broken, tries > 2}, []bool{true, true})
}

// loseAnswer commits, and lets the caller believe that the connection broke.
func (r *relays) loseAnswer() {
	r.Join("slot:g/r/1", 0)
	p := r.all[0]
	run := p.slotWriter.run
	lost := false
	p.slotWriter.run = func(t *tx, group []*op) error {
		err := run(t, group)
		if err == nil && !lost && group[0].wake.woken.Looked > 0 {
			lost = true
			return errors.Join(t.commit(), io.ErrUnexpectedEOF)
		}
		return err
	}
	for deadline := time.Now().Add(time.Minute); !lost; {
		_, err := p.Wake(r.Context(), store.Wake{Limit: 10, Decide: r.Flush})
		r.Equal("the error is that of the connection", err != nil, lost)
		if time.Now().After(deadline) {
			r.Fatal("it is never due")
		}
	}
	r.flushAll()
}

func (r *relays) gap() {
	r.Equal("while others live", r.Value(store.GapKey) == nil, true)
	for _, p := range r.all {
		stopHeartbeats(p)
	}
	r.run("UPDATE replicas SET beat_at = beat_at - 3600000")
	next := r.add(r.T, r.url)
	r.Cleanup(func() { r.NoError(next.Close()) })
	gap := store.ParseGap(r.Value(store.GapKey))
	r.Equal("an hour", gap.To.Sub(gap.From).Round(10*time.Minute), time.Hour)
	after := r.add(r.T, r.url)
	r.Cleanup(func() { r.NoError(after.Close()) })
	r.Equal("of the next one", store.ParseGap(r.Value(store.GapKey)), gap)
}

func (r *relays) wrongClock() {
	p := r.all[1]
	stopHeartbeats(p)
	p.local = func() time.Time { return time.Now().Add(-time.Hour) }
	r.NoError(p.beatOrJoin(r.Context()))
	var now int64
	r.NoError(r.all[0].pool.QueryRow(r.Context(), "SELECT "+dbNow).Scan(&now))
	r.Equal("about the same", p.Now().Sub(fromMillis(now)).Abs() < 10*time.Minute, true)
}
