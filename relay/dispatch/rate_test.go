package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// channels is a receiver like Slack: it takes one message a second and channel, and answers more with 429. The channel
// is the title up to the first dash.
type channels struct {
	dispatchtest.Arrivals
	mu      sync.Mutex
	last    map[string]time.Time
	refused int
}

func (c *channels) send(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	channel, _, _ := strings.Cut(m.Title, "-")
	if time.Since(c.last[channel]) < time.Second {
		c.refused++
		return notifiers.Receipt{}, &notifiers.RetryAfterError{After: 30 * time.Second, Err: errors.New("ratelimited")}
	}
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	c.last[channel] = time.Now()
	c.Add(m.Title)
	return notifiers.Receipt{}, nil
}

// Refused returns how many messages were answered with 429.
func (c *channels) Refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// perChannel limits notifiers to one message a second and channel.
func perChannel(o *dispatch.Options) {
	for name, n := range o.Config.Notifiers {
		n.Kind.Concurrency = 2
		n.Kind.Rate = notifiers.Rate{Messages: 1, Per: time.Second}
		n.Kind.Target = func(_, options json.RawMessage) string {
			var m struct{ Channel string }
			_ = json.Unmarshal(options, &m) // the test wrote it
			return m.Channel
		}
		o.Config.Notifiers[name] = n
	}
}

// oneAccount makes all notifiers ones of the same account.
func oneAccount(o *dispatch.Options) {
	for name, n := range o.Config.Notifiers {
		n.Account = "fake#token"
		o.Config.Notifiers[name] = n
	}
}

// channelRig is a rig whose messages go to the channel in their titles.
func channelRig(t *testing.T, send dispatchtest.Sender, adjust ...func(*dispatch.Options)) *rig {
	return channelsRig(t, dispatchtest.Senders{"ops": send}, adjust...)
}

func channelsRig(t *testing.T, senders dispatchtest.Senders, adjust ...func(*dispatch.Options)) *rig {
	return newRig(t, senders, append([]func(*dispatch.Options){perChannel}, adjust...)...)
}

func TestNotifiersOfOneAccountShareItsRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		r := channelsRig(t, dispatchtest.Senders{"ops": c.send, "qa": c.send}, oneAccount)
		for i := range 10 {
			r.accept(t, "", fmt.Sprint("a-", i)) // to both
		}
		time.Sleep(25 * time.Second)
		if c.Refused() > 0 || len(c.Titles()) != 20 {
			t.Errorf("%d were refused, %d arrived", c.Refused(), len(c.Titles()))
		}
	})
}

func TestNoneIsRefusedWhereAnswersComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, calls := &channels{}, atomic.Int64{}
		r := channelRig(t, func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			receipt, err := c.send(ctx, m)
			time.Sleep(time.Duration(calls.Add(1)*700%1900) * time.Millisecond) // more than two workers keep up with
			return receipt, err
		})
		for i := range 60 {
			r.accept(t, "", fmt.Sprintf("%s-%03d", []string{"one", "two", "three"}[i%3], i))
		}
		time.Sleep(3 * time.Minute)
		if got := c.Titles(); len(got) != 60 || c.Refused() > 0 {
			t.Errorf("%d of 60 arrived, and %d were refused", len(got), c.Refused())
		}
	})
}

func TestAChannelGetsOneMessageASecondAndNoneIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		r := channelRig(t, c.send)
		for i := range 500 {
			r.accept(t, "", fmt.Sprintf("busy-%03d", i))
		}
		time.Sleep(3 * time.Second) // nothing of the backlog is before it
		quiet := time.Now()
		r.accept(t, "", "quiet-0")
		synctest.Wait()
		if !slices.Contains(c.Titles(), "quiet-0") {
			t.Errorf("after %v, the quiet channel still waits for the busy one", time.Since(quiet))
		}
		time.Sleep(500*1050*time.Millisecond + 5*time.Second)
		got := slices.DeleteFunc(c.Titles(), func(s string) bool { return s == "quiet-0" })
		if len(got) != 500 || !slices.IsSorted(got) {
			t.Errorf("%d of 500 arrived, in order: %v", len(got), slices.IsSorted(got))
		}
		if c.Refused() > 0 {
			t.Errorf("%d were refused", c.Refused())
		}
		if _, n := r.memory.Claimed(); n > 2*501+20 {
			t.Errorf("501 deliveries were claimed %d times", n)
		}
	})
}

func TestAFreshMessageGoesBehindTheBacklogOfItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		r := channelRig(t, c.send)
		for i := range 50 {
			r.accept(t, "", fmt.Sprintf("busy-%03d", i))
		}
		time.Sleep(20 * time.Second)
		r.accept(t, "", "busy-050")
		time.Sleep(2 * time.Minute)
		if got := c.Titles(); len(got) != 51 || got[50] != "busy-050" {
			t.Errorf("arrived %v", got)
		}
	})
}

func TestMessagesOfOneEntityKeepTheirOrderUnderARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		r := channelRig(t, c.send)
		for i := range 60 {
			r.accept(t, fmt.Sprint(i%2), fmt.Sprintf("busy-%03d", i))
		}
		time.Sleep(3 * time.Minute)
		last := map[int]int{}
		for _, title := range c.Titles() {
			var n int
			_, _ = fmt.Sscanf(title, "busy-%d", &n) // the test wrote it
			if n < last[n%2] {
				t.Errorf("%d came after %d", n, last[n%2])
			}
			last[n%2] = n
		}
		if len(c.Titles()) != 60 || c.Refused() > 0 {
			t.Errorf("%d of 60 arrived, %d were refused", len(c.Titles()), c.Refused())
		}
		if _, n := r.memory.Claimed(); n > 60*6 {
			t.Errorf("60 deliveries were claimed %d times", n)
		}
	})
}

