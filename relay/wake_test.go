package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/message"
)

// toyRules gather events in a slot for each title, which sends one message to ops when it is due.
type toyRules struct {
	kind    flow.Kind
	wait    time.Duration
	dry     bool
	unknown atomic.Bool   // no rule has the slots
	fails   func(try int) // called for each decision about a slot
	tries   atomic.Int64
	removed atomic.Bool            // the last slot was that of a rule that is gone
	results []rules.Result         // of each decision about a slot
	needs   rules.Needs            // of each decision about a slot, beside a key
	move    time.Duration          // each slot is moved by it once
	refused atomic.Pointer[string] // the key of a slot whose event the store cannot keep
}

func (y *toyRules) key(title string) string {
	return flow.Name{Dry: y.dry, Kind: y.kind, Owner: "toy", Hash: flow.Hash(title)}.Key()
}

func (y *toyRules) decide(_ *rules.Set, ev *event.Event, st rules.State) (d rules.Decision) {
	title, _ := ev.Payload["title"].(string)
	var v struct{ Count, Due int64 }
	if data, err := st.Get(y.key(title)); err == nil && data != nil {
		_ = json.Unmarshal(data, &v)
	} else {
		v.Due = st.Now.Add(y.wait).UnixMilli()
	}
	v.Count++
	data, _ := json.Marshal(v)
	d.Changes = []rules.Change{{Key: y.key(title), Value: data, Due: time.UnixMilli(v.Due)}}
	d.Items = []rules.Item{{Key: y.key(title), Data: []byte(title)}}
	return d
}

func (y *toyRules) wake(_ *rules.Set, w rules.Woken, st rules.State) (d rules.Decision) {
	y.removed.Store(w.Removed)
	if try := int(y.tries.Add(1)); y.fails != nil {
		y.fails(try)
	}
	if _, err := st.Get("entity:x"); err != nil {
		return d
	}
	var v struct{ Due int64 }
	_ = json.Unmarshal(w.Value, &v)
	if y.move > 0 && w.Due.UnixMilli() == v.Due || st.Now.Before(w.Due) {
		d.Changes = []rules.Change{{Key: w.Key, Value: w.Value, Due: w.Due.Add(y.move)}}
		return d
	}
	if len(w.Events) < len(y.needs.Events) {
		d.Changes = []rules.Change{{Key: w.Key}}
		return d
	}
	title := fmt.Sprintf("%d × %s", len(w.Items), w.Items[0].Event.Payload["title"])
	d.Row = &rules.Row{Kind: "digest", Source: "qase", Name: "relay.digest", Project: "WEB", Body: []byte(`{}`)}
	d.Notifications = []rules.Notification{{Message: message.Message{Rule: "toy", Title: title}, Notifier: "ops"}}
	if key := y.refused.Load(); key != nil && *key == w.Key {
		d.Row.Project = "BAD"
	}
	d.Changes, d.Results = []rules.Change{{Key: w.Key}}, y.results
	return d
}

// newToy starts an engine with toy rules. It has to be called in a synctest bubble.
func newToy(t *testing.T, y *toyRules, adjust ...func(*Options)) (*rig, *dispatchtest.Arrivals) {
	t.Helper()
	got := &dispatchtest.Arrivals{}
	r := newRigWith(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(r *rig) {
		r.decide = y.decide
		r.waker.rules = &slotRules{wake: y.wake, knows: func(*rules.Set, flow.Name) bool { return !y.unknown.Load() },
			needs: func(*rules.Set, rules.Woken) rules.Needs {
				return rules.Needs{Keys: []string{"entity:x"}, Events: y.needs.Events}
			}}
	}, adjust...)
	return r, got
}

// arrived fails the test unless these messages have arrived, in any order: those of several entities have none.
func arrived(t *testing.T, got *dispatchtest.Arrivals, want ...string) {
	t.Helper()
	synctest.Wait()
	titles := slices.Sorted(slices.Values(got.Titles()))
	slices.Sort(want)
	if fmt.Sprint(titles) != fmt.Sprint(want) {
		t.Fatalf("arrived %s, want %v", titles, want)
	}
}

func TestASlotFiresAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, wait: 30 * time.Second}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		time.Sleep(10 * time.Second)
		r.accept(t, "2", "a")
		y.wait = 5 * time.Second
		r.accept(t, "3", "b") // due before the first
		time.Sleep(6 * time.Second)
		arrived(t, got, "1 × b")
		time.Sleep(13 * time.Second)
		arrived(t, got, "1 × b")
		time.Sleep(2 * time.Second)
		arrived(t, got, "1 × b", "2 × a")
		time.Sleep(time.Hour)
		arrived(t, got, "1 × b", "2 × a")
		row := r.memory.Stored[len(r.memory.Stored)-1]
		if row.Kind != "digest" || row.Name != "relay.digest" || !strings.Contains(string(row.Decisions), "results") {
			t.Errorf("the event of the slot is %+v", row)
		}
		if logs := r.logs.String(); strings.Count(logs, "slot fired") != 2 || !strings.Contains(logs, "rule=toy") {
			t.Errorf("logs:\n%s", logs)
		}
	})
}

