package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// interval is the time between two looks at a page.
	interval = time.Second
	// keepAlive is the longest time without a message. The reader's right to read is checked as often.
	keepAlive = 15 * time.Second
	// maxReaders bounds the streams of a relay.
	maxReaders = 200
	// retryAfter is how long a browser waits that gets no stream.
	retryAfter = "15"
)

// Hub keeps the streams of a relay. Readers of one page share its rendering. The zero value is ready for use, by many
// goroutines.
type Hub struct {
	// Stopping is closed when the relay stops; nil never is.
	Stopping <-chan struct{}

	mu      sync.Mutex
	readers int
	shared  map[string]*rendering
}

// rendering is a page that several readers look at.
type rendering struct {
	readers int

	mu   sync.Mutex
	at   time.Time
	page *Page
	err  error
}

// Stream is what one reader asks for.
type Stream struct {
	// Key is equal for readers who get the same page.
	Key string
	// Hash is that of the page that the browser shows.
	Hash string
	// Render makes the content of the page.
	Render func(ctx context.Context) (string, error)
	// Allowed reports whether the reader may still read it, and how many seconds that lasts; zero is without end.
	Allowed func() (left int, ok bool)
	// Trouble is what a reader sees of an error of Render.
	Trouble func(err error) string
}

// Serve sends what changes, until the reader leaves or the relay stops.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, s Stream) {
	shared, ok := h.join(s.Key)
	if !ok {
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "too many pages are open; this one is loaded again every 15 seconds", http.StatusServiceUnavailable)
		return
	}
	defer h.leave(s.Key)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx and others hand each message on at once
	out := &output{w: w, control: http.NewResponseController(w)}
	out.raw("retry: 2000\n\n")
	h.serve(r.Context(), out, shared, s)
}

// serve sends messages while the reader takes them.
func (h *Hub) serve(ctx context.Context, out *output, shared *rendering, s Stream) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var reader reader
	trouble := ""
	checked := time.Now()
	out.send("hello", struct{}{})
	for out.err == nil {
		page, err := shared.look(ctx, s.Render)
		switch {
		case err != nil:
			if text := s.Trouble(err); text != trouble {
				trouble = text
				out.send("trouble", textData{text})
			}
		case reader.page == nil:
			out.sendAll(reader.begin(page, s.Hash))
		default:
			out.sendAll(reader.follow(page))
		}
		if err == nil && trouble != "" {
			trouble = ""
			out.send("hello", struct{}{})
		}
		if time.Since(checked) >= keepAlive {
			checked = time.Now()
			left, ok := s.Allowed()
			if !ok {
				out.send("ended", struct{}{})
				return
			}
			out.send("alive", aliveData{left})
		}
		select {
		case <-ctx.Done():
			return
		case <-h.Stopping:
			return
		case <-tick.C:
		}
	}
}

// join counts a reader in. It reports false if there are too many.
func (h *Hub) join(key string) (*rendering, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers >= maxReaders {
		return nil, false
	}
	if h.shared == nil {
		h.shared = map[string]*rendering{}
	}
	if h.shared[key] == nil {
		h.shared[key] = &rendering{}
	}
	h.readers++
	h.shared[key].readers++
	return h.shared[key], true
}

func (h *Hub) leave(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers--
	if h.shared[key].readers--; h.shared[key].readers == 0 {
		delete(h.shared, key)
	}
}

// maxRendering bounds the time that a page takes.
const maxRendering = 10 * time.Second

// look returns the page as it is now, or was less than an interval ago.
func (v *rendering) look(ctx context.Context, render func(context.Context) (string, error)) (*Page, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.at) < interval*9/10 {
		return v.page, v.err
	}
	// The others want the page even if this reader leaves meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRendering)
	defer cancel()
	main, err := render(ctx)
	switch {
	case err != nil:
		v.page = nil
	case v.page == nil || main != v.page.main:
		v.page, err = Parse(main)
	}
	v.err, v.at = err, time.Now()
	return v.page, v.err
}

// output writes messages. After an error it writes nothing more.
type output struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (o *output) sendAll(all []message) {
	for _, m := range all {
		o.send(m.event, m.data)
	}
}

func (o *output) send(event string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		o.err = fmt.Errorf("encoding a message: %w", err)
		return
	}
	o.raw("event: " + event + "\ndata: " + string(text) + "\n\n")
}

// raw writes text with a deadline of its own: that of the server is for whole answers.
func (o *output) raw(text string) {
	if o.err != nil {
		return
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(keepAlive)) // not all writers have one
	if _, o.err = o.w.Write([]byte(text)); o.err == nil {
		o.err = o.control.Flush()
	}
}
