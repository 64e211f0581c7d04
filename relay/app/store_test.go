package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenUnderstandsURLs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, want := range map[string]string{
		"sqlite:a/relay.db":                  "a/relay.db",
		"sqlite://b/relay.db":                "b/relay.db",
		"sqlite://" + dir + "/c d%/relay.db": "c d%/relay.db",
		"sqlite:" + dir + "/e/relay.db":      "e/relay.db",
	} {
		s, err := OpenStore(t.Context(), url, nil)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, want := range map[string]string{
		"mysql://user:secret@host/db": "supported is sqlite:FILE",
		"data/relay.db":               "supported is sqlite:FILE",
		"sqlite:":                     "want sqlite:FILE",
		"sqlite:a.db?key=secret":      "want sqlite:FILE",
		"sqlite:a.db#secret":          "want sqlite:FILE",
		"postgres:/u:secret@h":        "want postgres://",
		"postgres:u:secret@h/db":      "want postgres://",
		"postgres:password=secret":    "store postgres:…",
		"postgres://u:sec/secret@h/d": "want postgres://",
		"postgresql://u:x?secret@h/d": "",
		"postgres://u:x#secret@h/d":   "",
		"postgres://u:%secret@h/d":    "want postgres://",
		"Postgres://u:secret@h/d":     "supported is sqlite:FILE",
		"host=h password=secret":      "supported is sqlite:FILE",
		"u:secret@h/db":               "supported is sqlite:FILE",
		"//u:secret@h/db":             "supported is sqlite:FILE",
		"secret@h":                    "supported is sqlite:FILE",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := OpenStore(ctx, url, nil)
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want ...%s...", url, err, want)
		}
	}
}