func TestWhatRulesDoAtATimeIsCountedAndTheirFailuresAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got := newToy(t, &toyRules{kind: flow.Digest, wait: time.Second, results: []rules.Result{
			{Rule: "bad-body", Outcome: rules.Matched, Notes: []string{"silenced for ops: 2 messages",
				"body: the template failed"}},
			{Rule: "no-room", Outcome: rules.Matched, Notes: []string{"no recipient is left for ops"}},
			{Rule: "fine", Outcome: rules.Silenced, Notes: []string{"silenced for ops: 2 messages"}}}})
		r.accept(t, "1", "a")
		r.accept(t, "2", "b")
		time.Sleep(2 * time.Second)
		arrived(t, got, "1 × a", "1 × b")
		text := r.series()
		for rule, outcome := range map[string]string{"bad-body": "matched", "no-room": "matched", "fine": "silenced"} {
			line := fmt.Sprintf(`qase_relay_rule_decisions_total{outcome=%q,rule=%q} 2`, outcome, rule)
			if !strings.Contains(text, line) {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
		logs := r.logs.String()
		for line, times := range map[string]int{`msg="template failed" rule=bad-body`: 1, "event_name=relay.digest": 2,
			`msg="rule failed in part" rule=no-room`: 1, "rule=fine": 0} {
			if strings.Count(logs, line) != times {
				t.Errorf("%s is not there %d times:\n%s", line, times, logs)
			}
		}
	})
}

func TestAMessageWhoseEventWasDeletedIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deleted := rules.Needs{Events: []string{store.ID(1_000_000).String()}}
		r, got := newToy(t, &toyRules{kind: flow.Wait, wait: time.Second, needs: deleted})
		r.accept(t, "1", "a")
		time.Sleep(2 * time.Second)
		arrived(t, got)
		if lines := r.logLines("event deleted before its message was due"); len(lines) != 1 ||
			!strings.Contains(lines[0], "kind=wait rule=toy") {
			t.Errorf("logs:\n%s", r.logs.String())
		}
	})
}

func TestASlotThatFallsDueWhileTheStoreIsAtItFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 10 * time.Millisecond
		r, got := newToy(t, &toyRules{kind: flow.Wait, wait: time.Second}, func(o *Options) {
			o.Store.(*memory.Store).Slow = slow
		})
		r.accept(t, "1", "a")
		r.accept(t, "2", "b") // falls due while the store fires the first
		time.Sleep(time.Second + 5*slow)
		synctest.Wait()
		if titles := slices.Sorted(slices.Values(got.Titles())); !slices.Equal(titles, []string{"1 × a", "1 × b"}) {
			t.Errorf("arrived %v", titles)
		}
	})
}

func TestASlotThatIsMovedToATimeThatIsOverFiresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, move: time.Second}
		y.unknown.Store(true)
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		time.Sleep(10 * time.Second)
		r.accept(t, "2", "b")
		time.Sleep(time.Minute)
		y.unknown.Store(false)
		r.Reload(r.Config())
		synctest.Wait()
		if titles := slices.Sorted(slices.Values(got.Titles())); !slices.Equal(titles, []string{"1 × a", "1 × b"}) {
			t.Errorf("arrived %v", titles)
		}
	})
}

func TestSlotsOfAnotherRelayAndBeforeAStartFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := make(chan string)
		y := &toyRules{kind: flow.Digest}
		r, got := newToy(t, y, func(o *Options) { o.Store.(*memory.Store).Wakes = notified })
		time.Sleep(10*time.Minute + maxRest/2) // the relay looks for slots at other times
		put := func(title string) {
			ev := newEvent(t, title, title)
			d := y.decide(nil, ev, rules.State{Now: time.Now(), Get: func(string) ([]byte, error) { return nil, nil }})
			plan := store.Plan{Changes: []store.Change{store.Change(d.Changes[0])},
				Items: []store.Item{{Key: d.Items[0].Key, Data: d.Items[0].Data}}}
			_, err := r.memory.Accept(t.Context(), []store.Event{{ID: r.IDs.Next(time.Now()), Source: "qase",
				Hash: bodyHash(ev), Body: ev.Body}}, func(int, func(string) ([]byte, error)) (store.Plan, error) {
				return plan, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		arrived(t, got)
		notified <- store.DueNotification
		arrived(t, got, "1 × a")
		put("b") // and the notification is lost
		time.Sleep(maxRest + time.Second)
		arrived(t, got, "1 × a", "1 × b")
	})
}

