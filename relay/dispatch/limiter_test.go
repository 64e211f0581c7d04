package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules/rulefile"
)

// freeRates is a store whose rates are always free.
type freeRates struct{ store.KV }

func (freeRates) Reserve(context.Context, string, store.Rate, time.Duration) (time.Duration, error) {
	return 0, nil
}

func TestTheLimiterForgetsTargetsThatTakeAMessageAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &config.Notifier{Spec: rulefile.Notifier{Name: "n"}, Kind: notifiers.Kind{
			Rate:   notifiers.Rate{Messages: 1, Per: time.Second},
			Target: func(_, own json.RawMessage) string { return string(own) }}}
		l := limiter{store: freeRates{}, now: time.Now}
		var last store.Delivery
		for i := range 100 {
			time.Sleep(time.Second)
			last = store.Delivery{Message: fmt.Appendf(nil, `{"options":"channel %d"}`, i)}
			l.Cooldown(t.Context(), n, &last, time.Second)
		}
		if len(l.targets) > 2 {
			t.Errorf("%d targets are remembered", len(l.targets))
		}
		if due, ok := l.Wait(t.Context(), n, &last); ok || !due.Equal(time.Now().Add(time.Second)) {
			t.Errorf("the last target is due at %v, %v", due, ok)
		}
	})
}
