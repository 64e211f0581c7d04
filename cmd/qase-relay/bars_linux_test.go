package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBars prints what the relay costs beside others in one run: events a second and the processor time of the
// server for each, from the operating system's accounting. Each server is a process of its own; all are called by one
// client that costs little, in turns, with as many connections as a row says.
//
//   - accept: the relay decides about each event, one of two rules matches, and its message is recorded; beside it a
//     handler that reads, decodes and answers. "none" is a relay with no rule that matches.
//   - full way: each message is sent to a receiver, and its outcome is recorded; beside it Alertmanager, which keeps
//     nothing, if it is installed (Debian: prometheus-alertmanager).
//   - postgres: a relay over PostgreSQL beside one over SQLite, and three relays that share one PostgreSQL, if that is
//     installed.
//   - lone: one event at a time; how many bytes are written for it, and how long it takes to its receiver.
//   - idle: what a relay costs that nothing calls.
//
// Run it as
//
//	go test ./cmd/qase-relay -run '^$' -bench Bars -benchtime 1x
//
// With -short it only shows that it works.
func BenchmarkBars(b *testing.B) {
	for name, run := range map[string]func(*testing.B){"accept": accepting, "full": fullWay, "postgres": overPostgres,
		"lone": loneEvents, "idle": idle} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				run(b)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// fewer returns a tenth of a number with -short.
func fewer(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// accepting prints a row for each number of callers.
func accepting(b *testing.B) {
	matching := serveBeside(b, "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 0`)
	quiet := serveBeside(b, "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 99`)
	bare := &server{address: freeAddress(b)}
	bare.start(b, b.TempDir(), "bare-handler", bare.address)
	b.Logf("%-8s %8s %10s %10s %10s %10s %10s %8s", "callers", "server", "events/s", "user µs", "system µs", "over bare",
		"client µs", "ratio")
	for _, callers := range []int{8, 64, 256, 512} {
		var rows [3][]figures
		const turns = 3
		for range turns {
			for i, s := range []*server{bare, matching, quiet} {
				rows[i] = append(rows[i], measure(b, s, callers, fewer(max(4_000, callers*60))))
			}
		}
		base := median(rows[0])
		for i, name := range []string{"bare", "relay", "none"} {
			f := median(rows[i])
			b.Logf("%-8d %8s %10.0f %10.1f %10.1f %10.1f %10.1f %8.2f", callers, name, f.rate, f.user, f.system,
				f.user+f.system-base.user-base.system, f.client, f.rate/base.rate)
			if i == 1 {
				b.ReportMetric(f.user+f.system-base.user-base.system, fmt.Sprintf("over-bare-µs-%d", callers))
				b.ReportMetric(f.rate/base.rate, fmt.Sprintf("ratio-%d", callers))
			}
		}
	}
}

// figures are those of one measurement. Times are in microseconds an event.
type figures struct{ rate, user, system, client float64 }

// median returns the measurement whose processor time is in the middle.
func median(list []figures) figures {
	slices.SortFunc(list, func(a, b figures) int { return int(1000 * (a.user + a.system - b.user - b.system)) })
	return list[len(list)/2]
}

// server is a process that is measured.
type server struct {
	address string
	dir     string
	cmd     *exec.Cmd
}

func (s *server) start(b testing.TB, dir string, command ...string) {
	b.Helper()
	s.dir, s.cmd = dir, exec.Command(command[0], command[1:]...)
	s.cmd.Dir = dir
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
	})
	awaitPort(b, s.address)
}

// serveBeside starts a relay with a rule, and one that never matches.
func serveBeside(b testing.TB, receiver, when string, args ...string) *server {
	b.Helper()
	dir := filepath.Dir(writeRules(b, `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: http, url: "`+receiver+`"}]
rules:
  - {name: failed, when: '`+when+`', notify: [ops]}
  - {name: never, when: 'event_name == "run.completed" && payload.failed > 99', notify: [ops]}
`))
	s := &server{address: freeAddress(b)}
	s.start(b, dir, append([]string{"qase-relay", "serve", "--listen", s.address, "--admin-listen", freeAddress(b)}, args...)...)
	return s
}

// times returns the processor time that the process has used.
func (s *server) times(b testing.TB) (user, system time.Duration) {
	b.Helper()
	user, system, err := processTimes(s.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return user, system
}

func processTimes(pid int) (user, system time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third one on
	const tick = 10 * time.Millisecond                                        // of Linux
	ticks := func(i int) time.Duration {
		n, _ := strconv.Atoi(fields[i])
		return time.Duration(n) * tick
	}
	return ticks(11), ticks(12), nil
}

// written returns how many bytes the process had written to files.
func (s *server) written(b testing.TB) (n int) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "write_bytes: "); found {
			n, _ = strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	return n
}

var runID atomic.Int64

// runCall is a call of a webhook about a run of its own.
func runCall(address string) []byte {
	body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":%d,"cases":14,"passed":10,"failed":3,`+
		`"blocked":1,"duration":93000},"team_member_id":40,"project_code":"WEB"}`, runID.Add(1))
	return fmt.Appendf(nil, "POST /webhooks/qase HTTP/1.1\r\nHost: %s\r\nX-Qase-Secret: s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
}

// measure posts so many events and returns what they cost.
func measure(b testing.TB, s *server, callers, events int) figures {
	b.Helper()
	user, system := s.times(b)
	client, start := ownTime(b), time.Now()
	post(b, s.address, callers, events, runCall)
	took, ownEnd := time.Since(start), ownTime(b)
	userEnd, systemEnd := s.times(b)
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(events) }
	return figures{float64(events) / took.Seconds(), each(userEnd - user), each(systemEnd - system), each(ownEnd - client)}
}

func ownTime(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// post makes calls over kept connections and waits for each answer, which has to be one of success.
func post(b testing.TB, address string, callers, events int, call func(address string) []byte) {
	b.Helper()
	var clients sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(events))
	for range callers {
		clients.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			answers := bufio.NewReader(conn)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(call(address)); err != nil {
					b.Error(err)
					return
				}
				if err := readAnswer(answers); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}

// readAnswer reads an answer of a known length.
func readAnswer(r *bufio.Reader) error {
	length, status := 0, ""
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case status == "":
			status = string(line[9:12])
		case len(line) <= 2:
			if status[0] != '2' {
				return fmt.Errorf("the answer is %s", status)
			}
			_, err := r.Discard(length)
			return err
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		}
	}
}

