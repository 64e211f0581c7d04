//go:build unix

package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// keepOrder stores and sends through all relays at once, and compares the order of sending with that of storing.
func (r *relays) keepOrder() {
	const each = 40
	o := &orderly{relays: r}
	o.left.Add(each * len(r.all))
	ctx, stop := context.WithCancel(r.Context())
	var storing, sending sync.WaitGroup
	for _, p := range r.all {
		storing.Go(func() { o.store(p, each) })
		sending.Go(func() { o.send(ctx, p) })
	}
	storing.Wait()
	o.left.Wait()
	stop()
	sending.Wait()
	for lane := range o.lanes {
		r.Equal(fmt.Sprint("lane ", lane), o.lanes[lane].sent, o.stored(lane))
	}
}

// orderly records which deliveries are sent, by lane.
type orderly struct {
	*relays
	left  sync.WaitGroup // deliveries that are not sent yet
	lanes [3]struct {
		sync.Mutex // held while a delivery is sent
		sent       []store.ID
	}
}

func (o *orderly) store(p *Store, n int) {
	maker := store.NewIDs(p.Node())
	for i := range n {
		ev, d := o.EventOf(fmt.Sprint(p.Node(), i)), store.NewDelivery{Rule: "r", Notifier: "n",
			OrderKey: fmt.Sprint(i % len(o.lanes)), Message: []byte("m")}
		ev.ID, d.ID = maker.Next(time.Now()), maker.Next(time.Now())
		if _, err := p.Accept(o.Context(), []store.Event{ev},
			storetest.Planned(store.Plan{Deliveries: []store.NewDelivery{d}})); err != nil {
			o.Error(err)
		}
	}
}

func (o *orderly) send(ctx context.Context, p *Store) {
	for ctx.Err() == nil {
		ds, err := p.Claim(o.Context(), "n", 5)
		if err != nil {
			o.Error(err)
		}
		for _, d := range ds {
			lane := &o.lanes[d.OrderKey[0]-'0']
			if !lane.TryLock() {
				o.Errorf("lane %s is being sent by two relays", d.OrderKey)
				continue
			}
			lane.sent = append(lane.sent, d.ID)
			lane.Unlock()
			o.end(p, d)
			o.left.Done()
		}
	}
}

// stored returns the deliveries of a lane in the order in which they were stored.
func (o *orderly) stored(lane int) []store.ID {
	rows, err := o.all[0].pool.Query(o.Context(), "SELECT id FROM deliveries WHERE order_key = $1 ORDER BY seq",
		fmt.Sprint(lane))
	o.NoError(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[store.ID])
	o.NoError(err)
	return ids
}
