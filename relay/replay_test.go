package relay

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
)

// matchedBy makes a decision by which these rules match, each with a message and a change.
func matchedBy(names ...string) func(*rules.Set, *event.Event, rules.State) rules.Decision {
	return func(_ *rules.Set, ev *event.Event, st rules.State) (d rules.Decision) {
		known, _ := st.Get("k")
		for _, name := range names {
			d.Results = append(d.Results, rules.Result{Rule: name, Outcome: rules.Matched})
			d.Notifications = append(d.Notifications, rules.Notification{Notifier: "n",
				Message: message.Message{Rule: name, Title: fmt.Sprintf("%s knows %s at %s", name, known,
					ev.Time().Format("15:04"))}})
		}
		d.Changes = []rules.Change{{Key: "k", Value: []byte(names[0])}}
		return d
	}
}

func TestAReplayIsDecidedByTodaysRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"n": got.Always(nil)})
		r.decide = matchedBy("old", "both")
		first := r.accept(t, "7", "t")
		time.Sleep(time.Hour)
		r.decide = matchedBy("both", "new")
		replays := r.Replay(t.Context(), []store.ID{first.ID, 12345}, ReplayOptions{})
		synctest.Wait()
		one := replays[0]
		if one.Err != nil || one.Event != first.ID || one.New == 0 || one.New == first.ID {
			t.Fatalf("got %+v", one)
		}
		if got, want := fmt.Sprint(one.Matched, one.Gained, one.Lost), "[both new] [new] [old]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !errors.Is(replays[1].Err, store.ErrNotFound) {
			t.Errorf("an event that is not there: %v", replays[1].Err)
		}
		stored, err := r.memory.Event(t.Context(), one.New)
		if err != nil || stored.ReplayOf != first.ID || !stored.ReceivedAt.Equal(time.Now()) {
			t.Errorf("stored %+v, %v", stored, err)
		}
		// The time of the event is that of its first coming, and it knows what has been kept, but keeps nothing itself.
		at := time.Now().Add(-time.Hour).UTC().Format("15:04")
		want := fmt.Sprintf("[both knows  at %s both knows old at %[1]s new knows old at %[1]s old knows  at %[1]s]",
			at)
		sent := got.Titles()
		slices.Sort(sent)
		if fmt.Sprint(sent) != want || string(r.memory.Values["k"]) != "old" {
			t.Errorf("sent %v, want %s; kept %s", sent, want, r.memory.Values["k"])
		}
		if len(one.Messages) != 2 || one.Messages[0].ID == 0 || one.Messages[0].Rule != "both" ||
			one.Messages[0].Notifier != "n" {
			t.Errorf("messages: %+v", one.Messages)
		}
	})
}

func TestADryReplayStoresAndSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"n": got.Always(nil)})
		r.decide = matchedBy("old")
		first := r.accept(t, "7", "t")
		r.decide = matchedBy("new")
		one := r.Replay(t.Context(), []store.ID{first.ID}, ReplayOptions{Dry: true})[0]
		synctest.Wait()
		if got := fmt.Sprint(one.New, one.Matched, one.Gained, one.Lost, len(one.Messages),
			one.Messages[0].ID); got != "0000000000000 [new] [new] [old] 1 0000000000000" {
			t.Errorf("got %s", got)
		}
		if len(got.Titles()) != 1 || len(r.memory.Stored) != 1 {
			t.Errorf("sent %v, stored %d events", got.Titles(), len(r.memory.Stored))
		}
	})
}

func TestManyEventsAreReplayedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"n": got.Always(nil)})
		var ids []store.ID
		for i := range 2*replayChunk + 1 {
			ids = append(ids, r.accept(t, "7", fmt.Sprint(i)).ID)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		replays := r.Replay(t.Context(), ids, ReplayOptions{})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		sent := got.Titles()[len(ids):]
		for i := range ids {
			if replays[i].Event != ids[i] || replays[i].Err != nil || sent[i] != fmt.Sprint(i) {
				t.Fatalf("%d: %+v, sent %s", i, replays[i], sent[i])
			}
		}
	})
}

func TestAReplayIsRefusedWhenTheRelayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"n": got.Always(nil)})
		first := r.accept(t, "7", "t")
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if one := r.Replay(t.Context(), []store.ID{first.ID}, ReplayOptions{})[0]; !errors.Is(one.Err, ErrStopping) {
			t.Errorf("got %v", one.Err)
		}
	})
}
