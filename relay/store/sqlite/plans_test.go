package sqlite

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/sqlite/conn"
)

// No statement about the deliveries of events reads all deliveries.
func TestTheDeliveriesOfEventsAreFoundWithoutReadingAll(t *testing.T) {
	f := newFixture(t)
	s := f.Store.(*Store)
	ev, d := f.MakeEvent(), f.MakeDelivery("n", "")
	f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{d}})
	f.ClaimIDs()
	failed := store.Outcome{ID: d.ID, Lease: 1, State: store.Dead, Fallbacks: []store.NewDelivery{f.MakeDelivery("instead", "")}}
	failed.Fallbacks[0].FallbackFor = d.ID
	f.NoError(f.Finish(t.Context(), []store.Outcome{failed}))
	askAboutEvent(t, s, ev.ID)
	f.Advance(time.Hour)
	_, err := f.Purge(t.Context(), f.Now(), f.Now())
	f.NoError(err)

	all := map[string]bool{}
	for range conn.MaxReaders { // which are used in turns
		f.NoError(s.readers.Read(t.Context(), func(_ context.Context, c *conn.Conn) error { return checkPlans(t, c, all) }))
	}
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	f.NoError(checkPlans(t, s.writer.conn, all))
	if len(all) < 12 {
		t.Errorf("%d statements", len(all))
	}
}

// askAboutEvent asks all questions about the deliveries of an event.
func askAboutEvent(t *testing.T, s *Store, id store.ID) {
	t.Helper()
	ctx, events := t.Context(), []store.ID{id}
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check(s.Event(ctx, id))
	for _, f := range []store.DeliveryFilter{{}, {State: store.Dead}, {Notifier: "n", Reason: "x"}, {Project: "WEB"}} {
		check(s.DeliveriesOf(ctx, events, f))
		f.Event = id
		_, _, err := s.Deliveries(ctx, f)
		check(nil, err)
	}
	check(s.MessagesOf(ctx, events))
	check(s.DeliveryStates(ctx, events))
	_, _, err := s.IndexRows(ctx, events)
	check(nil, err)
	outline := func(*store.StoredEvent) store.Outline { return store.Outline{} }
	check(s.Fill(ctx, ledger.FillState{Before: id + 1}, outline))
}

// checkPlans looks at the plans of the statements of a connection that use the index of deliveries that are apart, and
// adds them to all.
func checkPlans(t *testing.T, c *conn.Conn, all map[string]bool) error {
	readsAll := regexp.MustCompile(`^SCAN (d|f|deliveries|events|attempts)\b`)
	for _, q := range c.Queries() {
		if !strings.Contains(q, "deliveries_apart") {
			continue
		}
		all[q] = true
		plan, args := []string{}, make([]any, parameters(q))
		err := c.Each("EXPLAIN QUERY PLAN "+q, args, func(r conn.Row) { plan = append(plan, r.Str(3)) })
		if err != nil {
			return err
		}
		if slices.ContainsFunc(plan, readsAll.MatchString) {
			t.Errorf("%s\nis planned as %s", q, strings.Join(plan, "\n"))
		}
	}
	return nil
}

// parameters returns how many parameters a statement has.
func parameters(q string) (n int) {
	for _, p := range regexp.MustCompile(`\?(\d*)`).FindAllStringSubmatch(q, -1) {
		if number, err := strconv.Atoi(p[1]); err == nil {
			n = max(n, number)
		} else {
			n++
		}
	}
	return n
}