// counted is a receiver that counts.
type counted struct {
	url   string
	calls atomic.Int64 // or the alerts in them
}

func receiving(b *testing.B) *counted {
	b.Helper()
	a := &counted{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		a.calls.Add(1)
	})}
	go func() { _ = s.Serve(ln) }()
	b.Cleanup(func() { _ = s.Close() })
	a.url = "http://" + ln.Addr().String() + "/"
	return a
}

// await waits until so many calls have come.
func (a *counted) await(b testing.TB, n int) {
	b.Helper()
	for start := time.Now(); a.calls.Load() < int64(n); time.Sleep(100 * time.Microsecond) {
		if time.Since(start) > 5*time.Minute {
			b.Fatalf("%d of %d arrived", a.calls.Load(), n)
		}
	}
}

// fullWay prints how many events a second arrive at a receiver, of a relay and of Alertmanager.
func fullWay(b *testing.B) {
	const turns = 3
	events := fewer(60_000 / turns)
	b.Logf("%-14s %10s %12s %12s", "full way", "events/s", "server µs", "accepted/s")
	to := receiving(b)
	relay := serveBeside(b, to.url, `event_name == "run.completed" && payload.failed > 0`)
	manager, managerTo := alertmanager(b)
	var rates, others []float64
	for range turns {
		rates = append(rates, arriving(b, relay, to, events, runCall))
		if manager != nil {
			others = append(others, arriving(b, manager, managerTo, events, alertCall))
		}
	}
	slices.Sort(rates)
	b.ReportMetric(rates[turns/2], "full-events/s")
	if manager == nil {
		b.Log("Alertmanager is not installed: apt-get install prometheus-alertmanager")
		return
	}
	slices.Sort(others)
	b.ReportMetric(rates[turns/2]/others[turns/2], "full-ratio")
}

func arriving(b testing.TB, s *server, to *counted, events int, call func(string) []byte) float64 {
	b.Helper()
	user, system := s.times(b)
	before, start := int(to.calls.Load()), time.Now()
	post(b, s.address, 64, events, call)
	accepted := time.Since(start)
	to.await(b, before+events)
	took := time.Since(start)
	userEnd, systemEnd := s.times(b)
	b.Logf("%-14s %10.0f %12.1f %12.0f", filepath.Base(s.cmd.Path), float64(events)/took.Seconds(),
		float64(userEnd+systemEnd-user-system)/float64(time.Microsecond)/float64(events), float64(events)/accepted.Seconds())
	return float64(events) / took.Seconds()
}

