package backtest

import (
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Bench decides by one set of rules, and remembers as a relay would.
type Bench struct {
	Rules  *rules.Set
	Memory *keptMemory
}

func (b *Bench) decide(ev *event.Event) rules.Decision {
	d := b.Rules.Decide(ev, rules.State{Now: ev.ReceivedAt, Get: func(key string) ([]byte, error) { return b.Memory.Get(key, ev.ReceivedAt), nil }})
	b.Memory.Keep(d.Changes)
	return d
}
