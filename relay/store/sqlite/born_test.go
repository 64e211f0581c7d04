package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/storetest"
	"qaserelay/relay/store/transfer"
)

// born makes a delivery that is claimed as it is made.
func born(f *storetest.Fixture, key string) store.ID {
	d := f.MakeDelivery("n", key)
	d.Claim = true
	return f.AcceptDeliveries(d).Claimed[0]
}

// inFile returns the state of a delivery in the file, and whether it is in the indexes of what is pending.
func inFile(f *storetest.Fixture, id store.ID) (state store.State, due, lane bool) {
	s := f.Store.(*Store)
	const q = `SELECT state, EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' AND notifier = 'n' AND id = ?1),
		EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane WHERE state = 'pending' AND notifier = 'n' AND id = ?1) FROM deliveries WHERE id = ?1`
	f.NoError(s.list(f.T.Context(), q, []any{id}, func(r conn.Row) { state, due, lane = store.State(r.Str(0)), r.Int(1) == 1, r.Int(2) == 1 }))
	return state, due, lane
}

func TestADeliveryThatIsClaimedAsItIsMadeIsInNoIndexOfWhatIsPending(t *testing.T) {
	for name, end := range map[string]struct {
		do     func(f *storetest.Fixture, id store.ID)
		state  store.State
		pends  bool
		shown  store.State
		number int64
	}{
		"nothing":         {func(*storetest.Fixture, store.ID) {}, store.Sending, false, store.Sending, 1},
		"it is delivered": {func(f *storetest.Fixture, id store.ID) { f.FinishAs(store.Delivered, time.Time{}, id) }, store.Delivered, false, store.Delivered, 1},
		"it is given up":  {func(f *storetest.Fixture, id store.ID) { f.FinishAs(store.Dead, time.Time{}, id) }, store.Dead, false, store.Dead, 1},
		"it is tried again": {func(f *storetest.Fixture, id store.ID) { f.FinishAs(store.Pending, f.Now().Add(time.Hour), id) },
			store.Pending, true, store.Pending, 1},
		"it is handed back": {func(f *storetest.Fixture, id store.ID) { f.HandBack(time.Time{}, id) }, store.Pending, true, store.Pending, 1},
		"the process ends":  {func(f *storetest.Fixture, _ store.ID) { f.Reopen() }, store.Pending, true, store.Pending, 1},
		"it is handed back and claimed": {func(f *storetest.Fixture, id store.ID) { f.HandBack(time.Time{}, id); f.ClaimIDs() },
			store.Pending, true, store.Sending, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := born(f, "key")
			end.do(f, id)
			state, due, lane := inFile(f, id)
			f.Equal("state in the file", state, end.state)
			f.Equal("due", due, end.pends)
			f.Equal("in its lane", lane, end.pends)
			d := f.Find(id)
			f.Equal("shown", d.State, end.shown)
			f.Equal("lease", d.Lease, end.number)
			checkCounts(t, f.Store.(*Store))
			r, err := OpenReader(f.Store.(*Store).Path)
			f.NoError(err)
			list, _, err := r.Deliveries(t.Context(), store.DeliveryFilter{State: end.state})
			f.NoError(errors.Join(err, r.Close()))
			f.Equal("listed by another process", len(list), 1)
			f.Equal("and by this one", f.DeliveryIDs(store.DeliveryFilter{State: end.shown}), []store.ID{id})
		})
	}
}

func TestADeliveryThatIsSendingInTheFileIsBeforeTheOthersOfItsStream(t *testing.T) {
	f := newFixture(t)
	first, second, third := born(f, "key"), f.Put("key"), f.Put("key")
	f.Equal("while it is being sent", f.ClaimIDs(), []store.ID{})
	f.CancelAll(second) // which lets the next one go, but for the first
	f.Equal("when another one ends", f.ClaimIDs(), []store.ID{})
	d := f.MakeDelivery("n", "key")
	d.Claim = true
	f.Equal("one more is claimed", len(f.AcceptDeliveries(d).Claimed), 0)
	f.FinishAs(store.Delivered, time.Time{}, first)
	f.Equal("when it has ended", f.ClaimIDs(), []store.ID{third, d.ID})
	checkCounts(t, f.Store.(*Store))
}

func TestTheOldestIsAlsoOneThatIsSendingInTheFile(t *testing.T) {
	f := newFixture(t)
	born(f, "")
	at := f.Now()
	f.Advance(time.Minute)
	f.Put("")
	list, err := f.Store.Backlog(t.Context())
	f.NoError(err)
	f.Equal("oldest", list[0].Oldest.Sub(at).Abs() < time.Second, true)
	f.Equal("pending", list[0].Pending, 2)
}

