package ingest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallBody is the size up to which bodies take from a share of their own, so that large ones do not hold them up.
	smallBody = 64 << 10
	// memoryWait is how long a body waits for memory.
	memoryWait = 5 * time.Second
)

// memory bounds the bytes of bodies that are in work: read, and not answered yet. An event takes many times the memory
// of its body while it is decided.
type memory struct{ small, large share }

// share is a part of the memory.
type share struct {
	*semaphore.Weighted
	size int64
}

// newMemory returns a memory of so many bytes, a quarter of them for small bodies.
func newMemory(size int64) *memory {
	newShare := func(size int64) share { return share{semaphore.NewWeighted(size), size} }
	return &memory{newShare(max(1, size/4)), newShare(max(1, size-size/4))}
}

// claim is the part of a share that one body has. The zero value is nothing.
type claim struct {
	of   share
	size int64
}

// take waits for memory for a body of at most so many bytes. It reports false if there is none in time. A body that is
// larger than the whole share takes all of it.
func (m *memory) take(ctx context.Context, size int64) (claim, bool) {
	of := m.large
	if size <= smallBody {
		of = m.small
	}
	c := claim{of, min(size, of.size)}
	if of.TryAcquire(c.size) {
		return c, true
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	if of.Acquire(ctx, c.size) != nil {
		return claim{}, false
	}
	return c, true
}

// shrink gives back what a body did not need.
func (c *claim) shrink(size int64) {
	if size < c.size {
		c.of.Release(c.size - size)
		c.size = size
	}
}

func (c *claim) release() {
	if c.size > 0 {
		c.of.Release(c.size)
	}
}

// readBody reads all of the body, unpacked, once there is memory for it. The caller releases the claim when the event
// is stored.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (body []byte, c claim, refused *refusal) {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ", ")))
	packed := encoding == "gzip" || encoding == "x-gzip"
	if !packed && encoding != "" && encoding != "identity" {
		return nil, c, &refusal{status: http.StatusUnsupportedMediaType, kind: "encoding",
			public: fmt.Sprintf("the Content-Encoding %.50q is not supported; send gzip or none", encoding)}
	}
	size, limit := r.ContentLength, h.o.MaxBody
	if size > limit {
		return nil, c, tooLarge()
	}
	if size < 0 {
		size = limit
	}
	if packed {
		size += limit
	}
	c, ok := h.memory.take(r.Context(), size)
	if !ok {
		return nil, c, &refusal{status: http.StatusServiceUnavailable, kind: "memory",
			public: "too many large events are in work; try again"}
	}
	if packed {
		body, refused = unpack(http.MaxBytesReader(w, r.Body, limit), limit)
	} else {
		body, refused = readPlain(w, r, limit)
	}
	c.shrink(int64(len(body)))
	return body, c, refused
}

func readPlain(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, refused *refusal) {
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return body, nil
}

// unpack reads a gzip stream that has at most limit bytes when it is unpacked.
func unpack(packed io.Reader, limit int64) ([]byte, *refusal) {
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return nil, unreadable(err)
	}
	var body bytes.Buffer
	switch n, err := body.ReadFrom(io.LimitReader(unpacked, limit+1)); {
	case n > limit:
		return nil, tooLarge()
	case err != nil:
		return nil, unreadable(err)
	}
	return body.Bytes(), nil
}

func tooLarge() *refusal {
	return &refusal{status: http.StatusRequestEntityTooLarge, kind: "size", public: "the body is too large"}
}

// unreadable returns why a body could not be read.
func unreadable(err error) *refusal {
	var over *http.MaxBytesError
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &over):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{status: http.StatusRequestTimeout, kind: "slow body", public: "the body took too long"}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return &refusal{status: http.StatusBadRequest, kind: "body",
			public: "the body is not valid gzip, as its Content-Encoding says"}
	}
	return &refusal{status: http.StatusBadRequest, kind: "body", public: "the body ended too early",
		private: err.Error()}
}
