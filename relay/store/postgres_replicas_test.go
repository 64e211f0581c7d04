//go:build unix

package store

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// relays are several stores on one schema, with the clock of the database.
type relays struct {
	*fixture
	url string
	all []*Postgres
}

func newRelays(t *testing.T, s *schemas, n int) *relays {
	url := s.take(t)
	r := &relays{url: url}
	r.fixture = newFixture(t, func(t *testing.T, _ func() time.Time) func() Store {
		return func() Store { return r.add(t, url) }
	})
	for range n - 1 {
		other := r.add(t, url)
		t.Cleanup(func() { r.check(other.Close()) })
	}
	r.beat()
	return r
}

func (r *relays) add(t *testing.T, url string) *Postgres {
	p := openPostgres(t, url, nil)
	r.all = append(r.all, p)
	return p
}

// beat lets each relay learn of the others.
func (r *relays) beat() {
	r.Helper()
	for _, p := range r.all {
		r.check(p.beatOrJoin(r.Context()))
	}
}

// run runs a statement beside the relays.
func (r *relays) run(sql string, args ...any) {
	r.Helper()
	_, err := r.all[0].pool.Exec(r.Context(), sql, args...)
	r.check(err)
}

// kill makes a relay dead for the others, as if its heart had not beaten for a minute.
func (r *relays) kill(p *Postgres) {
	r.Helper()
	r.run("UPDATE replicas SET beat_at = beat_at - 60000 WHERE session = $1", p.me.session.Load())
	long := time.Now().Add(-time.Minute)
	p.me.beat.Store(&long)
}

// claimOf claims what is due by now, whichever relay's clock said so: they differ by milliseconds.
func (r *relays) claimOf(p *Postgres) []Delivery {
	r.Helper()
	due, err := p.NextDue(r.Context(), "n")
	r.check(err)
	if wait := time.Until(due); !due.IsZero() && wait < time.Minute {
		timer := time.NewTimer(wait + time.Millisecond)
		<-timer.C
	}
	ds, err := p.Claim(r.Context(), "n", 100)
	r.check(err)
	return ds
}

func (r *relays) end(p *Postgres, d Delivery) {
	r.Helper()
	r.check(p.Finish(r.Context(), []Outcome{{ID: d.ID, Lease: d.Lease, State: Delivered, Attempt: &Attempt{At: time.Now()}}}))
}

func testRelays(t *testing.T, s *schemas) {
	for name, run := range map[string]func(*relays){
		"relays have numbers of their own": func(r *relays) {
			numbers := map[int]bool{}
			for _, p := range r.all {
				numbers[p.Node()] = true
			}
			r.equal("numbers", len(numbers), len(r.all))
		},
		"one body that comes to all at the same instant is one event":        (*relays).acceptTheSame,
		"what all change in one key at the same time is not lost":            (*relays).changeTheSame,
		"what all store and send at the same time keeps its order":           (*relays).keepOrder,
		"what a dead relay was sending is taken over, in order":              (*relays).takeOver,
		"a relay that was taken for dead sends nothing and joins again":      (*relays).comeBack,
		"a relay whose number was given away makes its ids with another":     (*relays).loseNumber,
		"a claim whose commit nobody confirmed is handed back":               (*relays).unsure,
		"a rate is shared by all":                                            (*relays).shareRate,
		"a relay hears of work that another one has stored":                  (*relays).hear,
		"the load is that of all, and each relay's own is known at once":     (*relays).shareLoad,
		"one relay purges at a time":                                         (*relays).purgeAlone,
		"a key that no event announced is locked too, and no change is lost": (*relays).unannounced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newRelays(t, s, 3))
		})
	}
}

