package relay

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch/dispatchtest"
)

// series returns the lines of the metrics.
func (r *rig) series() string {
	w := httptest.NewRecorder()
	r.Metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/metrics", nil))
	return w.Body.String()
}

func TestTheSeriesOfNotifiersExistFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": got.Always(nil)})
		r.Reload(dispatchtest.Config(dispatchtest.Senders{"ops": got.Always(nil), "new": got.Always(nil)}))
		synctest.Wait()
		text := r.series()
		for _, name := range []string{"ops", "new"} {
			for _, line := range []string{
				`notifications_total{notifier="NAME",type="fake"} 0`,
				`notifications_failed_total{notifier="NAME",reason="serverError",type="fake"} 0`,
				`notifications_failed_total{notifier="NAME",reason="dns",type="fake"} 0`,
				`delivery_attempt_seconds_count{notifier="NAME"} 0`,
				`deliveries_total{notifier="NAME",state="delivered"} 0`,
				`deliveries_total{notifier="NAME",state="dead"} 0`,
				`deliveries_total{notifier="NAME",state="cancelled"} 0`,
				`deliveries_pending{notifier="NAME"} 0`,
				`deliveries_dead{notifier="NAME"} 0`,
				`oldest_pending_seconds{notifier="NAME"} 0`,
				`notifier_state{notifier="NAME",state="closed"} 1`,
			} {
				if line = "qase_relay_" + strings.ReplaceAll(line, "NAME", name) + "\n"; !strings.Contains(text, line) {
					t.Errorf("no %s in\n%s", line, text)
				}
			}
		}
		for _, state := range []string{"active", "pending", "expired"} {
			if line := `qase_relay_silences{state="` + state + `"} 0`; !strings.Contains(text, line) {
				t.Errorf("no %s", line)
			}
		}
		if !strings.Contains(r.series(), `promhttp_metric_handler_requests_total{code="200"} 1`) {
			t.Error("scrapes are not counted")
		}
	})
}

func TestNotificationsAreCountedOnceAndFailedAttemptsEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			if attempts++; m.Title == "refused" {
				return notifiers.Receipt{}, notifiers.Permanent("no")
			} else if attempts < 3 {
				return notifiers.Receipt{}, errors.New("later")
			}
			return notifiers.Receipt{}, nil
		}, "idle": dispatchtest.Hangs})
		r.decide = made("matched", toChannel("ops", "c"))
		r.accept(t, "7", "c")
		time.Sleep(time.Minute)
		n := toChannel("ops", "c")
		n.Title = "refused"
		r.decide = made("matched", n, toChannel("idle", "waiting"))
		r.accept(t, "8", "refused")
		time.Sleep(time.Second)
		if found, err := r.Cancel(t.Context(), r.memory.IDOf(t, "ops", "refused"), "not wanted"); !found || err != nil {
			t.Fatal(found, err)
		}
		text := r.series()
		for _, line := range []string{
			`notifications_total{notifier="ops",type="fake"} 2`,
			`notifications_failed_total{notifier="ops",reason="other",type="fake"} 2`,
			`notifications_failed_total{notifier="ops",reason="clientError",type="fake"} 1`,
			`delivery_attempt_seconds_count{notifier="ops"} 4`,
			`deliveries_total{notifier="ops",state="delivered"} 1`,
			`deliveries_total{notifier="ops",state="dead"} 1`,
			`deliveries_total{notifier="ops",state="cancelled"} 1`,
		} {
			if !strings.Contains(text, "qase_relay_"+line+"\n") {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
	})
}
