package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// stateCases do things at random, and compare what becomes of deliveries with a model.
func stateCases() map[string]func(*fixture) {
	cases := map[string]func(*fixture){}
	for seed := range uint64(3) {
		cases[fmt.Sprint("whatever happens, deliveries move as they may; seed ", seed)] = func(f *fixture) {
			m := &model{fixture: f, rand: rand.New(rand.NewPCG(seed, 1)), known: map[ID]*modelled{}}
			for range 120 {
				m.step()
				if m.rand.IntN(10) == 0 {
					m.compare()
				}
			}
			m.compare()
			m.drain()
		}
	}
	return cases
}

// model says what deliveries there are, and in which state each has to be.
type model struct {
	*fixture
	rand  *rand.Rand
	order []ID
	known map[ID]*modelled
}

type modelled struct {
	NewDelivery
	state    State
	lease    int64
	attempts int
	made     time.Time
	forced   bool // it need not wait for others, since a person has retried it
	entitled bool // it was, when it was claimed; a start may find it so
	back     bool // was dead, so that others went on without it
}

func (m *model) step() {
	m.Helper()
	steps := []func(){m.put, m.put, m.put, m.take, m.take, m.take, m.end, m.end, m.end, m.end, m.endOld, m.again, m.stop, m.wait, m.wait}
	if m.rand.IntN(30) == 0 {
		m.restart()
		return
	}
	steps[m.rand.IntN(len(steps))]()
}

// new makes a delivery that is remembered when it is stored.
func (m *model) new() NewDelivery {
	d := m.delivery([]string{"n", "m"}[m.rand.IntN(2)], []string{"", "a", "b"}[m.rand.IntN(3)])
	d.Wait = []time.Duration{0, time.Second, 2 * OrderWait}[m.rand.IntN(3)]
	d.Claim = m.rand.IntN(4) == 0
	if m.rand.IntN(10) == 0 {
		d.Cancelled = "dry run"
	}
	return d
}

// remember expects a delivery that was stored in the order of ids.
func (m *model) remember(d NewDelivery, claimable bool) {
	x := &modelled{NewDelivery: d, state: Pending, made: m.now()}
	if d.Cancelled != "" {
		x.state = Cancelled
	} else if d.Claim && claimable && len(m.before(x)) == 0 {
		x.state, x.lease = Sending, 1
	}
	m.order = append(m.order, d.ID)
	m.known[d.ID] = x
}

