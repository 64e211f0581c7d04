package access

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// newTokensDesk is a guard with a file of tokens, in a folder that is swapped by a symbolic link, as Kubernetes does.
func newTokensDesk(t *testing.T, text string) (d *desk, name string, log *bytes.Buffer) {
	t.Helper()
	name, log = filepath.Join(t.TempDir(), "tokens"), &bytes.Buffer{}
	writeTokens(t, name, text)
	tokens, err := ReadTokens(name, "")
	if err != nil {
		t.Fatal(err)
	}
	return newDesk(Options{Tokens: tokens, TokensFile: name, Logger: slog.New(slog.NewTextHandler(log, nil))}), name, log
}

func writeTokens(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lets reports whether a bearer token is let in.
func (d *desk) lets(token string) bool {
	_, err := d.Client(request("192.0.2.7:1", "Authorization", "Bearer "+token))
	return err == nil
}

// session signs in with a token, and returns a request with the cookie.
func (d *desk) session(t *testing.T, token string) *http.Request {
	t.Helper()
	_, c, err := d.SignIn(request("192.0.2.7:1"), token, "")
	if err != nil {
		t.Fatal(err)
	}
	r := request("192.0.2.7:1")
	r.AddCookie(c)
	return r
}

func TestTheFileOfTokensIsReadAgain(t *testing.T) {
	d, name, log := newTokensDesk(t, "ana operate aaaa\nben read bbbb\n")
	ana, ben := d.session(t, "aaaa"), d.session(t, "bbbb")
	for _, c := range []struct {
		what       string
		text       string // empty deletes the file
		changed    bool
		err        string
		in, notIn  string // tokens
		benSession bool
	}{
		{"the same", "ana operate aaaa\nben read bbbb\n", false, "", "aaaa", "cccc", true},
		{"one more", "ana operate aaaa\nben read bbbb\ncem read cccc\n", true, "", "cccc", "dddd", true},
		{"a wrong line", "ana operate aaaa\nben write s3cret\n", true, "line 2: want the role read or operate", "cccc", "s3cret", true},
		{"the same fault", "ana operate aaaa\nben write s3cret\n", false, "", "cccc", "s3cret", true},
		{"no file", "", true, "no such file", "cccc", "s3cret", true},
		{"one fewer", "ana operate aaaa\n", true, "", "aaaa", "bbbb", false},
		{"another of hers", "ana operate eeee\n", true, "", "eeee", "aaaa", false},
	} {
		t.Run(c.what, func(t *testing.T) { // each after the ones before
			_ = os.Remove(name)
			if c.text != "" {
				writeTokens(t, name, c.text)
			}
			changed, err := d.Reload()
			if changed != c.changed || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("changed: %v, %v", changed, err)
			}
			if !d.lets(c.in) || d.lets(c.notIn) {
				t.Errorf("%s is let in: %v, %s: %v", c.in, d.lets(c.in), c.notIn, d.lets(c.notIn))
			}
			if _, err := d.Person(ben); (err == nil) != c.benSession {
				t.Errorf("the session of ben: %v", err)
			}
		})
	}
	if _, err := d.Person(ana); !errors.Is(err, ErrUnknown) {
		t.Errorf("the session of a token that was replaced: %v", err)
	}
	if text := log.String(); !strings.Contains(text, "line 2: want the role") || strings.Contains(text, "s3cret") {
		t.Errorf("the log lacks the line, or shows a token: %s", text)
	}
}

func TestTheTokenOfTheRelayIsForNoPerson(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tokens")
	writeTokens(t, name, "ana operate s3cret\n")
	if _, err := ReadTokens(name, "s3cret"); err == nil || !strings.Contains(err.Error(), `"ana" has the token of --admin-token`) {
		t.Errorf("%v", err)
	}
	if _, err := ReadTokens(filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestAChangedFileIsNoticed replaces the file in two ways while it is watched.
func TestAChangedFileIsNoticed(t *testing.T) {
	d, name, _ := newTokensDesk(t, "ana operate aaaa\n")
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := d.Watch(ctx, func(error) {}); err != nil {
			t.Error(err)
		}
	})
	defer watching.Wait()
	defer stop()
	await := func(token string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !d.lets(token); time.Sleep(10 * time.Millisecond) {
			d.guessed = newGuessers()
			if time.Now().After(end) {
				t.Fatalf("%s is not let in", token)
			}
		}
	}
	writeTokens(t, name, "ana operate bbbb\n")
	await("bbbb")
	writeTokens(t, name+".new", "ana operate cccc\n")
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	await("cccc")
}

func TestOnlyItsOwnCookiesAreTakenAway(t *testing.T) {
	d := newDesk(Options{Tokens: []Token{{"ana", Operate, "aaaa"}}})
	r := d.session(t, "aaaa")
	before := d.cookieName()
	r.AddCookie(&http.Cookie{Name: "qr-ffffff", Value: strings.Repeat("A", 43)}) // of a relay on another port
	r.AddCookie(&http.Cookie{Name: "qr-zone", Value: "utc"})
	d.setTokens([]Token{{"ana", Operate, "aaaa"}, {"ben", Read, "bbbb"}})
	if _, err := d.Person(r); err != nil || d.cookieName() == before {
		t.Errorf("after a token was added: %v", err)
	}
	gone, err := d.SignOut(r)
	if err != nil || len(gone) != 1 || gone[0].Name != before || gone[0].MaxAge >= 0 {
		t.Errorf("signing out takes %v, %v", gone, err)
	}
	if _, err := d.Person(r); !errors.Is(err, ErrUnknown) {
		t.Errorf("after signing out: %v", err)
	}
}
