package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"qaserelay/relay/ingest"
)

// BenchmarkServe posts the same load to a relay and to a handler that only reads, decodes and answers, each a process
// of its own on the same server stack, in turns: "send" with 64 connections. The relay decides about each event, one
// rule matches, and one delivery is recorded, which stays pending: its receiver cannot be reached, and after a few
// attempts the relay takes a break from it. The ratio is the median of the turns'.
//
//	go test ./cmd/qase-relay -run xxx -bench Serve -benchtime 5x
func BenchmarkServe(b *testing.B) {
	dir := filepath.Dir(writeRules(b, `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: http, url: "http://127.0.0.1:9/"}]
rules: [{name: failed, when: 'event_name == "run.completed" && payload.failed > 0', notify: [ops]}]
`))
	relay, bare := freeAddress(b), freeAddress(b)
	startBeside(b, dir, relay, "qase-relay", "serve", "--listen", relay, "--admin-listen", freeAddress(b))
	startBeside(b, dir, bare, "bare-handler", bare)
	var ratios []float64
	var last, lastBare sendFigures
	for b.Loop() {
		lastBare, last = postMany(b, bare), postMany(b, relay)
		ratios = append(ratios, last.Rate/lastBare.Rate)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(last.Rate, "events/s")
	b.ReportMetric(lastBare.Rate, "bare/s")
	b.ReportMetric(last.P50, "p50-ms")
	b.ReportMetric(last.P99, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

type sendFigures struct {
	Rate float64 `json:"per_second"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
}

func postMany(b *testing.B, addr string) (f sendFigures) {
	b.Helper()
	out, err := exec.Command("qase-relay", "send", "run.completed", "--set", "payload.failed=3", "--secret", "s",
		"--json", "--to", "http://"+addr+"/webhooks/qase", "--count", "10000", "--concurrency", "64").Output()
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(out, &f); err != nil {
		b.Fatal(err)
	}
	return f
}

// startBeside starts a program in the folder and waits until it listens on address.
func startBeside(b *testing.B, dir, address string, command ...string) {
	b.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	awaitPort(b, address)
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

func awaitPort(b testing.TB, address string) {
	b.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	b.Fatalf("nothing listens on %s", address)
}

// freeAddress returns an address for a relay that is started again and again. No system gives its port to others: those
// that it chooses by itself are above.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer func() { _ = ln.Close() }()
			return ln.Addr().String()
		}
	}
	tb.Fatal("no port is free")
	return ""
}

// bareHandler is the program that the relay is measured against.
func bareHandler() {
	server := ingest.Server(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var event map[string]any
		if err != nil || json.Unmarshal(text, &event) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"event_id":"01f3k9q2m0g00"}`+"\n")
	}))
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
}
