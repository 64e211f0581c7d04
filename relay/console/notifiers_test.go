package console_test

import (
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
)

// The buttons of a notifier work, and its page shows what they did.
func TestANotifierIsPausedResumedAndTested(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	shows := func(path string, parts ...string) {
		t.Helper()
		text, missing := "", ""
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			_, text = g.get(path, "Accept", "text/html")
			missing = ""
			for _, part := range parts {
				if !strings.Contains(text, part) {
					missing = part
				}
			}
			if missing == "" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not show %q:\n%s", path, missing, text)
			}
		}
	}
	shows("/notifiers", "qa-slack", "ops", "refused", "mail", "sends")
	shows("/notifiers/ops", "Last attempts", ">Pause<", "delivered in ")
	shows("/notifiers/refused", "Why attempts failed", "failed permanently", "fails: clientError", "Fails with", "404 Not Found")
	shows("/notifiers", "fails: clientError")
	shows("/status", "fails: clientError")
	shows("/", "fails: clientError")
	g.send("/notifiers/ops/pause", nil)
	shows("/notifiers/ops", "paused by local", ">Resume<")
	g.send("/notifiers/ops/resume", nil)
	shows("/notifiers/ops", "What people did", "resume")
	g.send("/notifiers/ops/test", nil)
	shows("/notifiers/ops", "Last test message", "delivered")
	g.send("/notifiers/refused/test", nil)
	shows("/notifiers/refused", "not delivered", "404")
	if _, text := g.get("/notifiers/refused", "Accept", "text/html"); strings.Contains(text, "s3cret") || strings.Contains(text, "<b>hook") {
		t.Errorf("the page has a secret or markup of the receiver:\n%s", text)
	}
}

// TestNotifiersShowTheStateOnEachRelay pauses a notifier by one of two relays of a store, and stops one of them.
func TestNotifiersShowTheStateOnEachRelay(t *testing.T) {
	url := pgtest.New(t, "fsync=off").Schema(t, "relays")
	one, two := start(t, rigOptions{Store: url}), start(t, rigOptions{Store: url})
	for _, g := range []*rig{one, two} {
		g.await("/notifiers", "sends</span> <span class=\"dim small\">on 2 relays</span>", "Accept", "text/html")
	}
	one.send("/notifiers/ops/pause", nil)
	const paused = `"state":"paused","state_since"`
	for _, g := range []*rig{one, two} {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			_, text := g.get("/api/v1/notifiers/ops")
			_, relays, _ := strings.Cut(text, `"relays":[`)
			if relays, _, _ = strings.Cut(relays, "]"); strings.Count(relays, paused) == 2 && strings.Contains(relays, "by local") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("not paused on each relay: %s", text)
			}
		}
		g.await("/notifiers/ops", "On each relay", "Accept", "text/html")
	}
	two.stop()
	if _, text := one.get("/api/v1/notifiers/ops"); strings.Contains(text, `"relays"`) {
		t.Errorf("one relay is left: %s", text)
	}
}
