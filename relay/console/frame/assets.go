package frame

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"
)

// static has the assets. idiomorph.js is version 0.8.0 of idiomorph, unchanged, under the license beside it.
//
//go:embed static/*.css static/*.js static/*.svg
var static embed.FS

// asset is a file that pages load, under a name that changes with its content.
type asset struct {
	name       string // with the hash
	kind       string
	body, zips []byte
}

func (f *Frame) readAssets() error {
	f.assets, f.served = map[string]*asset{}, map[string]*asset{}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".svg": "image/svg+xml"}
	files, err := fs.ReadDir(static, "static")
	if err != nil {
		return err
	}
	for _, file := range files {
		body, err := static.ReadFile(path.Join("static", file.Name()))
		if err != nil {
			return err
		}
		if file.Name() != "idiomorph.js" {
			body = trimmed(body)
		}
		hash, ext := sha256.Sum256(body), path.Ext(file.Name())
		a := &asset{kind: kinds[ext], body: body, zips: zipped(body, gzip.BestCompression)}
		a.name = strings.TrimSuffix(file.Name(), ext) + "." + hex.EncodeToString(hash[:6]) + ext
		f.assets[file.Name()], f.served[a.name] = a, a
	}
	return nil
}

// trimmed returns our own styles and scripts without indents and without lines that are only a comment.
func trimmed(text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || bytes.HasPrefix(line, []byte("//")) ||
			bytes.HasPrefix(line, []byte("/*")) && bytes.HasSuffix(line, []byte("*/")) {
			continue
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// serveAsset answers with an asset, which browsers keep: a changed one has another name.
func (f *Frame) serveAsset(w http.ResponseWriter, r *http.Request) {
	a := f.served[mux.Vars(r)["name"]]
	if a == nil {
		f.notFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := a.body
	if zips(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.zips
	}
	_, _ = w.Write(body) // a client that is gone needs no answer
}
