package ingest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

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
		return nil, c, busy()
	}
	if packed {
		body, refused = unpack(http.MaxBytesReader(w, r.Body, limit), limit)
	} else {
		body, refused = readPlain(w, r, limit)
	}
	if refused == nil && !h.memory.grow(r.Context(), &c, body) {
		refused = busy()
	}
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

func busy() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, kind: "memory",
		public: "too many large events are in work; try again"}
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