// alertmanager starts Alertmanager, which sends each alert by itself to a receiver, or returns nil.
func alertmanager(b *testing.B) (*server, *counted) {
	b.Helper()
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		return nil, nil
	}
	to, dir := receiving(b), b.TempDir()
	config := "route: {receiver: ops, group_by: ['...'], group_wait: 0s}\n" +
		"receivers: [{name: ops, webhook_configs: [{url: '" + to.url + "', send_resolved: false}]}]\n"
	if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	s := &server{address: freeAddress(b)}
	s.start(b, dir, path, "--config.file", "config.yml", "--storage.path", "data", "--web.listen-address", s.address,
		"--cluster.listen-address", "", "--log.level", "error")
	return s, to
}

func alertCall(address string) []byte {
	body, err := json.Marshal([]any{map[string]any{"labels": map[string]string{"alertname": "run",
		"id": strconv.FormatInt(runID.Add(1), 10), "project": "WEB"},
		"annotations": map[string]string{"title": "3 of 14 failed"}}})
	if err != nil {
		panic(err) // of constants
	}
	return fmt.Appendf(nil, "POST /api/v2/alerts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", address, len(body), body)
}

// loneEvents prints what one event at a time writes, and how long it takes to its receiver.
func loneEvents(b *testing.B) {
	to := receiving(b)
	sending := serveBeside(b, to.url, `event_name == "run.completed" && payload.failed > 0`)
	holding := serveBeside(b, "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 99`)
	events := fewer(300)
	var took []float64
	pages := map[*server]float64{}
	for _, s := range []*server{holding, sending} {
		post(b, s.address, 1, 20, runCall)
		time.Sleep(100 * time.Millisecond) // what the first ones wrote later
		before := s.written(b)
		for range events {
			n, start := int(to.calls.Load()), time.Now()
			post(b, s.address, 1, 1, runCall)
			if s == sending {
				to.await(b, n+1)
				took = append(took, time.Since(start).Seconds()*1000)
				time.Sleep(5 * time.Millisecond) // until its outcome is written
			}
		}
		time.Sleep(100 * time.Millisecond)
		pages[s] = float64(s.written(b)-before) / 8192 / float64(events)
	}
	slices.Sort(took)
	b.Logf("lone event: %.1f pages of 8 KiB without a message, %.1f with one and its outcome; to its receiver p50 %.2f ms, p99 %.2f ms",
		pages[holding], pages[sending], took[len(took)/2], took[len(took)*99/100])
	b.ReportMetric(took[len(took)/2], "lone-p50-ms")
	b.ReportMetric(pages[sending], "lone-pages")
}

// idle prints the processor time and the memory of a relay that nothing calls.
func idle(b *testing.B) {
	long := time.Duration(fewer(int(20 * time.Second)))
	s := serveBeside(b, "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 0`)
	post(b, s.address, 8, 100, runCall)
	time.Sleep(2 * time.Second) // until what these have left to do is done
	user, system := s.times(b)
	time.Sleep(long)
	userEnd, systemEnd := s.times(b)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if kib, err := strconv.Atoi(strings.Trim(rest, " \tkB\n")); err == nil {
			switch name {
			case "RssAnon": // without the pages of the program's file
				b.ReportMetric(float64(kib)/1024, "idle-own-MiB")
			case "VmRSS":
				b.ReportMetric(float64(kib)/1024, "idle-MiB")
			}
		}
	}
	b.ReportMetric(100*(userEnd+systemEnd-user-system).Seconds()/long.Seconds(), "idle-%-of-a-core")
}

// TestAnEventCostsLittle holds the processor time of an event against that of a handler that only reads, decodes and
// answers. On a quiet machine it is about 4 times as much.
func TestAnEventCostsLittle(t *testing.T) {
	relay := serveBeside(t, "http://127.0.0.1:9/", `event_name == "run.completed" && payload.failed > 0`)
	bare := &server{address: freeAddress(t)}
	bare.start(t, t.TempDir(), "bare-handler", bare.address)
	const most = 12
	var times float64
	for range 5 { // a machine that does much else makes some turns dearer
		base, f := measure(t, bare, 64, 4_000), measure(t, relay, 64, 4_000)
		if times = (f.user + f.system) / max(base.user+base.system, 1); times <= most {
			return
		}
	}
	t.Errorf("an event costs %.1f times as much as in a bare handler, want %d at most", times, most)
}