// before returns the unfinished ones of the same order key that are older.
func (m *model) before(x *modelled) (ids []ID) {
	for _, id := range m.order {
		b := m.known[id]
		if id < x.ID && x.OrderKey != "" && b.OrderKey == x.OrderKey && b.Notifier == x.Notifier && (b.state == Pending || b.state == Sending) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *model) put() {
	m.Helper()
	var p Plan
	for range 1 + m.rand.IntN(3) {
		p.Deliveries = append(p.Deliveries, m.new())
	}
	r := m.accept(m.event(), p)
	var claimed []ID
	for _, d := range p.Deliveries {
		m.remember(d, true)
		if m.known[d.ID].state == Sending {
			claimed = append(claimed, d.ID)
		}
	}
	m.equal("claimed at once", fmt.Sprint(r.Claimed), fmt.Sprint(claimed))
}

func (m *model) take() {
	m.Helper()
	notifier, limit := []string{"n", "m"}[m.rand.IntN(2)], 1+m.rand.IntN(6)
	ds, err := m.Claim(m.Context(), notifier, limit)
	m.check(err)
	if len(ds) > limit {
		m.Fatalf("claimed %d, want at most %d", len(ds), limit)
	}
	for i, d := range ds {
		m.taken(d, ds[:i])
	}
}

// taken holds a claimed delivery against the model. It may follow one that was claimed with it, whatever that one has overtaken.
func (m *model) taken(d Delivery, with []Delivery) {
	m.Helper()
	x := m.known[d.ID]
	if x == nil || x.state != Pending || d.Lease != x.lease+1 || d.Attempts != x.attempts || d.Notifier != x.Notifier {
		m.Fatalf("claimed %+v, want %+v", d, x)
	}
	wait := x.Wait
	if wait == 0 {
		wait = OrderWait
	}
	waited := m.now().Sub(x.made) >= wait || x.forced || x.attempts > 0
	for _, b := range m.before(x) {
		behind := func(w Delivery) bool { return w.OrderKey == x.OrderKey && w.ID >= b && w.ID < x.ID }
		if !waited && !m.known[b].back && !slices.ContainsFunc(with, behind) {
			m.Fatalf("%s overtakes %s", d.ID, b)
		}
	}
	x.state, x.lease, x.forced, x.entitled = Sending, d.Lease, false, waited
}

// pick returns one in a state, or nil.
func (m *model) pick(states ...State) *modelled {
	var in []*modelled
	for _, id := range m.order {
		if x := m.known[id]; slices.Contains(states, x.state) {
			in = append(in, x)
		}
	}
	if len(in) == 0 {
		return nil
	}
	return in[m.rand.IntN(len(in))]
}

// end finishes one, or hands it back.
func (m *model) end() {
	m.Helper()
	x := m.pick(Sending)
	if x == nil {
		return
	}
	o := Outcome{ID: x.ID, Lease: x.lease, State: []State{Delivered, Dead, Pending, Pending}[m.rand.IntN(4)]}
	if o.State != Pending || m.rand.IntN(2) == 0 {
		o.Attempt = &Attempt{At: m.now(), Status: "an answer"}
		x.attempts++
	}
	if o.State == Pending {
		o.NextAt = m.now().Add(time.Duration(m.rand.IntN(60)) * time.Second)
	}
	if o.State == Dead && m.rand.IntN(2) == 0 {
		d := m.new()
		d.FallbackFor, o.Fallback = x.ID, &d
	}
	m.check(m.Finish(m.Context(), []Outcome{o}))
	x.state = o.State
	if o.Fallback != nil {
		m.remember(*o.Fallback, false)
	}
}

// endOld reports an outcome of an older lease, or of what is not being sent, which changes nothing.
func (m *model) endOld() {
	m.Helper()
	if x := m.pick(Pending, Sending, Delivered, Dead, Cancelled); x != nil {
		lease := x.lease
		if x.state == Sending {
			lease--
		}
		m.advance(time.Millisecond) // a moment after it was made or ended
		fallback := m.new()
		m.check(m.Finish(m.Context(), []Outcome{{ID: x.ID, Lease: lease, State: Dead, Attempt: &Attempt{At: m.now()}, Fallback: &fallback}}))
	}
}

func (m *model) again() {
	m.Helper()
	if x := m.pick(Pending, Sending, Delivered, Dead, Cancelled); x != nil {
		n, err := m.Retry(m.Context(), []ID{x.ID})
		m.check(err)
		may := byRetry.from(x.state) != nil
		m.equal("retried", n == 1, may)
		if may {
			x.back = x.back || x.state == Dead
			x.state, x.attempts, x.forced = Pending, 0, true
		}
	}
}

func (m *model) stop() {
	m.Helper()
	if x := m.pick(Pending, Sending, Delivered, Dead, Cancelled); x != nil && m.rand.IntN(3) == 0 {
		n, err := m.Cancel(m.Context(), []ID{x.ID}, "not wanted")
		m.check(err)
		may := byCancel.from(x.state) != nil
		m.equal("cancelled", n == 1, may)
		if may {
			x.state = Cancelled
		}
	}
}

func (m *model) wait() {
	long := m.rand.IntN(12) == 0
	m.advance(time.Duration(m.rand.IntN(30)) * time.Second)
	if long {
		m.advance(OrderWait + time.Minute)
	}
}

func (m *model) restart() {
	m.Helper()
	m.reopen()
	for _, x := range m.known {
		if x.state == Sending {
			lease := m.get(x.ID).Lease
			m.equal("lease stays or was never written", lease == x.lease || lease == x.lease-1, true)
			x.state, x.lease, x.forced = Pending, lease, x.entitled
		}
	}
}

// compare holds the store against the model.
func (m *model) compare() {
	m.Helper()
	want := Load{}
	for _, id := range m.order {
		x, d := m.known[id], m.get(id)
		m.equal("state, lease and attempts of "+id.String(), []any{d.State, d.Lease, d.Attempts}, []any{x.state, x.lease, x.attempts})
		if x.state == Pending || x.state == Sending {
			want.Deliveries++
			want.Bytes += int64(len(x.Message))
		}
	}
	m.equal("load", m.Load(), want)
	backlog, err := m.Backlog(m.Context())
	m.check(err)
	for _, b := range backlog {
		want.Deliveries -= b.Pending
	}
	m.equal("what the backlog leaves out", want.Deliveries, 0)
	all, _, err := m.Deliveries(m.Context(), DeliveryFilter{Limit: 1000})
	m.check(err)
	m.equal("deliveries", len(all), len(m.order))
}

// drain delivers all that is left. Nobody waits for longer than the longest pause of one that was tried.
func (m *model) drain() {
	m.Helper()
	for _, x := range m.known {
		if x.state == Sending {
			m.finish(Delivered, time.Time{}, x.ID)
		}
	}
	for range 5 {
		m.advance(time.Minute)
		for _, notifier := range []string{"n", "m"} {
			for ds := []Delivery{{}}; len(ds) > 0; {
				var err error
				ds, err = m.Claim(m.Context(), notifier, 100)
				m.check(err)
				for _, d := range ds {
					m.finish(Delivered, time.Time{}, d.ID)
				}
			}
		}
	}
	m.equal("left", m.Load(), Load{})
}