func TestASlotThatCannotBeDecidedIsTriedAgainLaterEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, fails: func(try int) {
			if try <= 6 { // the memory store decides twice each time
				panic("an index out of range")
			}
		}}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		synctest.Wait()
		value, _ := r.memory.Get(t.Context(), y.key("a"))
		if !strings.Contains(string(value), "out of range") || !strings.Contains(string(value), `"Count":1`) {
			t.Errorf("the slot has %s", value)
		}
		time.Sleep(6*time.Minute + 59*time.Second) // 1 + 2 + 4
		arrived(t, got)
		if tries := y.tries.Load(); tries != 6 {
			t.Errorf("%d tries", tries)
		}
		time.Sleep(time.Second + 10*time.Millisecond)
		arrived(t, got, "1 × a")
		if logs := r.logs.String(); strings.Count(logs, "slot not fired") != 3 {
			t.Errorf("logs:\n%s", logs)
		}
	})
}

func TestASlotThatCannotBeReadIsSetAsideWithItsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		arrived(t, got, "1 × a")
		plan := store.Plan{Changes: []store.Change{{Key: y.key("b"), Value: []byte("{"), Due: time.Now()}},
			Items: []store.Item{{Key: y.key("b"), Data: []byte("b")}}}
		_, err := r.memory.Accept(t.Context(), []store.Event{{ID: r.IDs.Next(time.Now()), Body: []byte("{}")}},
			func(int, func(string) ([]byte, error)) (store.Plan, error) { return plan, nil })
		if err != nil {
			t.Fatal(err)
		}
		r.waker.look()
		r.accept(t, "2", "c")
		arrived(t, got, "1 × a", "1 × c")
		bad := flow.BadKey(y.key("b"))
		if value, _ := r.memory.Get(t.Context(), bad); string(value) != "{" || r.memory.Items(bad) != 1 {
			t.Errorf("set aside is %q with %d items", value, r.memory.Items(bad))
		}
		if value, _ := r.memory.Get(t.Context(), y.key("b")); value != nil {
			t.Errorf("the slot has %s", value)
		}
	})
}

func TestASlotThatNoRuleHasIsLeftForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest}
		y.unknown.Store(true)
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		time.Sleep(unknownFor - time.Second)
		arrived(t, got)
		if y.tries.Load() != 0 {
			t.Error("it was decided about")
		}
		time.Sleep(2 * time.Second)
		arrived(t, got, "1 × a")
		if !y.removed.Load() {
			t.Error("the decision does not know that the rule is gone")
		}
	})
}

func TestASlotWhoseRuleComesBackFiresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest}
		y.unknown.Store(true)
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		time.Sleep(time.Minute)
		y.unknown.Store(false)
		r.Reload(r.Config())
		arrived(t, got, "1 × a")
	})
}

func TestWaitsOfAGapFireAfterCatchingUp(t *testing.T) {
	for i, kind := range slices.Concat(flow.Kinds(), flow.Kinds(), flow.Kinds()) {
		catchUp := []time.Duration{5 * time.Minute, 40 * time.Minute, 0}[i/len(flow.Kinds())]
		synctest.Test(t, func(t *testing.T) {
			y := &toyRules{kind: kind, wait: time.Minute}
			gap := store.Gap{From: time.Now(), To: time.Now().Add(time.Hour)}
			r, got := newToy(t, y, func(o *Options) {
				o.Config.Settings.CatchUp = catchUp
				c := gap.Change()
				if _, err := o.Store.Swap(t.Context(), c.Key, nil, c); err != nil {
					t.Fatal(err)
				}
			})
			r.accept(t, "1", "a")
			time.Sleep(time.Hour + catchUp - time.Second)
			if kind.CatchesUp() {
				arrived(t, got)
			} else {
				arrived(t, got, "1 × a")
			}
			time.Sleep(2 * time.Second)
			arrived(t, got, "1 × a")
		})
	}
}

func TestAJumpOfTheClockIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const catchUp = 5 * time.Minute
		y := &toyRules{kind: flow.Wait, wait: time.Hour}
		ahead := make(chan time.Duration, 1)
		ahead <- 0
		r, got := newToy(t, y, func(o *Options) {
			o.Config.Settings.CatchUp = catchUp
			o.Now = func() time.Time { by := <-ahead; ahead <- by; return time.Now().Add(by) }
			o.Store.(*memory.Store).Clock = o.Now
		})
		r.accept(t, "1", "a")
		time.Sleep(90 * time.Second)
		if value, _ := r.memory.Get(t.Context(), store.GapKey); value != nil {
			t.Errorf("without a jump, the gap is %s", value)
		}
		<-ahead
		ahead <- 2 * time.Hour
		time.Sleep(catchUp - time.Second)
		arrived(t, got)
		time.Sleep(maxRest + 2*time.Second)
		arrived(t, got, "1 × a")
		if !strings.Contains(r.logs.String(), "clock moved on") {
			t.Errorf("logs:\n%s", r.logs)
		}
	})
}

