package relay

import (
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
)

func TestDecisionsKnowHowManyWaitsAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := -1
		r := newRigWith(t, dispatchtest.Senders{}, func(r *rig) {
			r.decide = func(_ *rules.Set, ev *event.Event, st rules.State) rules.Decision {
				seen = st.Waits
				return rules.Decision{Changes: []rules.Change{{Key: flow.Name{Kind: flow.Wait, Owner: "late",
					Hash: st.EventID}.Key(),
					Value: []byte("{}"), Due: ev.ReceivedAt.Add(24 * time.Hour)}}}
			}
		}, func(*Options) {})
		for want := range 3 {
			if r.accept(t, "1", string(rune('a'+want))); seen != want {
				t.Errorf("got %d waits, want %d", seen, want)
			}
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
		}
	})
}
