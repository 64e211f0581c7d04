package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest"
)

// manyPending is the variable that says how many deliveries BenchmarkManyPending lets wait, such as 1000000.
const manyPending = "QASE_RELAY_BENCH_PENDING"

// BenchmarkManyPending measures a store in which a receiver's deliveries pile up: how fast it takes events compared
// with the empty store, how long claims, a start, the backlog and lists take, and the memory of the process. An
// operation is one event more, from one caller.
//
//	QASE_RELAY_BENCH_PENDING=1000000 go test ./relay/store/sqlite -run '^$' -bench ManyPending -benchtime 1x -timeout 30m
func BenchmarkManyPending(b *testing.B) {
	pending := 2000
	if text := os.Getenv(manyPending); text != "" {
		var err error
		if pending, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	l := newLoad(b)
	part := max(pending/100, 100)
	empty, emptyCPU := l.rate(part)
	early, earlyCPU := 0.0, 0.0
	for l.store.Load().Deliveries < pending {
		if early == 0 && l.store.Load().Deliveries >= pending/100 {
			early, earlyCPU = l.rate(part)
		}
		l.fill(min(part, 1000))
	}
	full, fullCPU := l.rate(part)
	report := map[string]float64{
		"empty-events/s": empty, "full/empty": full / empty, "full/early": full / max(early, 1),
		"empty-cpu-µs/event": emptyCPU, "early-cpu-µs/event": earlyCPU, "full-cpu-µs/event": fullCPU,
	}
	report["claim-p50-ms"], report["claim-p99-ms"] = l.claims(max(10, min(400, pending/200)))
	for name, run := range l.reads() {
		report[name+"-ms"] = storetest.Milliseconds(func() {
			if err := run(); err != nil {
				b.Logf("%s: %v", name, err)
			}
		})
	}
	must(l.store.Close())
	report["open-ms"] = storetest.Milliseconds(func() { l.store = openTest(b, l.store.Path, nil) })
	l.To = l.store
	report["rss-MiB"], report["peak-rss-MiB"] = l.memory("VmRSS:"), l.memory("VmHWM:")
	for b.Loop() {
		l.Accept()
	}
	for unit, value := range report {
		b.ReportMetric(value, unit)
	}
}

// rate is how many events a second are stored for 64 callers, and the time of processors that each takes, in
// microseconds.
func (l *load) rate(n int) (perSecond, cpu float64) {
	before := l.cpu()
	perSecond = float64(n) / storetest.Milliseconds(func() { l.AcceptAll(n, 64) }) * 1000
	return perSecond, (l.cpu() - before) / float64(n) * 1e6
}

// fill stores events as AcceptAll does, in few calls.
func (l *load) fill(n int) {
	batch := make([]store.Event, n)
	plans := make([]store.Plan, n)
	for i := range batch {
		batch[i], plans[i] = l.Next()
	}
	_, err := l.store.Accept(context.Background(), batch, func(i int, get func(string) ([]byte, error)) (store.Plan,
		error) {
		_, err := get(batch[i].Keys[0])
		return plans[i], err
	})
	must(err)
}

// claims are the times in milliseconds that half of the claims, and 99 of 100, stay under. What is claimed is recorded
// as delivered.
func (l *load) claims(n int) (half, most float64) {
	var took []float64
	for range n {
		var ds []store.Delivery
		took = append(took, storetest.Milliseconds(func() {
			var err error
			ds, err = l.store.Claim(context.Background(), "slack", 64)
			must(err)
		}))
		os := make([]store.Outcome, len(ds))
		for i, d := range ds {
			os[i] = store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Delivered,
				Attempt: &store.Attempt{At: time.Now(), Status: "200 OK"}}
		}
		must(l.store.Finish(context.Background(), os))
	}
	slices.Sort(took)
	return took[(n-1)/2], took[(n-1)*99/100]
}

// reads are what people and metrics ask of a store.
func (l *load) reads() map[string]func() error {
	ctx, s := context.Background(), l.store
	list := func(f store.DeliveryFilter) func() error {
		return func() error { _, _, err := s.Deliveries(ctx, f); return err }
	}
	return map[string]func() error{
		"backlog":         func() error { _, err := s.Backlog(ctx); return err },
		"next-due":        func() error { _, err := s.NextDue(ctx, "slack"); return err },
		"list-all":        list(store.DeliveryFilter{}),
		"list-pending":    list(store.DeliveryFilter{State: store.Pending}),
		"list-rule":       list(store.DeliveryFilter{State: store.Pending, Rule: "failed-run"}),
		"list-no-rule":    list(store.DeliveryFilter{State: store.Pending, Rule: "none"}),
		"list-delivered":  list(store.DeliveryFilter{State: store.Delivered}),
		"list-project":    list(store.DeliveryFilter{Project: "WEB"}),
		"list-no-project": list(store.DeliveryFilter{Project: "NONE"}),
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// memory reads a line of /proc/self/status in MiB, or returns 0 on a system without that file.
func (l *load) memory(line string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), line)
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		l.Error(err)
	}
	return kib / 1024
}

// cpu is the time that the processors have worked for this process, in seconds, or 0 where /proc does not say.
func (l *load) cpu() float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	must(errors.Join(err1, err2))
	return (user + system) / 100
}
