package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
)

// rig is an engine on a store in memory, whose rules send every event to every notifier.
type rig struct {
	*Engine
	memory *memory.Store
	logs   *dispatchtest.Logs
	stop   func() error // stops the engine and returns what Run did
}

// newRig starts an engine with the given notifiers. It has to be called in a synctest bubble.
func newRig(t *testing.T, outs dispatchtest.Senders, adjust ...func(*Options)) *rig {
	t.Helper()
	return newRigWith(t, outs, func(*rig) {}, adjust...)
}

// newRigWith is newRig with a function that prepares the engine before it runs.
func newRigWith(t *testing.T, outs dispatchtest.Senders, prepare func(*rig), adjust ...func(*Options)) *rig {
	t.Helper()
	r := &rig{memory: memory.New(), logs: &dispatchtest.Logs{}}
	o := Options{Store: r.memory, Config: dispatchtest.Config(outs), Logger: slog.New(slog.NewTextHandler(r.logs, nil)),
		Rand: func() float64 { return 1 }}
	for _, f := range adjust {
		f(&o)
	}
	r.Engine = New(o)
	r.decide, r.waker.rules = sendToAll(r.Engine), nil // without slots, unless a test prepares them
	prepare(r)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.stop() })
	for !r.inbox.Accepting() {
		time.Sleep(time.Millisecond)
	}
	return r
}

func sendToAll(e *Engine) func(*rules.Set, *event.Event, rules.State) rules.Decision {
	return func(_ *rules.Set, ev *event.Event, _ rules.State) (d rules.Decision) {
		d.Results = []rules.Result{{Rule: "all", Outcome: rules.Matched}}
		for name := range e.Config().Notifiers {
			title, _ := ev.Payload["title"].(string)
			d.Notifications = append(d.Notifications, rules.Notification{Message: message.Message{Rule: "all",
				Title: title}, Notifier: name, EntityKey: ev.EntityKey()})
		}
		return d
	}
}

// newEvent returns an event about an entity, or about none if entity is empty.
func newEvent(t *testing.T, entity, title string) *event.Event {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":"run.completed","project_code":"WEB","payload":{"id":%q,"title":%q}}`, entity,
		title)
	ev, err := event.Parse("qase", []byte(body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func (r *rig) accept(t *testing.T, entity, title string) Receipt {
	t.Helper()
	receipt, err := r.Accept(t.Context(), newEvent(t, entity, title))
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}
