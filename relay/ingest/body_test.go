package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/rules/event"
)

func zip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestEncodedBodies(t *testing.T) {
	random := make([]byte, 5000)
	_, _ = rand.Read(random)
	for name, c := range map[string]struct {
		encoding, body string
		status         int
		reason         string
	}{
		"gzip":                               {"gzip", zip(goodBody), 202, ""},
		"gzip in capitals":                   {"GZIP", zip(goodBody), 202, ""},
		"its old name":                       {"x-gzip", zip(goodBody), 202, ""},
		"no encoding by its name":            {"identity", goodBody, 202, ""},
		"gzip in two parts":                  {"gzip", zip(goodBody[:20]) + zip(goodBody[20:]), 202, ""},
		"a body that unpacks to its limit":   {"gzip", zip(goodBody + strings.Repeat(" ", 4096-len(goodBody))), 202, ""},
		"a body that unpacks beyond it":      {"gzip", zip(goodBody + strings.Repeat(" ", 4097-len(goodBody))), 413, "too large"},
		"a bomb":                             {"gzip", zip(strings.Repeat("\x00", 3_000_000)), 413, "too large"},
		"a bomb of empty parts":              {"gzip", strings.Repeat(zip(""), 150), 400, "empty"},
		"a packed body that is too large":    {"gzip", zip(string(random)), 413, "too large"},
		"half a body":                        {"gzip", zip(goodBody)[:60], 400, "ended too early"},
		"a wrong checksum":                   {"gzip", zip(goodBody)[:len(zip(goodBody))-8] + "12345678", 400, "not valid gzip"},
		"a body that is not packed":          {"gzip", goodBody, 400, "not valid gzip"},
		"nothing":                            {"gzip", "", 400, "ended too early"},
		"brotli":                             {"br", "x", 415, `"br" is not supported; send gzip or none`},
		"gzip twice":                         {"gzip, gzip", zip(zip(goodBody)), 415, `"gzip, gzip"`},
		"an encoding with a name that hurts": {"x\"<b>" + strings.Repeat("y", 500), "x", 415, `"x\"<b>yyy`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				d := open(t)
				resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: c.body,
					chunked: chunked, encoding: c.encoding})
				reason, _ := answer["error"].(string)
				if resp.StatusCode != c.status || !strings.Contains(reason, c.reason) || len(reason) > 200 {
					t.Errorf("got %d %v, want %d %s", resp.StatusCode, answer, c.status, c.reason)
				}
				if c.status == 202 && strings.TrimSpace(string(d.events[0].Body)) != goodBody {
					t.Errorf("stored %q", d.events[0].Body)
				}
				if c.status == 415 && resp.Header.Get("Accept-Encoding") != "gzip" {
					t.Errorf("headers: %v", resp.Header)
				}
			}
		})
	}
}

// raw sends bytes over a connection, all of them before it reads, and returns the answer.
func (d *door) raw(t *testing.T, parts ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			return "sending: " + err.Error()
		}
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "receiving: " + err.Error()
	}
	return string(answer)
}

// TestARefusalArrives sends bodies that are refused before they are read, by clients that read the answer only once
// they have sent everything.
func TestARefusalArrives(t *testing.T) {
	large := strings.Repeat("x", 3<<20)
	for name, c := range map[string]struct {
		path, secret, encoding string
		method                 string
		status                 int
	}{
		"too large":   {"/webhooks/qase", "new", "", "POST", 413},
		"no secret":   {"/webhooks/qase", "", "", "POST", 401},
		"an address":  {"/webhooks/far", "new", "", "POST", 403},
		"a source":    {"/webhooks/other", "new", "", "POST", 404},
		"a path":      {"/webhook", "new", "", "POST", 404},
		"a method":    {"/webhooks/qase", "new", "", "PUT", 405},
		"a probe":     {"/healthz", "new", "", "POST", 405},
		"an encoding": {"/webhooks/qase", "new", "br", "POST", 415},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nX-Qase-Secret: %s\r\nContent-Encoding: %s\r\n", c.method, c.path,
				c.secret, c.encoding)
			want := fmt.Sprintf("HTTP/1.1 %d ", c.status)
			for client, parts := range map[string][]string{
				"with a length":       {head, fmt.Sprintf("Content-Length: %d\r\n\r\n", len(large)), large},
				"with chunks":         {head, "Transfer-Encoding: chunked\r\n\r\n300000\r\n", large, "\r\n0\r\n\r\n"},
				"that does not wait":  {head, fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(large)), large},
				"that sends nothing":  {head, fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(large))},
				"with a small length": {head, "Content-Length: 100000\r\n\r\n", large[:100000], head + "Connection: close\r\n\r\n"},
			} {
				if strings.HasSuffix(client, "small length") && c.status == 413 {
					continue
				}
				if answer := d.raw(t, parts...); !strings.HasPrefix(answer, want) || !strings.Contains(answer, `{"error":"`) {
					t.Errorf("a client %s got %.300q, want %s", client, answer, want)
				}
			}
			for _, chunked := range []bool{false, true} {
				resp, answer := d.do(t, request{method: c.method, path: c.path, secret: c.secret, body: large,
					encoding: c.encoding, chunked: chunked})
				if resp.StatusCode != c.status {
					t.Errorf("net/http got %d %v", resp.StatusCode, answer)
				}
			}
			if len(d.events) > 0 {
				t.Error("an event was accepted")
			}
		})
	}
}

