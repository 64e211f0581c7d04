package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// logLines returns the lines of the log that hold text.
func (r *rig) logLines(text string) (lines []string) {
	for line := range strings.Lines(r.logs.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestADeadDeliveryIsLoggedWithoutItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t,
			dispatchtest.Senders{"ops": got.Always(&notifiers.PermanentError{Err: errors.New("no such channel")})})
		for _, title := range []string{"our plans", "more plans"} {
			r.accept(t, title, title)
		}
		time.Sleep(time.Second)
		d, _ := r.memory.Titled(t, "our plans")
		dead := r.logLines("delivery failed permanently")
		if len(dead) != 2 || !strings.Contains(r.logs.String(), "delivery="+d.ID.String()) {
			t.Fatalf("got %q", r.logs.String())
		}
		for _, want := range []string{"level=WARN", "rule=all", "notifier=ops", "attempts=1", "reason=clientError",
			"no such channel"} {
			if !strings.Contains(dead[0], want) {
				t.Errorf("no %s in %s", want, dead[0])
			}
		}
		if strings.Contains(r.logs.String(), "plans") {
			t.Errorf("the log holds a message: %s", r.logs.String())
		}
	})
}

func TestADeliveryThatMissedARecipientSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"mail": func(context.Context, *notifiers.Message) (notifiers.Receipt,
			error) {
			return notifiers.Receipt{Status: "250 OK", Missed: "not to all: bob@bar.io"}, nil
		}})
		r.accept(t, "7", "news")
		time.Sleep(time.Second)
		d, attempts := r.memory.Titled(t, "news")
		if d.State != store.Delivered || d.Error != "not to all: bob@bar.io" || len(attempts) != 1 ||
			attempts[0].Reason != "" {
			t.Errorf("got %+v, %+v", d, attempts)
		}
		if lines := r.logLines("delivery missed recipients"); len(lines) != 1 ||
			!strings.Contains(lines[0], "bob@bar.io") || r.logLines("attempt failed") != nil {
			t.Errorf("logged %q", r.logs.String())
		}
	})
}

func TestFailedAttemptsAreLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(errors.New("503"))})
		for _, entity := range []string{"1", "2", "3"} {
			r.accept(t, entity, entity)
		}
		time.Sleep(time.Second)
		if lines := r.logLines("attempt failed"); len(lines) != 1 || strings.Contains(lines[0], "more_like_this") {
			t.Errorf("at first: %q", lines)
		}
		time.Sleep(20 * time.Second)
		lines := r.logLines("attempt failed")
		if len(lines) < 2 || !strings.Contains(lines[0], "level=INFO") ||
			!strings.Contains(lines[1], "more_like_this=") {
			t.Errorf("later: %q", lines)
		}
	})
}

func TestWhatFailsInARuleIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.decide = func(*rules.Set, *event.Event, rules.State) rules.Decision {
			return rules.Decision{Results: []rules.Result{
				{Rule: "bad-when", Outcome: rules.Failed, Reason: "string > int"},
				{Rule: "bad-title", Outcome: rules.Matched, Notes: []string{"title: the template failed"}},
				{Rule: "fine", Outcome: rules.Matched},
			}}
		}
		for _, title := range []string{"a", "b", "c", "d"} {
			r.accept(t, "7", title)
			time.Sleep(25 * time.Second)
		}
		for rule, want := range map[string]string{"bad-when": "string > int", "bad-title": "the template failed"} {
			lines := r.logLines("rule=" + rule)
			if len(lines) != 2 || !strings.Contains(lines[0], want) || !strings.Contains(lines[1], "more_like_this=2") {
				t.Errorf("%s: got %q", rule, lines)
			}
		}
		if lines := r.logLines("rule=fine"); len(lines) != 0 {
			t.Errorf("got %q", lines)
		}
	})
}

func TestEventsAndWhatBecameOfThemAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		receipt := r.accept(t, "7", "news")
		r.accept(t, "7", "news") // a duplicate
		time.Sleep(time.Second)
		d, _ := r.memory.Titled(t, "news")
		event := "event=" + receipt.ID.String()
		for line, wants := range map[string][]string{
			`msg="event accepted"`: {event, "event_name=run.completed", "project=WEB", "source=qase",
				"outcome=accepted", "deliveries=1"},
			"outcome=duplicate": {event},
			"msg=delivered": {event, "delivery=" + d.ID.String(), "rule=all", "notifier=ops", "outcome=delivered",
				"attempts=1"},
		} {
			lines := r.logLines(line)
			if len(lines) == 0 {
				t.Fatalf("no %s in %s", line, r.logs)
			}
			for _, want := range append(wants, "level=INFO") {
				if !strings.Contains(lines[0], want) {
					t.Errorf("no %s in %s", want, lines[0])
				}
			}
		}
		if strings.Contains(r.logs.String(), "news") {
			t.Errorf("the log holds a message: %s", r.logs)
		}
	})
}

func TestLinesAboveTenASecondAreLeftOutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond)))
		for i := range 25 {
			r.accept(t, "", fmt.Sprint(i))
		}
		time.Sleep(3 * time.Second)
		for _, line := range []string{`msg="event accepted"`, "msg=delivered"} {
			if n := len(r.logLines(line)); n != 10 {
				t.Errorf("%d lines of %s", n, line)
			}
		}
		for _, line := range []string{`msg="lines about events left out" left_out=15`,
			`msg="lines about deliveries left out" outcome=delivered left_out=15`} {
			if n := len(r.logLines(line)); n != 1 {
				t.Errorf("%d lines of %s in %s", n, line, r.logs)
			}
		}
		r.accept(t, "", "another")
		time.Sleep(time.Second)
		if n := len(r.logLines("msg=delivered")); n != 11 {
			t.Errorf("%d lines after a pause", n)
		}
	})
}

func TestADryRunAndACancellationAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatchtest.Senders{"ops": dispatchtest.Hangs}, func(o *Options) { o.DryRun = true })
		r.accept(t, "7", "news")
		time.Sleep(time.Second)
		if lines := r.logLines(`outcome=cancelled reason="dry run"`); len(lines) != 1 ||
			!strings.Contains(lines[0], "rule=all notifier=ops") {
			t.Errorf("logged %s", r.logs)
		}
	})
}
