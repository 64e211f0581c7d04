package store

import (
	"context"
	"fmt"
	"slices"
)

// Events are handed over in chunks, since each handing over costs more than a small event; and only so many chunks wait to be stored.
const (
	chunkSize  = 2
	chunkAhead = 8
)

// decider decides about the events of a batch on a goroutine of its own, in their order, so that deciding and writing share the time.
// It reads keys with its own connection, which sees them as they were before the transaction, and keeps what the
// transaction changes in the overlay; that is written at the end of the transaction. Whoever starts it calls stop.
type decider struct {
	tx     *tx
	chunks chan []decided
	quit   chan struct{}
}

// decided is what is to be stored of the i-th event: its plan, or why deciding failed. err is a failure of the store.
type decided struct {
	i      int
	plan   Plan
	failed error
	err    error
}

// startDeciding begins to decide about the events that are no duplicates.
func (t *tx) startDeciding(receipts []Receipt, decide Decide) *decider {
	d := &decider{tx: t, chunks: make(chan []decided, chunkAhead), quit: make(chan struct{})}
	var fresh []int
	for i, r := range receipts {
		if !r.Duplicate {
			fresh = append(fresh, i)
		}
	}
	go d.run(fresh, decide)
	return d
}

func (d *decider) run(fresh []int, decide Decide) {
	defer close(d.chunks)
	// One read transaction for the batch costs less than one for each key. Without it the keys are read all the same.
	if _, err := d.tx.reader.exec("BEGIN"); err == nil {
		defer d.tx.reader.rollback()
	}
	for part := range slices.Chunk(fresh, chunkSize) {
		chunk := make([]decided, 0, len(part))
		for _, i := range part {
			p := d.plan(i, decide)
			if p.failed == nil && p.err == nil {
				for _, c := range p.plan.Changes {
					d.tx.keys.set(c)
				}
			}
			chunk = append(chunk, p)
		}
		select {
		case d.chunks <- chunk:
		case <-d.quit:
			return
		}
	}
}

// stop makes the goroutine end, and waits for it.
func (d *decider) stop() {
	close(d.quit)
	for range d.chunks {
	}
}

// plan calls decide.
func (d *decider) plan(i int, decide Decide) (p decided) {
	p.i = i
	get := func(key string) ([]byte, error) {
		value, err := d.tx.getKey(key)
		if err != nil {
			p.err = err
		}
		return value, err
	}
	defer func() {
		if r := recover(); r != nil {
			p.failed = fmt.Errorf("deciding about an event: panic: %v", r)
		}
	}()
	p.plan, p.failed = decide(i, get)
	return p
}

// getKey returns a value as this transaction sees it. An expired one is gone, whether or not it was purged.
func (t *tx) getKey(key string) ([]byte, error) {
	kv, ok := t.keys.values[key]
	if !ok {
		var err error
		if kv.value, kv.expires, err = readKey(context.Background(), t.reader, key); err != nil {
			return nil, wrap(err, "reading a key")
		}
		if t.keys.values == nil {
			t.keys.values = map[string]keyValue{}
		}
		t.keys.values[key] = kv
	}
	if kv.expires <= t.now {
		return nil, nil
	}
	return kv.value, nil
}
