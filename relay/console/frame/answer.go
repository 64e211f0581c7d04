package frame

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// minZipped is the size below which compression saves nothing.
const minZipped = 1400

type writeOptions struct {
	status int  // zero means 200
	plain  bool // never compressed
}

// write writes a whole answer, compressed if the client reads that. No page holds a secret beside what a request
// reflects; the sign-in page is left plain nevertheless.
func write(w http.ResponseWriter, r *http.Request, body []byte, o writeOptions) {
	if len(body) >= minZipped && !o.plain {
		w.Header().Add("Vary", "Accept-Encoding")
		if zips(r) {
			w.Header().Set("Content-Encoding", "gzip")
			body = zipped(body, gzip.BestSpeed)
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if o.status == 0 {
		o.status = http.StatusOK
	}
	w.WriteHeader(o.status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

func zips(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		q, weighs := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		if n, err := strconv.ParseFloat(q, 64); name == "gzip" && (!weighs || err == nil && n > 0) {
			return true
		}
	}
	return false
}

func zipped(body []byte, level int) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, level) // the levels are constants
	_, _ = z.Write(body)                   // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// writeJSONError answers a program that asked for no page, as the API does.
func writeJSONError(w http.ResponseWriter, v *View) {
	text := v.Title
	if p, ok := v.Data.(*Problem); ok {
		text = p.Text
	}
	body, _ := json.Marshal(map[string]string{"error": text}) // strings can be encoded
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(v.Status)
	_, _ = w.Write(append(body, '\n'))
}