// A copy of the file, such as a backup, has what was being sent. A relay that starts with it sends it.
func TestACopyOfTheFileSendsWhatWasBeingSent(t *testing.T) {
	f := newFixture(t)
	id := born(f, "")
	path := filepath.Join(t.TempDir(), "copy.db")
	c, err := connectReady(f.Store.(*Store).Path, conn.ForCheckpoints())
	f.NoError(err)
	f.NoError(errors.Join(c.CopyTo(t.Context(), path), c.Close()))
	s := openTest(t, path, f.Now)
	defer func() { f.NoError(s.Close()) }()
	claimed, err := s.Claim(t.Context(), "n", 10)
	f.NoError(err)
	if len(claimed) != 1 || claimed[0].ID != id || claimed[0].Lease != 2 {
		t.Errorf("claimed %+v", claimed)
	}
}

func TestACopyToTheOtherStoreHasWhatWasBeingSentAsPending(t *testing.T) {
	f := newFixture(t)
	id := born(f, "")
	path := f.Store.(*Store).Path
	f.NoError(f.Store.Close())
	r, err := OpenTransfer(path)
	f.NoError(err)
	defer func() { f.NoError(r.Close()); f.Reopen() }()
	for _, table := range transfer.Tables() {
		if table.Name != "deliveries" {
			continue
		}
		rows, err := r.Page(t.Context(), table, nil)
		f.NoError(err)
		of := map[string]any{}
		for i, column := range table.Columns {
			of[column] = rows[0][i]
		}
		f.Equal("id", of["id"], int64(id))
		f.Equal("state", of["state"], "pending")
		f.Equal("due when it was made", of["next_at"] != nil && of["next_at"] == of["created_at"], true)
	}
}

// keptCount returns the row of a notifier.
func keptCount(f *storetest.Fixture) (unfinished, bytes int64, sending int) {
	const q = "SELECT unfinished, bytes, coalesce(length(sending), 0) / 8 FROM counts WHERE notifier = 'n'"
	f.NoError(f.Store.(*Store).list(f.T.Context(), q, nil, func(r conn.Row) { unfinished, bytes, sending = r.Int(0), r.Int(1), int(r.Int(2)) }))
	return unfinished, bytes, sending
}

// The row of a count is written with the next change that needs it, when deliveries that were sending in the file were
// delivered: their own rows say so.
func TestACountMayWaitWhenADeliveryEndsWell(t *testing.T) {
	for name, then := range map[string]struct {
		do  func(f *storetest.Fixture)
		row string // unfinished and sending
	}{
		"nothing":         {func(*storetest.Fixture) {}, "2 2"},
		"another is made": {func(f *storetest.Fixture) { born(f, "") }, "2 2"},
		"the other one ends": {func(f *storetest.Fixture) {
			f.FinishAs(store.Dead, time.Time{}, f.DeliveryIDs(store.DeliveryFilter{State: store.Sending})...)
		}, "0 0"},
		"the other one is handed back": {func(f *storetest.Fixture) {
			f.HandBack(f.Now().Add(time.Hour), f.DeliveryIDs(store.DeliveryFilter{State: store.Sending})...)
		}, "1 0"},
		"it is time for a mark of life": {func(f *storetest.Fixture) { f.Advance(beatInterval); f.NoError(f.Store.Check(f.T.Context())) }, "1 1"},
		"old events are purged": {func(f *storetest.Fixture) {
			_, err := f.Store.Purge(f.T.Context(), f.Now().Add(time.Second), f.Now().Add(time.Second))
			f.NoError(err)
		}, "1 1"},
		"the process ends": {func(f *storetest.Fixture) { f.Reopen() }, "1 0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			first := born(f, "a")
			born(f, "b")
			f.FinishAs(store.Delivered, time.Time{}, first)
			unfinished, _, sending := keptCount(f)
			f.Equal("row", fmt.Sprint(unfinished, sending), "2 2")
			checkCounts(t, f.Store.(*Store))
			then.do(f)
			unfinished, bytes, sending := keptCount(f)
			f.Equal("row then", fmt.Sprint(unfinished, sending), then.row)
			f.Equal("bytes", bytes > 0, unfinished > 0)
			checkCounts(t, f.Store.(*Store))
			r, err := OpenReader(f.Store.(*Store).Path)
			f.NoError(err)
			theirs, err := r.Backlog(t.Context())
			f.NoError(errors.Join(err, r.Close()))
			ours, err := f.Store.Backlog(t.Context())
			f.NoError(err)
			f.Equal("counted by another process", fmt.Sprint(theirs), fmt.Sprint(ours))
		})
	}
}