func TestCurlGetsThe413(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil && slices.Contains(strings.Split(os.Getenv("QASE_RELAY_TEST_REQUIRE"), ","), "curl") {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("curl is not installed")
	}
	d := open(t)
	for _, expect := range []string{"Expect:", "Expect: 100-continue"} {
		cmd := exec.CommandContext(t.Context(), curl, "-sS", "-H", "X-Qase-Secret: new", "-H", expect, "--data-binary", "@-",
			d.url+"/webhooks/qase")
		cmd.Stdin = strings.NewReader(strings.Repeat("x", 3<<20))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "the body is too large") {
			t.Errorf("%s: %v %s", expect, err, out)
		}
	}
}

func TestTheRestOfABodyIsNotReadForever(t *testing.T) {
	t.Parallel()
	d := open(t)
	answer := d.raw(t, "POST /webhooks/qase HTTP/1.1\r\nHost: x\r\nX-Qase-Secret: new\r\nContent-Length: 99999999\r\n\r\nx")
	if !strings.HasPrefix(answer, "HTTP/1.1 413 ") {
		t.Errorf("got %q", answer)
	}
}

func TestLargeBodiesWaitForMemory(t *testing.T) {
	goOn := make(chan struct{})
	var mu sync.Mutex
	working, most := 0, 0
	d := open(t, func(o *Options) {
		o.MaxBody, o.MaxBodies = 200<<10, 1000<<10
		o.Accept = func(_ context.Context, ev *event.Event) (string, bool, error) {
			if len(ev.Body) > smallBody {
				mu.Lock()
				working++
				most = max(most, working)
				mu.Unlock()
				<-goOn
				mu.Lock()
				working--
				mu.Unlock()
			}
			return "01f3k9q2m0g00", false, nil
		}
		o.Observe = nil
	})
	large := strings.Replace(goodBody, `"id":7`, `"id":7,"x":"`+strings.Repeat("x", 190<<10)+`"`, 1)
	var callers sync.WaitGroup
	for range 12 {
		callers.Go(func() {
			if resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: large}); resp.StatusCode != 202 {
				t.Errorf("got %d %v", resp.StatusCode, answer)
			}
		})
	}
	inWork := func() int { mu.Lock(); defer mu.Unlock(); return working }
	for deadline := time.Now().Add(30 * time.Second); inWork() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("too few events in work")
		}
	}
	if resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody}); resp.StatusCode != 202 {
		t.Errorf("an ordinary event beside them got %d %v", resp.StatusCode, answer)
	}
	close(goOn)
	callers.Wait()
	if most != 3 {
		t.Errorf("%d events were in work at once, want 3", most)
	}
}

func TestABodyWithoutMemoryIsRefusedInTime(t *testing.T) {
	t.Parallel()
	d := open(t, func(o *Options) { o.MaxBodies = 1 << 20 })
	d.handler.memory.small.TryAcquire(d.handler.memory.small.size)
	resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody})
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %v %v", resp.StatusCode, answer, resp.Header)
	}
	d.handler.memory.small.Release(d.handler.memory.small.size)
	if resp, answer = d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody}); resp.StatusCode != 202 {
		t.Errorf("with memory again: %d %v", resp.StatusCode, answer)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
