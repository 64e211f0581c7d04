//go:build unix

package console_test

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/store/pgtest"
)

// another opens a further tab of the same person, with the same cookies.
func (b *tab) another() *tab {
	b.t.Helper()
	second := &tab{t: b.t, url: b.url}
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithListener(second.hear))
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	b.t.Cleanup(func() { cancel(); stop() })
	second.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	return second
}

const isLive = `document.getElementById("live").classList.contains("on")`

// TestTheStoreIsAwayForAWhile stops the database under a page: the rows stay, further pages say what is wrong, and all of
// them go on by themselves once it is back.
func TestTheStoreIsAwayForAWhile(t *testing.T) {
	database := pgtest.New(t, "fsync=off")
	g := start(t, rigOptions{Store: database.Schema(t, "away")})
	id := g.post(event("case.created", 1, `"title":"Pay by card"`))
	list := newTab(t, g.Admin)
	other := list.another()
	list.visit("/events")
	list.await(isLive)
	other.visit("/events")
	other.await(isLive)
	database.Stop(syscall.SIGINT)
	list.await(`document.getElementById("live").innerText.includes("could not read its store") &&
		document.getElementById("e-` + id + `")`)
	eval[any](other, `document.querySelector("tr[data-row] a[data-open]").click()`) // a page in place
	other.await(`document.querySelector("h1")?.textContent === "The store does not answer" && document.querySelector("#nav a") &&
		!document.querySelector("main form")`)
	if err := database.Start(); err != nil {
		t.Fatal(err)
	}
	list.await(isLive)
	other.await(`document.querySelector("h1")?.textContent.includes("case.created")`)
	second := g.post(event("case.created", 2, `"title":"Pay later"`))
	list.await(`document.getElementById("e-` + second + `")`)
	g.storeClosed = true // it may say that it was
}

// fillSilence fills the form of a silence in.
func (b *tab) fillSilence() {
	b.t.Helper()
	b.visit("/silences/new")
	b.typeIn("[name=matchers]", "rule=quiet")
	b.typeIn("[name=for]", "2h")
	b.typeIn("[name=comment]", "for the release")
}

const formIsFilled = `document.querySelector("[name=matchers]").value === "rule=quiet" && document.querySelector("[name=comment]").value === "for the release"`

// TestAFormOutlivesItsSession ends the session under a filled form: a dialog asks for the token, and the form is sent.
func TestAFormOutlivesItsSession(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	b := newTab(t, g.Admin)
	b.signInTab("/status", "t0ken")
	b.fillSilence()
	other := b.another()
	other.visit("/status")
	other.click(".who button") // signs out
	other.await(`document.querySelector("input[name=token]")`)
	b.click(`.actions button[value=add]`)
	b.await(`document.querySelector("dialog[open] input[type=password]")`)
	b.typeIn("dialog input", "guess")
	b.click("dialog form button.main")
	b.await(`document.getElementById("toast").textContent === "This token is wrong." && document.querySelector("dialog[open]")`)
	if !eval[bool](b, formIsFilled) {
		t.Error("the form lost what was filled in")
	}
	eval[any](b, `document.querySelector("dialog input").value = ""`)
	b.typeIn("dialog input", "t0ken")
	b.click("dialog form button.main")
	b.await(`!document.querySelector("dialog") && location.pathname === "/silences" && document.body.innerText.includes("for the release")`)
	g.await("/api/v1/audit?verb=silence-add", `"who":"Ana"`, "Authorization", "Bearer t0ken")
}

// TestTwoTabsAgree acts in one tab and looks at the other.
func TestTwoTabsAgree(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	id := g.post(event("run.aborted", 8, `"title":"Smoke"`))
	g.await("/api/v1/events/"+id, `"state":"dead"`, "Authorization", "Bearer t0ken")
	one := newTab(t, g.Admin)
	one.signInTab("/deliveries", "t0ken")
	two := one.another()
	two.visit("/events/" + id)
	for _, b := range []*tab{one, two} {
		b.await(isLive)
	}
	two.click("section[id^=d-] .danger") // Cancel
	two.await(`document.querySelector("section[id^=d-]").innerText.includes("cancelled")`)
	one.await(`document.querySelector("tr[data-row]").innerText.includes("cancelled")`)
	// What was dead is cancelled already: a second tab that did not see it is told, and nothing else happens.
	delivery := eval[string](one, `document.querySelector("tr[data-row]").id.slice(2)`)
	status := eval[int](one, `fetch("deliveries/`+delivery+`/cancel", {method: "POST", headers: {Accept: "text/html"}}).then((r) => r.status)`)
	if status != 409 {
		t.Errorf("cancelling once more: %d", status)
	}
	one.heard() // the browser reports the 409
	one.click(".who button")
	one.await(`document.querySelector("input[name=token]")`)
	two.await(`document.getElementById("live").innerText.includes("signed out") || document.querySelector("input[name=token]")`)
	eval[any](two, `document.querySelector(".crumb a")?.click()`)
	two.await(`document.querySelector("input[name=token]")`)
}

// TestButtonsSendTheirOwnForm clicks buttons whose forms lead to another address than that of their page.
func TestButtonsSendTheirOwnForm(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	dead := g.first("/api/v1/deliveries?state=dead&rule=aborted-run")
	b := newTab(t, g.Admin)
	for _, step := range []struct{ path, button, then string }{
		{"/deliveries/" + dead, `form[action$="/retry"] button`, `document.querySelectorAll(".attempts li").length === 2`},
		{"/events/" + ids["aborted"], `section[id^=d-] form[action$="/retry"] button`, `document.querySelectorAll(".steps .icon.bad").length === 3`},
		{"/notifiers/ops", `form[action$="/pause"] button`, `document.querySelector("#state").innerText.includes("paused")`},
		{"/notifiers/ops", `form[action$="/resume"] button`, `document.querySelector("#did").innerText.includes("resume")`},
		{"/events/" + ids["started"] + "/replay", `.ask button.main`, `document.querySelector(".steps .icon.again")`},
	} {
		b.visit(step.path)
		b.click(step.button)
		b.await(step.then)
		b.check(step.path)
	}
}

// TestTheRelayRestartsUnderAForm stops the relay while a form is filled in, and starts it again on the same store.
func TestTheRelayRestartsUnderAForm(t *testing.T) {
	o := rigOptions{Access: access.Options{Token: "t0ken"}, Store: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")}
	first := start(t, o)
	b := newTab(t, first.Admin)
	b.signInTab("/status", "t0ken")
	b.fillSilence()
	at, err := url.Parse(first.Admin)
	if err != nil {
		t.Fatal(err)
	}
	first.stop()
	b.click(`.actions button[value=add]`)
	b.await(`document.getElementById("toast").textContent.startsWith("The relay does not answer")`)
	if !eval[bool](b, formIsFilled) {
		t.Error("the form lost what was filled in")
	}
	o.Listen = at.Host
	second := start(t, o)
	b.click(`.actions button[value=add]`)
	b.await(`location.pathname === "/silences" && document.body.innerText.includes("for the release")`)
	_, text := second.get("/api/v1/silences", "Authorization", "Bearer t0ken")
	if strings.Count(text, `"for the release"`) != 1 {
		t.Errorf("the silences are %s", text)
	}
}