func (r *relays) acceptTheSame() {
	const bodies = 60
	var mu sync.Mutex
	var wg sync.WaitGroup
	ids := map[string]map[ID]bool{}
	for i, p := range r.all {
		maker := NewIDs(p.Node())
		for range 2 {
			wg.Go(func() {
				for b := range bodies {
					body := fmt.Sprint("body ", b)
					ev := r.eventOf(body)
					ev.ID = maker.Next(time.Now())
					rs, err := p.Accept(r.Context(), []Event{ev}, planned(Plan{}))
					if err != nil {
						r.Errorf("relay %d: %v", i, err)
						return
					}
					mu.Lock()
					if ids[body] == nil {
						ids[body] = map[ID]bool{}
					}
					ids[body][rs[0].ID] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	for body, set := range ids {
		r.equal("ids of "+body, len(set), 1)
	}
	evs, _, err := r.Events(r.Context(), EventFilter{Limit: 1000})
	r.check(err)
	r.equal("events", len(evs), bodies)
}

func (r *relays) changeTheSame() { r.appendTo([]string{"k", "other"}) }

func (r *relays) unannounced() { r.appendTo(nil) }

// appendTo lets all relays add to one value at the same time.
func (r *relays) appendTo(announced []string) {
	const each = 20
	var wg sync.WaitGroup
	for _, p := range r.all {
		maker := NewIDs(p.Node())
		wg.Go(func() {
			for n := range each {
				ev := r.eventOf(fmt.Sprint(p.Node(), n))
				ev.ID, ev.Keys = maker.Next(time.Now()), announced
				_, err := p.Accept(r.Context(), []Event{ev}, func(_ int, get func(string) ([]byte, error)) (Plan, error) {
					v, err := get("k")
					return Plan{Changes: []Change{{Key: "k", Value: append(v[:len(v):len(v)], 'x')}}}, err
				})
				if err != nil {
					r.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v, err := r.Get(r.Context(), "k")
	r.check(err)
	r.equal("length", len(v), each*len(r.all))
}

func (r *relays) takeOver() {
	dead, other := r.all[1], r.all[2]
	a1, a2, b := r.put("a"), r.put("a"), r.put("b")
	r.equal("claimed", idsOf(r.claimOf(dead)), []ID{a1, a2, b})
	r.check(other.beatOrJoin(r.Context()))
	r.equal("while it lives", len(r.claimOf(other)), 0)
	r.kill(dead)
	r.check(other.beatOrJoin(r.Context()))
	r.equal("after its death", idsOf(r.claimOf(other)), []ID{a1, a2, b})
	r.end(dead, Delivery{ID: a1, Lease: 1})
	r.equal("its outcome comes too late", r.get(a1).State, Sending)
	r.end(other, Delivery{ID: a1, Lease: 2})
	r.equal("that of the other one counts", r.get(a1).State, Delivered)
}

func (r *relays) comeBack() {
	p, session, node := r.all[1], r.all[1].me.session.Load(), r.all[1].Node()
	id := r.put("a")
	ds := r.claimOf(p)
	r.equal("holds", p.Holds(), true)
	r.kill(p)
	r.equal("holds when its heart has not beaten", p.Holds(), false)
	r.check(p.beatOrJoin(r.Context()))
	r.equal("a new session, the same number", []any{p.me.session.Load() == session, p.Node()}, []any{false, node})
	r.equal("holds while it may send what is no longer its own", p.Holds(), false)
	r.check(p.Finish(r.Context(), []Outcome{{ID: id, Lease: ds[0].Lease, State: Pending}}))
	r.equal("holds after that", p.Holds(), true)
	r.equal("claimed by another one", idsOf(r.claimOf(r.all[2])), []ID{id})
}

func (r *relays) loseNumber() {
	p := r.all[1]
	p.quit()
	p.background.Wait() // it does not come back before the other one is there
	maker, node, now := IDsOf(p.Node), p.Node(), time.Now()
	before := maker.Next(now)
	r.kill(p)
	r.kill(p)
	r.run("INSERT INTO replicas SELECT n, -1 - n, "+dbNow+`, true FROM generate_series(0, 1023) n WHERE n <> $1
		ON CONFLICT (node) DO UPDATE SET beat_at = excluded.beat_at`, node) // so that none is left but that one
	heir := r.add(r.T, r.url)
	r.Cleanup(func() { r.check(heir.Close()) })
	r.equal("the heir's number", heir.Node(), node)
	r.run("DELETE FROM replicas WHERE session < 0")
	r.check(p.beatOrJoin(r.Context()))
	after := maker.Next(now)
	r.equal("it has another one", p.Node() != node, true)
	r.equal("and so have its ids", int64(after)>>counterBits&(nodes-1), p.Node())
	r.equal("ids grow", after > before, true)
}

func (r *relays) unsure() {
	p := r.all[0]
	known, lost := r.put(""), r.put("")
	r.equal("claimed", idsOf(r.claimOf(p)), []ID{known, lost})
	p.held.drop(lost)
	p.me.unsure.Store(true)
	r.check(p.beatOrJoin(r.Context()))
	r.equal("states", []State{r.get(known).State, r.get(lost).State}, []State{Sending, Pending})
}

func (r *relays) shareRate() {
	rate := Rate{Messages: 1, Per: time.Hour}
	var waits []time.Duration
	for _, p := range r.all {
		wait, err := p.Reserve(r.Context(), "slack", rate, 24*time.Hour)
		r.check(err)
		waits = append(waits, wait.Round(time.Hour))
	}
	r.equal("waits", waits, []time.Duration{0, time.Hour, 2 * time.Hour})
}

// hear stores again and again, since nobody hears what was told before they began to listen.
func (r *relays) hear() {
	ticker := time.NewTicker(ringEvery)
	defer ticker.Stop()
	for {
		r.put("")
		select {
		case name := <-r.all[2].Wakes():
			r.equal("notifier", name, "n")
			return
		case <-ticker.C:
		}
	}
}

func (r *relays) shareLoad() {
	a, b := r.all[0], r.all[1]
	id := r.put("")
	r.equal("its own", a.Load().Deliveries, 1)
	r.equal("another's", b.Load().Deliveries, 0)
	r.check(b.beatOrJoin(r.Context()))
	r.equal("another's after a heartbeat", b.Load().Deliveries, 1)
	r.claimOf(b)
	r.end(b, Delivery{ID: id, Lease: 1})
	r.equal("sent by the other one", b.Load(), Load{})
	r.check(a.beatOrJoin(r.Context()))
	r.equal("its own after a heartbeat", a.Load(), Load{})
}

func (r *relays) purgeAlone() {
	r.accept(r.event(), Plan{})
	conn, err := r.all[1].pool.Acquire(r.Context())
	r.check(err)
	lock := r.all[1].lockName(lockPurge, "")
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_lock($1)", lock)
	r.check(err)
	later := r.now().Add(time.Hour)
	n, err := r.Purge(r.Context(), later, later)
	r.check(err)
	r.equal("while another one purges", n, 0)
	_, err = conn.Exec(r.Context(), "SELECT pg_advisory_unlock($1)", lock)
	r.check(err)
	conn.Release()
	n, err = r.Purge(r.Context(), later, later)
	r.check(err)
	r.equal("after it", n, 1)
}