func TestAChannelThatWantsPatienceWaitsAsAWholeAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		r := channelRig(t, c.send)
		c.last = map[string]time.Time{"busy": time.Now()} // another program has just posted there
		for i := range 20 {
			r.accept(t, "", fmt.Sprintf("busy-%03d", i))
		}
		r.accept(t, "", "other-0")
		time.Sleep(29 * time.Second)
		if got := c.Titles(); !slices.Equal(got, []string{"other-0"}) {
			t.Errorf("within the time that was asked for, arrived %v", got)
		}
		if c.Refused() != 1 {
			t.Errorf("%d were refused, want 1", c.Refused())
		}
		time.Sleep(time.Minute)
		if len(c.Titles()) != 21 || c.Refused() != 1 {
			t.Errorf("later %d of 21 arrived, %d were refused", len(c.Titles()), c.Refused())
		}
		if _, n := r.memory.Claimed(); n > 21*5 {
			t.Errorf("21 deliveries were claimed %d times", n)
		}
	})
}

func TestANotifiersRateBoundsItAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(o *dispatch.Options) {
			n := o.Config.Notifiers["ops"]
			n.Spec.Rate = value.Rate{Messages: 60, Per: time.Minute, Burst: 5}
			o.Config.Notifiers["ops"] = n
		})
		for i := range 100 {
			r.accept(t, "", fmt.Sprintf("%03d", i))
		}
		time.Sleep(time.Minute)
		if n := len(got.Titles()); n < 55 || n > 65 {
			t.Errorf("%d went out in a minute", n)
		}
		if _, n := r.memory.Claimed(); n > 70 {
			t.Errorf("%d were claimed to send %d", n, len(got.Titles()))
		}
		if at := got.Times(); len(at) > 5 && (at[4] != 0 || at[5] == 0) {
			t.Errorf("the first six went out after %v", at[:6])
		}
	})
}

func TestANotifierThatWantsPatienceWaitsAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		refuse := true
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			got.Add(m.Title)
			if refuse {
				refuse = false
				return notifiers.Receipt{}, &notifiers.RetryAfterError{After: time.Minute,
					Err: errors.New("429 Too Many Requests")}
			}
			return notifiers.Receipt{}, nil
		}})
		r.accept(t, "", "first")
		synctest.Wait()
		r.accept(t, "", "second")
		time.Sleep(59 * time.Second)
		if n := len(got.Titles()); n != 1 {
			t.Errorf("%d went out in the time that was asked for", n)
		}
		time.Sleep(5 * time.Second)
		if d, _ := r.memory.Titled(t, "second"); d.State != store.Delivered || len(got.Titles()) != 3 {
			t.Errorf("the second is %s, arrived %v", d.State, got.Titles())
		}
	})
}

func TestAnOutageEndsWithinTheRateOfTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channels{}
		down := true
		var last time.Time
		r := channelRig(t, func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			c.mu.Lock()
			failed := down
			c.mu.Unlock()
			if failed {
				return notifiers.Receipt{}, errors.New("503 Service Unavailable")
			}
			c.mu.Lock()
			last = time.Now()
			c.mu.Unlock()
			return c.send(ctx, m)
		})
		for i := range 300 {
			r.accept(t, "", fmt.Sprintf("%s-%03d", []string{"one", "two", "three"}[i%3], i))
		}
		time.Sleep(20 * time.Minute)
		c.mu.Lock()
		down = false
		c.mu.Unlock()
		began := time.Now()
		time.Sleep(15 * time.Minute)
		if n := len(c.Titles()); n != 300 || c.Refused() > 0 {
			t.Errorf("%d of 300 arrived after the outage, and %d were refused", n, c.Refused())
		}
		if took := last.Sub(began); took > 10*time.Minute {
			t.Errorf("the last one arrived %v after the outage", took)
		}
	})
}

func TestAnOutageEndsWithinTheRateOfTheNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst, workers = 5, 16
		f := failing(errors.New("503 Service Unavailable"))
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			receipt, err := f.send(ctx, m)
			if err == nil {
				got.Add(m.Title)
			}
			return receipt, err
		}}, func(o *dispatch.Options) {
			setConcurrency(o.Config, workers)
			n := o.Config.Notifiers["ops"]
			n.Spec.Rate = value.Rate{Messages: 60, Per: time.Minute, Burst: burst}
			o.Config.Notifiers["ops"] = n
		})
		r.acceptMany(t, 200)
		time.Sleep(30 * time.Minute)
		f.set(nil)
		time.Sleep(15 * time.Minute)
		at := got.Times()
		if len(at) != 200 {
			t.Fatalf("%d of 200 arrived", len(at))
		}
		for i := range at {
			n := 0
			for _, other := range at[i:] {
				if other-at[i] < time.Minute {
					n++
				}
			}
			if n > 60+burst {
				t.Fatalf("%d arrived in the minute from %v on", n, at[i])
			}
		}
	})
}
