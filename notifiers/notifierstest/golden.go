package notifierstest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"qaserelay/notifiers"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares got with the file testdata/name, or writes it with -update.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run the test with -update and look at git diff):\n%s", path, got)
	}
}

// previewer is a notifier that returns what it would send.
type previewer interface {
	Preview(m *notifiers.Message) ([]byte, error)
}

// preview returns what a sample notifier would send.
func (s Suite) preview(m *notifiers.Message) ([]byte, error) {
	n, err := s.Kind.New(s.Kind.Sample(), json.RawMessage(s.Options))
	if err != nil {
		return nil, err
	}
	return n.(previewer).Preview(m)
}

// messages compares each message that would be sent with its golden file.
func (s Suite) messages(t *testing.T) {
	for name, m := range Messages() {
		if s.Kind.Type == "email" && name == "mentions" {
			continue // it has no recipient
		}
		t.Run(name, func(t *testing.T) {
			got, err := s.preview(m)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := s.preview(m); err != nil || !bytes.Equal(got, again) {
				t.Errorf("a second rendering differs (%v)", err)
			}
			Golden(t, "messages/"+name+suffix(got), got)
		})
	}
}

func suffix(sent []byte) string {
	if json.Valid(sent) {
		return ".json"
	}
	return ".eml"
}

// configuration checks what New refuses, and that the kind is complete.
func (s Suite) configuration(t *testing.T) {
	for name, f := range s.Faults {
		t.Run(name, func(t *testing.T) {
			_, err := s.Kind.New(f.Config, json.RawMessage(f.Options))
			WantKey(t, err, f.Key)
		})
	}
	k := s.Kind
	if k.Summary == "" || k.Concurrency < 1 || k.New == nil || k.Options == nil || k.Config() == k.Config() ||
		k.Sample() == k.Sample() {
		t.Errorf("%+v", k)
	}
	options := reflect.TypeOf(k.Options)
	for i := range options.NumField() {
		key, _, _ := strings.Cut(options.Field(i).Tag.Get("json"), ",")
		if _, err := k.New(k.Sample(), []byte(`{"`+key+`": 3}`)); err == nil {
			t.Errorf("%s accepts %s of the wrong type", k.Type, key)
		}
	}
}
