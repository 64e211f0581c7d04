package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// TestTheListIsLive posts events while a browser shows the list.
func TestTheListIsLive(t *testing.T) {
	g := start(t, rigOptions{})
	first := g.post(event("case.created", 1, `"title":"One"`))
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.await(`document.getElementById("live").classList.contains("on")`)
	b.await(fmt.Sprintf(`(document.querySelector("#e-%s a[data-open]").focus(), true)`, first))
	second := g.post(event("case.created", 2, `"title":"Two"`))
	b.await(fmt.Sprintf(`document.getElementById("e-%s")`, second))
	if got := eval[string](b, `document.querySelector("tr[data-row]").id`); got != "e-"+second {
		t.Errorf("the first row is %s, want the newest event", got)
	}
	if !eval[bool](b, fmt.Sprintf(`document.getElementById("e-%s").contains(document.activeElement)`, first)) {
		t.Error("the row that had the focus lost it")
	}
	for i := range 30 {
		g.post(event("case.created", 10+i, `"title":"Many"`))
	}
	b.await(`document.querySelector("#live .newer:not([hidden])") || document.querySelectorAll("tr[data-row]").length > 30`)
	b.await(`(document.querySelector("#live .newer:not([hidden])")?.click(), document.querySelectorAll("tr[data-row]").length == 32)`)
	b.check("live")
}

// TestAFilterThatIsBeingFilledInStays changes the whole page below a filter that was not sent yet.
func TestAFilterThatIsBeingFilledInStays(t *testing.T) {
	g := start(t, rigOptions{})
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.await(`document.getElementById("live").classList.contains("on")`)
	eval[any](b, `document.querySelector("#filters [name=state]").value = "dead"`)
	eval[any](b, `document.querySelector("#filters [name=project]").value = "WEB"`)
	id := g.post(event("case.created", 1, `"title":"One"`))
	b.await(fmt.Sprintf(`document.getElementById("e-%s")`, id))
	if got := eval[string](b, `["state", "project"].map((n) => document.querySelector("#filters [name=" + n + "]").value).join()`); got != "dead,WEB" {
		t.Errorf("the filter is %s", got)
	}
}

// TestThePauseIsRemembered pauses the list, which then shows nothing new until it is resumed.
func TestThePauseIsRemembered(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("case.created", 1, `"title":"One"`))
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.await(`document.getElementById("live").classList.contains("on")`)
	b.press(".")
	b.await(`document.getElementById("live").innerText.includes("paused")`)
	b.visit("/status")
	b.visit("/events")
	b.await(`document.getElementById("live").innerText.includes("paused")`)
	second := g.post(event("case.created", 2, `"title":"Two"`))
	b.press(".")
	b.await(fmt.Sprintf(`document.getElementById("e-%s")`, second))
}

// TestAProxyThatBuffersIsNoticed puts a proxy before the relay that hands nothing on before an answer ends.
func TestAProxyThatBuffersIsNoticed(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("case.created", 1, `"title":"One"`))
	target, err := url.Parse(g.Admin)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("live") == "1" {
			<-r.Context().Done() // it waits for the end of the answer
			return
		}
		r.Host = target.Host
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	b := newTab(t, proxy.URL)
	b.visit("/events")
	b.await(`document.getElementById("live").innerText.includes("loaded again every 15 s")`)
	second := g.post(event("case.created", 2, `"title":"Two"`))
	b.await(fmt.Sprintf(`document.getElementById("e-%s")`, second))
}

// TestAStreamEndsWithTheRelay checks that an open page does not keep the relay from stopping, and that a stream names
// the time after which a browser comes back.
func TestAStreamEndsWithTheRelay(t *testing.T) {
	g := start(t, rigOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Admin+"/events?live=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" || resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("headers: %v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if lines.Text() == "event: main" {
			break
		}
	}
	if len(all) == 0 || all[0] != "retry: 2000" {
		t.Errorf("the stream began with %q", all)
	}
	g.stop()
	for lines.Scan() {
		continue
	}
	if ctx.Err() != nil {
		t.Error("the stream did not end with the relay")
	}
}

// TestAnEventIsLive cancels a message while a browser shows its event and its own page, with details open.
func TestAnEventIsLive(t *testing.T) {
	g := start(t, rigOptions{})
	for i, page := range []struct{ path, card, opened string }{
		{"/events/EVENT", "#d-MAIL", "#rules details"}, {"/deliveries/MAIL", ".head", "main details"},
	} {
		id := g.post(event("defect.created", i, `"title":"Login fails","severity":"major"`))
		g.await("/api/v1/events/"+id, `"state":"dead"`)
		mail := g.first("/api/v1/deliveries?notifier=mail")
		ids := strings.NewReplacer("EVENT", id, "MAIL", mail)
		state := func(text string) string {
			return fmt.Sprintf(`document.querySelector(%q).innerText.includes(%q)`, ids.Replace(page.card), text)
		}
		b := newTab(t, g.Admin)
		b.visit(ids.Replace(page.path))
		b.await(`document.getElementById("live").classList.contains("on")`)
		b.await(fmt.Sprintf(`(document.querySelector(%q).open = true, window.same = true)`, page.opened))
		b.await(state("waiting") + " || " + state("is being sent"))
		if status, _, text := g.send("/deliveries/"+mail+"/cancel", nil); status != http.StatusSeeOther {
			t.Fatalf("cancelling: %d %s", status, text)
		}
		b.await(state("cancelled"))
		if !eval[bool](b, fmt.Sprintf(`window.same && document.querySelector(%q).open`, page.opened)) {
			t.Errorf("%s: what was open is closed, or the page was loaded again", page.path)
		}
		b.check(page.path)
	}
}

// TestAnEventNamesItsSubject looks for what an event is about in its header, its title and the API.
func TestAnEventNamesItsSubject(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("run.started", 7, `"title":"Nightly regression","cases":14`))
	id := g.post(event("run.completed", 7, `"cases":14,"passed":11,"failed":3`))
	const subject = "Nightly regression · 3 failed of 14"
	_, text := g.page("GET", "/events/"+id, nil)
	for _, want := range []string{`<span class="subject" dir="auto">` + subject + `</span></h1>`,
		"<title>run.completed WEB " + subject + " · qase-relay</title>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s: %s", want, text)
		}
	}
	if _, text := g.get("/api/v1/events/" + id); !strings.Contains(text, `"subject":"`+subject+`"`) ||
		!strings.Contains(text, `"outcome":"matched"`) {
		t.Errorf("the API: %s", text)
	}
}
