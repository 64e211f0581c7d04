package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// fakeSlack is a Slack workspace: it keeps channels, threads and messages, and answers as Slack does.
type fakeSlack struct {
	t *testing.T

	mu       sync.Mutex
	calls    []string // "method channel" in their order
	users    map[string]string
	in       []string // channels that the app is in
	scopes   string
	script   map[string][]string // answers by method, taken before those of the workspace
	Messages []*fakeMessage
	before   func(method string) // is called first, outside of the lock
}

// fakeMessage is a message as it stands in a channel.
type fakeMessage struct {
	channel, ts, thread string
	broadcast           bool
	Form                url.Values
	edits               int
}

// title is the first line of the text: the title and who is mentioned.
func (m *fakeMessage) title() string {
	title, _, _ := strings.Cut(m.Form.Get("text"), "\n")
	return title
}

func newFakeSlack(t *testing.T) *fakeSlack {
	return &fakeSlack{t: t, users: map[string]string{"bob@bar.io": "U0BOB", "ana@bar.io": "U0ANA"},
		scopes: "chat:write",
		script: map[string][]string{}}
}

// Notifier makes a notifier for the workspace.
func (f *fakeSlack) Notifier(defaults string) notifiers.Notifier {
	f.t.Helper()
	config := &Config{Token: notifiers.NewSecret(testToken), APIURL: notifierstest.Server(f.t, f.serve) + "/api",
		Timeout: 10 * time.Second}
	n, err := newNotifier(config, json.RawMessage(defaults))
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fakeSlack) serve(w http.ResponseWriter, r *http.Request) {
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	if f.before != nil {
		f.before(method)
	}
	_ = r.ParseForm()
	if r.Form.Get("token") != testToken && r.Header.Get("Authorization") != "Bearer "+testToken {
		f.t.Errorf("%s without the token", method)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("X-OAuth-Scopes", f.scopes)
	w.Header().Set("Content-Type", "application/json")
	f.calls = append(f.calls, method)
	if next := f.script[method]; len(next) > 0 {
		f.script[method] = next[1:]
		if next[0] != "" {
			_, _ = fmt.Fprint(w, next[0])
			return
		}
	}
	_ = json.NewEncoder(w).Encode(f.answer(method, r.Form))
}

func (f *fakeSlack) answer(method string, form url.Values) map[string]any {
	if refused := refuses(form.Get("text"), form.Get("blocks"), form.Get("attachments")); refused != "" &&
		strings.HasPrefix(method, "chat.") {
		f.t.Errorf("Slack would answer %s", refused)
		return no(refused)
	}
	switch method {
	case "chat.postMessage":
		return f.post(form)
	case "chat.update":
		m := f.at(form.Get("channel"), form.Get("ts"))
		if m == nil {
			return no("message_not_found")
		}
		m.Form, m.edits = form, m.edits+1
		return map[string]any{"ok": true, "channel": m.channel, "ts": m.ts}
	case "users.lookupByEmail":
		if id := f.users[form.Get("email")]; id != "" {
			return map[string]any{"ok": true, "user": map[string]any{"id": id}}
		}
		return no("users_not_found")
	case "conversations.open":
		return map[string]any{"ok": true, "channel": map[string]any{"id": "G" +
			strings.ReplaceAll(form.Get("users"), ",", "")}}
	case "auth.test":
		return map[string]any{"ok": true, "user": "relay", "team": "Acme", "user_id": "U0RELAY"}
	case "users.conversations":
		var page []any
		for i, name := range f.in {
			page = append(page, map[string]any{"id": fmt.Sprint("C", i), "name": name})
		}
		return map[string]any{"ok": true, "channels": page}
	}
	f.t.Errorf("nobody should call %s", method)
	return no("unknown_method")
}

func no(code string) map[string]any { return map[string]any{"ok": false, "error": code} }

// says is an answer that is no success.
func says(code string) string { return fmt.Sprintf(`{"ok":false,"error":%q}`, code) }

func (f *fakeSlack) post(form url.Values) map[string]any {
	channel := form.Get("channel")
	switch {
	case strings.HasPrefix(channel, "#"):
		channel = "C" + strings.ToUpper(channel[1:])
	case strings.HasPrefix(channel, "U"):
		channel = "D" + channel
	}
	thread := form.Get("thread_ts")
	if root := f.at(channel, thread); thread != "" && (root == nil || root.thread != "") {
		return no("thread_not_found")
	}
	m := &fakeMessage{channel: channel, ts: strconv.Itoa(1000+len(f.Messages)) + ".5", thread: thread,
		broadcast: form.Get("reply_broadcast") == "true", Form: form}
	f.Messages = append(f.Messages, m)
	return map[string]any{"ok": true, "channel": channel, "ts": m.ts}
}

// at returns a message that is not deleted.
func (f *fakeSlack) at(channel, ts string) *fakeMessage {
	for _, m := range f.Messages {
		if m.channel == channel && m.ts == ts {
			return m
		}
	}
	return nil
}

// delete takes the newest message that is no reply out of its channel.
func (f *fakeSlack) delete() {
	for _, m := range slices.Backward(f.Messages) {
		if m.thread == "" {
			m.channel = "deleted"
			return
		}
	}
}

// transcript is what a person sees: each message with its channel, replies indented, and what was changed.
func (f *fakeSlack) transcript() string {
	var out strings.Builder
	for _, m := range f.Messages {
		if m.thread != "" {
			out.WriteString("  ")
		}
		fmt.Fprintf(&out, "%s %s", m.channel, strings.Trim(m.title(), "*"))
		if m.broadcast {
			out.WriteString(" (broadcast)")
		}
		if m.edits > 0 {
			fmt.Fprintf(&out, " (changed %d)", m.edits)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// testMemory is a kv whose time a test sets. It may be used from many goroutines.
type testMemory struct {
	mu     sync.Mutex
	now    time.Duration
	values map[string]testValue
	fails  error
}

type testValue struct {
	value []byte
	until time.Duration // 0 is never
}

func newTestMemory() *testMemory { return &testMemory{values: map[string]testValue{}} }

func (m *testMemory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key), m.fails
}

func (m *testMemory) get(key string) []byte {
	if v := m.values[key]; v.until == 0 || v.until > m.now {
		return v.value
	}
	return nil
}

func (m *testMemory) Swap(_ context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil || !bytes.Equal(m.get(key), old) {
		return false, m.fails
	}
	delete(m.values, key)
	if value != nil {
		v := testValue{value: value}
		if keep > 0 {
			v.until = m.now + keep
		}
		m.values[key] = v
	}
	return true, nil
}

// pass lets time go by.
func (m *testMemory) pass(d time.Duration) { m.mu.Lock(); m.now += d; m.mu.Unlock() }

// maxText is a message of one title with options and a kv.
func titled(kv notifiers.KV, title, options string) *notifiers.Message {
	return notifierstest.Message(func(m *notifiers.Message) {
		m.ID, m.Title, m.Sign, m.URL, m.Options, m.KV = "delivery "+title, title, "", "", json.RawMessage(options), kv
	})
}

// mustSend sends messages that have to arrive.
func mustSend(t *testing.T, n notifiers.Notifier, messages ...*notifiers.Message) {
	t.Helper()
	for _, m := range messages {
		if r, err := n.Send(t.Context(), m); err != nil {
			t.Fatalf("%s: %v (%+v)", m.Title, err, r)
		}
	}
}