func TestADryRunFiresItsOwnSlotsOnly(t *testing.T) {
	for _, dry := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			y := &toyRules{kind: flow.Digest, dry: !dry}
			r, got := newToy(t, y, func(o *Options) { o.DryRun = dry })
			r.accept(t, "1", "theirs")
			y.dry = dry
			r.accept(t, "2", "ours")
			time.Sleep(time.Hour)
			if y.tries.Load() != 2 {
				t.Errorf("dry run %v: %d decisions", dry, y.tries.Load())
			}
			if dry {
				arrived(t, got)
				if states := r.memory.States(); states[store.Cancelled] != 1 {
					t.Errorf("there are %v", states)
				}
				return
			}
			arrived(t, got, "1 × ours")
		})
	}
}

func TestASlotWhoseMessageCannotBeKeptDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, wait: time.Second}
		r, got := newToy(t, y, func(o *Options) { o.Store.(*memory.Store).Refused = "BAD" })
		for i := range 5 {
			r.accept(t, fmt.Sprint(i), fmt.Sprint(i))
		}
		bad := r.memory.FirstDue()
		y.refused.Store(&bad)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(got.Titles()) != 4 {
			t.Errorf("arrived %v", got.Titles())
		}
		value, _ := r.memory.Get(t.Context(), bad)
		if !strings.Contains(string(value), `"fault"`) {
			t.Errorf("the slot has %s", value)
		}
		y.refused.Store(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(got.Titles()) != 5 {
			t.Errorf("a minute later, arrived %v", got.Titles())
		}
	})
}

func TestSlotsWaitWhileNoMoreIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, wait: time.Second}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		limit := func(bytes int64) {
			c, f := *r.Config(), *r.Config().Config
			f.Settings.Backlog.Bytes, c.Config = bytes, &f
			r.Reload(&c)
		}
		limit(1) // the item has one
		time.Sleep(time.Minute)
		arrived(t, got)
		limit(0)
		arrived(t, got, "1 × a")
	})
}

func TestSlotsFireWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest, wait: time.Second}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		r.memory.SetFails(errors.New("out of reach"))
		time.Sleep(time.Minute)
		arrived(t, got)
		r.memory.SetFails(nil)
		time.Sleep(3 * time.Second)
		arrived(t, got, "1 × a")
	})
}

func TestWithoutRulesThatHaveSlotsTheyAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest}
		r := newRigWith(t, dispatchtest.Senders{}, func(r *rig) { r.decide = y.decide })
		r.accept(t, "1", "a")
		time.Sleep(24 * time.Hour)
		if value, _ := r.memory.Get(t.Context(), y.key("a")); value == nil {
			t.Error("the slot is gone")
		}
	})
}

func TestTheKeysOfSlotsAreThoseOfTheStore(t *testing.T) {
	for _, isDry := range []bool{false, true} {
		for _, key := range []string{(flow.Name{Dry: isDry, Kind: flow.Wait, Owner: "r", Hash: "1"}).Key(),
			flow.BadKey(flow.Name{Dry: isDry, Kind: flow.Wait, Owner: "r", Hash: "1"}.Key())} {
			if !store.IsSlot(key) || store.IsDrySlot(key) != isDry {
				t.Errorf("%s: slot %v, dry %v", key, store.IsSlot(key), store.IsDrySlot(key))
			}
		}
	}
}

func TestAnEventThatASlotHasMadeIsNotDecidedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toyRules{kind: flow.Digest}
		r, got := newToy(t, y)
		r.accept(t, "1", "a")
		arrived(t, got, "1 × a")
		row := r.memory.Stored[len(r.memory.Stored)-1]
		for _, dry := range []bool{false, true} {
			if x := r.Replay(t.Context(), []store.ID{row.ID}, ReplayOptions{Dry: dry})[0]; x.Err == nil || x.New != 0 ||
				!strings.Contains(x.Err.Error(), "replay the events that it is about") {
				t.Errorf("replayed: %+v", x)
			}
		}
		var refused *RerenderError
		if _, _, err := r.decideAgain(t.Context(), row.ID); !errors.As(err, &refused) ||
			!strings.Contains(refused.Reason, "kind digest") {
			t.Errorf("rendered again: %v", err)
		}
	})
}
