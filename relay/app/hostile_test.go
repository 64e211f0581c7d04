//go:build unix

package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/rules/catalog"
)

// hostileVariable says how many hostile bodies are sent, such as 1000000, or for how long, such as 1m.
const hostileVariable = "QASE_RELAY_TEST_HOSTILE"

const hostileRules = `
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: http, url: "RECEIVER"}]
rules:
  - {name: all, when: "true", notify: [ops]}
  - name: failed
    when: event_name == "run.completed" && payload.failed > 0 && payload.title contains "a"
    notify: [ops]
  - name: texts
    when: event_type in ["case", "defect"]
    title: "{{ .payload.title }}"
    body: "{{ range .payload.tags }}{{ . }} {{ end }}"
    notify: [ops]
`

// TestHostileBodies sends bodies that are broken, large, deep and wrong in every way. None ends the relay, fails its
// neighbors or gets another 5xx than 503, and every event that is acknowledged is stored.
func TestHostileBodies(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "relay.db") },
		"postgres": func(t *testing.T) string { return pgtest.New(t, "fsync=off").Schema(t, "hostile") },
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, place(t))
			until := hostileEnd(t)
			var sent atomic.Int64
			var callers sync.WaitGroup
			for caller := range 8 {
				callers.Go(func() {
					g := &hostile{rand.New(rand.NewPCG(uint64(caller), 7))}
					for until(sent.Add(1)) && !t.Failed() {
						r.send(t, g.request())
					}
				})
			}
			callers.Wait()
			good := request{body: []byte(`{"event_name":"run.started","payload":{"id":1},"project_code":"` + name + `"}`)}
			if status := r.send(t, good); status != http.StatusAccepted {
				t.Errorf("a good event after all gets %d", status)
			}
			r.checkStored(t)
			t.Logf("%d bodies: %v", sent.Load(), r.counts)
		})
	}
}

// hostileEnd returns a function that reports whether the n-th body is still to be sent.
func hostileEnd(t *testing.T) func(n int64) bool {
	text := os.Getenv(hostileVariable)
	if text == "" {
		text = "400"
	}
	if d, err := time.ParseDuration(text); err == nil {
		end := time.Now().Add(d)
		return func(int64) bool { return time.Now().Before(end) }
	}
	most, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s is neither a number nor a duration", hostileVariable, text)
	}
	return func(n int64) bool { return n <= most }
}

// underTest is a running relay, and the answers that it gave.
type underTest struct {
	*Relay
	mu     sync.Mutex
	counts map[int]int
	stored map[string]bool // the ids that it answered
}

