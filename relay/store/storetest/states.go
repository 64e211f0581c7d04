package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"qaserelay/relay/store"
)

// stateCases take random steps, and compare the deliveries with a model.
func stateCases() map[string]func(*Fixture) {
	cases := map[string]func(*Fixture){}
	for seed := range uint64(3) {
		cases[fmt.Sprint("whatever happens, deliveries move as they may; seed ", seed)] = func(f *Fixture) {
			m := &model{Fixture: f, rand: rand.New(rand.NewPCG(seed, 1)), known: map[store.ID]*modelled{}}
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

// model holds the expected deliveries and their states.
type model struct {
	*Fixture
	rand  *rand.Rand
	order []store.ID
	known map[store.ID]*modelled
}

type modelled struct {
	store.NewDelivery
	state    store.State
	lease    int64
	attempts int
	made     time.Time
	forced   bool // a person has retried it, so it need not wait for others
	entitled bool // it needed not wait when it was claimed; after a restart it may still not
	back     bool // it failed permanently before, so that others were sent without it
}

func (m *model) step() {
	m.Helper()
	steps := []func(){m.put, m.put, m.put, m.take, m.take, m.take, m.end,
		m.end, m.end, m.end, m.endOld, m.again, m.stop, m.wait, m.wait}
	if m.rand.IntN(30) == 0 {
		m.restart()
		return
	}
	steps[m.rand.IntN(len(steps))]()
}

// new makes a delivery at random.
func (m *model) new() store.NewDelivery {
	d := m.MakeDelivery([]string{"n", "m"}[m.rand.IntN(2)], []string{"", "a", "b"}[m.rand.IntN(3)])
	d.Wait = []time.Duration{0, time.Second, 2 * store.OrderWait}[m.rand.IntN(3)]
	d.Claim = m.rand.IntN(4) == 0
	if m.rand.IntN(10) == 0 {
		d.Cancelled = "dry run"
	}
	return d
}

// remember adds a stored delivery to the model.
func (m *model) remember(d store.NewDelivery, claimable bool) {
	x := &modelled{NewDelivery: d, state: store.Pending, made: m.Now()}
	if d.Cancelled != "" {
		x.state = store.Cancelled
	} else if d.Claim && claimable && len(m.before(x)) == 0 {
		x.state, x.lease = store.Sending, 1
	}
	m.order = append(m.order, d.ID)
	m.known[d.ID] = x
}

// before returns the older unfinished deliveries of the same stream.
func (m *model) before(x *modelled) (ids []store.ID) {
	for _, id := range m.order {
		b := m.known[id]
		if id < x.ID && x.OrderKey != "" && b.OrderKey == x.OrderKey && b.Notifier == x.Notifier &&
			(b.state == store.Pending || b.state == store.Sending) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *model) put() {
	m.Helper()
	var p store.Plan
	for range 1 + m.rand.IntN(3) {
		p.Deliveries = append(p.Deliveries, m.new())
	}
	r := m.AcceptOne(m.MakeEvent(), p)
	var claimed []store.ID
	for _, d := range p.Deliveries {
		m.remember(d, true)
		if m.known[d.ID].state == store.Sending {
			claimed = append(claimed, d.ID)
		}
	}
	m.Equal("claimed at once", fmt.Sprint(r.Claimed), fmt.Sprint(claimed))
}

func (m *model) take() {
	m.Helper()
	notifier, limit := []string{"n", "m"}[m.rand.IntN(2)], 1+m.rand.IntN(6)
	ds, err := m.Claim(m.Context(), notifier, limit)
	m.NoError(err)
	if len(ds) > limit {
		m.Fatalf("claimed %d, want at most %d", len(ds), limit)
	}
	for i, d := range ds {
		m.taken(d, ds[:i])
	}
}

// taken compares a claimed delivery with the model. It may follow one that was claimed with it, even if that one has
// overtaken others.
func (m *model) taken(d store.Delivery, with []store.Delivery) {
	m.Helper()
	x := m.known[d.ID]
	if x == nil || x.state != store.Pending || d.Lease != x.lease+1 || d.Attempts != x.attempts ||
		d.Notifier != x.Notifier {
		m.Fatalf("claimed %+v, want %+v", d, x)
	}
	wait := x.Wait
	if wait == 0 {
		wait = store.OrderWait
	}
	waited := m.Now().Sub(x.made) >= wait || x.forced || x.attempts > 0
	for _, b := range m.before(x) {
		behind := func(w store.Delivery) bool { return w.OrderKey == x.OrderKey && w.ID >= b && w.ID < x.ID }
		if !waited && !m.known[b].back && !slices.ContainsFunc(with, behind) {
			m.Fatalf("%s overtakes %s", d.ID, b)
		}
	}
	x.state, x.lease, x.forced, x.entitled = store.Sending, d.Lease, false, waited
}

// pick returns a delivery in one of the states, or nil.
func (m *model) pick(states ...store.State) *modelled {
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

// end finishes a delivery, or hands it back.
func (m *model) end() {
	m.Helper()
	x := m.pick(store.Sending)
	if x == nil {
		return
	}
	o := store.Outcome{ID: x.ID, Lease: x.lease,
		State: []store.State{store.Delivered, store.Dead, store.Pending, store.Pending}[m.rand.IntN(4)]}
	if o.State != store.Pending || m.rand.IntN(2) == 0 {
		o.Attempt = &store.Attempt{At: m.Now(), Status: "an answer"}
		x.attempts++
	}
	if o.State == store.Pending {
		o.NextAt = m.Now().Add(time.Duration(m.rand.IntN(60)) * time.Second)
	}
	if o.State == store.Dead && m.rand.IntN(2) == 0 {
		for range 1 + m.rand.IntN(2) {
			d := m.new()
			d.FallbackFor = x.ID
			o.Fallbacks = append(o.Fallbacks, d)
		}
	}
	m.NoError(m.Finish(m.Context(), []store.Outcome{o}))
	x.state = o.State
	for _, d := range o.Fallbacks {
		m.remember(d, false)
	}
}

// endOld reports an outcome of an older lease, or of a delivery that is not being sent. It changes nothing.
func (m *model) endOld() {
	m.Helper()
	if x := m.pick(store.States()...); x != nil {
		lease := x.lease
		if x.state == store.Sending {
			lease--
		}
		m.Advance(time.Millisecond) // a moment after it was made or ended
		fallback := m.new()
		m.NoError(m.Finish(m.Context(), []store.Outcome{{ID: x.ID, Lease: lease, State: store.Dead,
			Attempt: &store.Attempt{At: m.Now()}, Fallbacks: []store.NewDelivery{fallback}}}))
	}
}

func (m *model) again() {
	m.Helper()
	if x := m.pick(store.States()...); x != nil {
		n, err := m.Retry(m.Context(), []store.ID{x.ID})
		m.NoError(err)
		may := store.ByRetry.From(x.state) != nil
		m.Equal("retried", n == 1, may)
		if may {
			x.back = x.back || x.state == store.Dead
			x.state, x.attempts, x.forced = store.Pending, 0, true
		}
	}
}

func (m *model) stop() {
	m.Helper()
	if x := m.pick(store.States()...); x != nil &&
		m.rand.IntN(3) == 0 {
		n, err := m.Cancel(m.Context(), []store.ID{x.ID}, "not wanted")
		m.NoError(err)
		may := store.ByCancel.From(x.state) != nil
		m.Equal("cancelled", n == 1, may)
		if may {
			x.state = store.Cancelled
		}
	}
}

func (m *model) wait() {
	long := m.rand.IntN(12) == 0
	m.Advance(time.Duration(m.rand.IntN(30)) * time.Second)
	if long {
		m.Advance(store.OrderWait + time.Minute)
	}
}

func (m *model) restart() {
	m.Helper()
	m.Reopen()
	for _, x := range m.known {
		if x.state == store.Sending {
			lease := m.Find(x.ID).Lease
			m.Equal("lease stays or was never written", lease == x.lease || lease == x.lease-1, true)
			x.state, x.lease, x.forced = store.Pending, lease, x.entitled
		}
	}
}

// compare compares the store with the model.
func (m *model) compare() {
	m.Helper()
	want := store.Load{}
	for _, id := range m.order {
		x, d := m.known[id], m.Find(id)
		m.Equal("state, lease and attempts of "+id.String(), []any{d.State, d.Lease, d.Attempts},
			[]any{x.state, x.lease, x.attempts})
		if x.state == store.Pending || x.state == store.Sending {
			want.Deliveries++
			want.Bytes += int64(len(x.Message))
		}
	}
	m.Equal("load", m.Load(), want)
	backlog, err := m.Backlog(m.Context())
	m.NoError(err)
	for _, b := range backlog {
		want.Deliveries -= b.Pending
	}
	m.Equal("what the backlog leaves out", want.Deliveries, 0)
	all, _, err := m.Deliveries(m.Context(), store.DeliveryFilter{Limit: 1000})
	m.NoError(err)
	m.Equal("deliveries", len(all), len(m.order))
}

// drain delivers the rest. No delivery waits longer than the longest pause before another attempt.
func (m *model) drain() {
	m.Helper()
	for _, x := range m.known {
		if x.state == store.Sending {
			m.FinishAs(store.Delivered, time.Time{}, x.ID)
		}
	}
	for range 5 {
		m.Advance(time.Minute)
		for _, notifier := range []string{"n", "m"} {
			for ds := []store.Delivery{{}}; len(ds) > 0; {
				var err error
				ds, err = m.Claim(m.Context(), notifier, 100)
				m.NoError(err)
				for _, d := range ds {
					m.FinishAs(store.Delivered, time.Time{}, d.ID)
				}
			}
		}
	}
	m.Equal("left", m.Load(), store.Load{})
}
