package console_test

import (
	"strings"
	"testing"
	"time"
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
	shows("/notifiers/refused", "Why attempts failed", "failed permanently")
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
