package console_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/admin/access"
)

// shifted is a clock that a test moves on.
type shifted struct{ by atomic.Int64 }

func (s *shifted) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// signInTab signs in by the form, and opens a page.
func (b *tab) signInTab(path, token string) {
	b.t.Helper()
	b.visit("/login")
	if eval[bool](b, `Boolean(document.querySelector("input[name=name]"))`) {
		b.typeIn("input[name=name]", "Ana")
	}
	b.typeIn("input[name=token]", token)
	b.click("button.main")
	b.await(`!document.querySelector("input[name=token]") && document.readyState === "complete"`)
	b.visit(path)
}

// TestTheEndOfASessionIsAnnounced lets a session come near its end: it goes on when a person confirms it, a filled form stays,
// and one that is as old as it may get needs the token again.
func TestTheEndOfASessionIsAnnounced(t *testing.T) {
	var clock shifted
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken", Now: clock.now}})
	b := newTab(t, g.Admin)
	b.signInTab("/silences/new", "t0ken")
	if got := eval[string](b, `document.getElementById("left").innerText`); !strings.HasPrefix(got, "signed in until ") {
		t.Errorf("the page says %q", got)
	}
	const later = `(() => { const real = Date.now.bind(Date), from = real(); Date.now = () => real() + %s; })()`
	b.typeIn("[name=comment]", "for the release")
	eval[any](b, strings.Replace(later, "%s", "(43200 - 110) * 1000", 1))
	b.await(`document.querySelector("dialog[open] h2")?.textContent.startsWith("You are signed out at ")`)
	b.axe("the warning of the end of a session")
	b.click("dialog button.main")
	b.await(`!document.querySelector("dialog")`)
	eval[any](b, strings.Replace(later, "%s", "43000 * 1000", 1)) // 12 hours from the new use are not over yet
	if got := eval[string](b, `document.querySelector("[name=comment]").value`); got != "for the release" {
		t.Errorf("the form has %q", got)
	}
	// A session that is used ends after seven days.
	for range 27 {
		clock.by.Add(int64(6 * time.Hour))
		b.visit("/silences/new")
	}
	clock.by.Add(int64(6*time.Hour - 100*time.Second))
	b.visit("/silences/new")
	b.typeIn("[name=comment]", "for the release")
	b.await(`document.querySelector("dialog[open] h2")`)
	b.click("dialog button.main")
	b.await(`document.querySelector("dialog[open] input[type=password]")`)
	b.typeIn("dialog input", "t0ken")
	b.click("dialog form button.main")
	b.await(`!document.querySelector("dialog")`)
	if got := eval[string](b, `document.querySelector("[name=comment]").value`); got != "for the release" {
		t.Errorf("after signing in again the form has %q", got)
	}
	clock.by.Add(int64(time.Hour)) // beyond the end of the first session
	b.visit("/status")
	if got := eval[string](b, `document.querySelector(".who span").textContent`); got != "Ana" {
		t.Errorf("signed in as %q", got)
	}
	b.check("after all")
}

// TestASessionSaysWhenItEndsWithoutScript looks at the line, which those without a session do not see.
func TestASessionSaysWhenItEndsWithoutScript(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	const line = `<span id="left" data-left="4`
	if _, text := g.page("GET", "/status", nil, "Cookie", g.signIn("t0ken")); !strings.Contains(text, line) ||
		!strings.Contains(text, "signed in until <time datetime=") {
		t.Errorf("with a session: %s", text)
	}
	if _, text := g.page("GET", "/status", nil, "Authorization", "Bearer t0ken"); strings.Contains(text, `id="left"`) {
		t.Errorf("with a bearer token: %s", text)
	}
}

// TestRowsAreTickedByKeys ticks one row and all by keys, also while the page changes.
func TestRowsAreTickedByKeys(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	b := newTab(t, g.Admin)
	b.visit("/dead")
	const ticked = `document.querySelectorAll("tr[data-row] .tick input:checked").length`
	for _, step := range []struct{ keys, then string }{
		{"j", `document.activeElement.closest("tr[data-row]")`}, {" ", ticked + " === 1"}, {" ", ticked + " === 0"},
		{"a", ticked + ` === document.querySelectorAll("tr[data-row]").length && ` + ticked + " > 1"},
		{"j", "true"}, {" ", ticked + ` === document.querySelectorAll("tr[data-row]").length - 1`},
		{"?", `document.querySelector("dialog[open] dl").innerText.includes("Space")`}, {"\x1b", `!document.querySelector("dialog")`},
	} {
		b.press(step.keys)
		b.await(step.then)
	}
	rows := eval[int](b, ticked)
	id := g.post(event("run.aborted", 80, `"title":"One more"`))
	g.await("/api/v1/events/"+id, `"state":"dead"`)
	b.await(`document.querySelector("tr[data-row]").innerText.includes("One more")`)
	if got := eval[int](b, ticked); got != rows {
		t.Errorf("%d rows are ticked after one was added, want %d", got, rows)
	}
	b.check("ticks")
}