func startRelay(t *testing.T, storeURL string) *underTest {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(receiver.Close)
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(hostileRules, "RECEIVER", receiver.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	u := &underTest{counts: map[int]int{}, stored: map[string]bool{}}
	started := make(chan struct{})
	var err error
	u.Relay, err = Open(t.Context(), Options{Rules: []string{name}, Config: cfg, Listen: "127.0.0.1:0",
		AdminListen: "127.0.0.1:0", StoreURL: storeURL, Logger: slog.New(slog.DiscardHandler), MaxBody: 1 << 20,
		Started: func(*Relay) { close(started) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the relay ended with %v", err)
		}
	})
	<-started
	return u
}

// request is a webhook call.
type request struct {
	body     []byte
	encoding string
	chunked  bool
}

// send posts a body and checks the answer.
func (u *underTest) send(t *testing.T, r request) (status int) {
	body := io.Reader(bytes.NewReader(r.body))
	if r.chunked {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequest(http.MethodPost, u.WebhookURL("qase"), body)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("X-Qase-Secret", "s3cret")
	if r.encoding != "" {
		req.Header.Set("Content-Encoding", r.encoding)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("no answer to %.200q: %v", r.body, err)
		return 0
	}
	defer resp.Body.Close()
	var answer struct {
		ID    string `json:"event_id"`
		Error string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Errorf("the answer to %.200q is not JSON: %v", r.body, err)
	}
	switch {
	case resp.StatusCode == http.StatusAccepted && answer.ID != "":
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && answer.Error != "" && len(answer.Error) < 500:
	default:
		t.Errorf("%.200q got %d %+v", r.body, resp.StatusCode, answer)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.counts[resp.StatusCode]++
	if answer.ID != "" {
		u.stored[answer.ID] = true
	}
	return resp.StatusCode
}

// checkStored checks that each event that was acknowledged is in the store.
func (u *underTest) checkStored(t *testing.T) {
	t.Helper()
	f := store.EventFilter{Limit: 500}
	for {
		list, next, err := u.Store().Events(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range list {
			delete(u.stored, ev.ID.String())
		}
		if f.Before = next; next == 0 {
			break
		}
	}
	if len(u.stored) > 0 {
		t.Errorf("%d acknowledged events are not stored", len(u.stored))
	}
}

// hostile makes bodies.
type hostile struct{ *rand.Rand }

func pick[T any](g *hostile, all ...T) T { return all[g.IntN(len(all))] }

// request returns the next call.
func (g *hostile) request() request {
	r := request{body: g.body(), chunked: g.IntN(4) == 0}
	switch g.IntN(12) {
	case 0:
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(r.body)
		_ = w.Close()
		r.body, r.encoding = packed.Bytes(), "gzip"
		if g.IntN(3) == 0 {
			r.body = r.body[:g.IntN(len(r.body))]
		}
	case 1:
		r.encoding = pick(g, "gzip", "br", "deflate", "identity", "\"")
	}
	return r
}

func (g *hostile) body() []byte {
	event := map[string]any{"event_name": g.name(), "timestamp": g.value(0), "payload": g.payload(),
		"team_member_id": g.value(0), "project_code": g.project()}
	for range g.IntN(3) {
		event[pick(g, "event_name", "payload", "timestamp", "team_member_id", "project_code", "source", "x")] = g.value(0)
	}
	body, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	switch g.IntN(10) {
	case 0: // cut
		return body[:g.IntN(len(body))]
	case 1: // some bytes are others
		for range 1 + g.IntN(20) {
			body[g.IntN(len(body))] = byte(g.Uint32())
		}
	case 2: // keys twice
		return append(append(body[:len(body)-1:len(body)-1], ','), body[1:]...)
	case 3: // something around it
		return []byte(pick(g, "\uFEFF", " ", "\xff\xfe", "[", "\x00", "\n\t") + string(body) + pick(g, "", " ", "x", "}", "\x00"))
	case 4:
		return bytes.ReplaceAll(body, []byte(`"id"`), []byte(pick(g, `"ID"`, `"i\u0064"`, `""`, `id`)))
	}
	return body
}

func (g *hostile) name() any {
	events := catalog.All()
	switch g.IntN(8) {
	case 0:
		return g.text()
	case 1:
		return g.value(0)
	}
	return events[g.IntN(len(events))].Name
}

func (g *hostile) project() any {
	if g.IntN(3) > 0 {
		return pick(g, "WEB", "API")
	}
	return g.value(0)
}

// payload is that of an example with other values, or anything.
func (g *hostile) payload() any {
	if g.IntN(10) == 0 {
		return g.value(0)
	}
	events := catalog.All()
	var example struct{ Payload map[string]any }
	if json.Unmarshal(events[g.IntN(len(events))].Example, &example) != nil || example.Payload == nil {
		example.Payload = map[string]any{}
	}
	for key := range example.Payload {
		if g.IntN(3) == 0 {
			example.Payload[key] = g.value(0)
		}
	}
	example.Payload["id"] = g.value(3)
	return example.Payload
}

// value is any JSON value, not much deeper than the given depth lets it be.
func (g *hostile) value(depth int) any {
	switch n := g.IntN(12); {
	case n < 3:
		return g.text()
	case n < 6:
		return json.RawMessage(pick(g, "0", "-1", "1e400", "-0", "1.5", "9007199254740993", "123456789012345678901234567890",
			"1e-400", strings.Repeat("9", 1+g.IntN(2000))))
	case n < 8:
		return pick[any](g, nil, true, false, []any{}, map[string]any{}, "")
	case n == 8 && depth < 5:
		object := map[string]any{}
		for range g.IntN(6) {
			object[g.text()] = g.value(depth + 1)
		}
		return object
	case n == 9 && depth < 5:
		list := make([]any, g.IntN(6))
		for i := range list {
			list[i] = g.value(depth + 1)
		}
		return list
	case n == 10 && g.IntN(20) == 0:
		deep := 1 + g.IntN(9_000)
		return json.RawMessage(strings.Repeat("[", deep) + strings.Repeat("]", deep))
	}
	return g.IntN(100)
}

// text is short or long, and has signs that mean something somewhere.
func (g *hostile) text() string {
	part := pick(g, "a", "ä", "日本", "👩‍🚀", "\x00", "\u202e", "\u2028", "<!channel>", "<script>", "{{ .x }}", "${HOME}", "'; DROP TABLE events;--",
		"%s%n", "../..", "\r\nBcc: x@example.com", "*_~`", "@everyone", "https://evil.example", "e\u0301", "\ufffd", "\\", "\"", string(rune(g.IntN(0x10ffff))))
	switch g.IntN(20) {
	case 0:
		return strings.Repeat(part, g.IntN(3000))
	case 1:
		if g.IntN(15) == 0 {
			return strings.Repeat(part, 1+g.IntN(1_200_000)/len(part))
		}
	case 2:
		random := make([]byte, g.IntN(1500))
		for i := range random {
			random[i] = byte('!' + g.IntN(94))
		}
		return string(random)
	}
	return part + fmt.Sprint(g.IntN(10))
}
