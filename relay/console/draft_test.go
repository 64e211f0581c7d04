package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/trial"
)

// write puts a text into the draft as a person who pastes it does.
func (b *tab) write(draft string) {
	b.t.Helper()
	eval[any](b, `((t) => { t.focus(); t.value = `+strconv.Quote(draft)+`; t.dispatchEvent(new Event("input", {bubbles: true})); return 1 })(document.querySelector("#draft"))`)
}

// TestTheResultFollowsTheDraft types a draft: the result changes by itself, problems stand at their lines in the words of
// check, what is typed stays, also behind a reload, and a backtest of it runs in the page.
func TestTheResultFollowsTheDraft(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.press("g")
	b.press("t")
	b.await(`document.querySelectorAll("#gutter span").length === 1`) // the script is loaded with the page
	b.visit("/try?rule=failed-run&event=" + ids["completed"])
	b.await(`document.querySelectorAll("#gutter span").length === document.querySelector("#draft").value.split("\n").length`)
	const draft = "- name: failed-run\n  when: event_name == \"run.completed\"\n  title: Café\n  notify: [qa-slak]"
	b.write(draft)
	b.await(`document.querySelector("#gutter .error")?.textContent.trim() === "4" && document.querySelector("#result mark")`)
	resp, err := http.Post(g.Admin+"/api/v1/check", "application/json", strings.NewReader(`{"rule": `+strconv.Quote(draft)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var check trial.Check
	if err := json.NewDecoder(resp.Body).Decode(&check); err != nil || len(check.Problems) == 0 {
		t.Fatal(err, check)
	}
	shown := eval[string](b, `document.querySelector("#result").innerText`)
	for _, p := range check.Problems {
		if !strings.Contains(shown, p.Place()+" "+p.Message) || !strings.Contains(shown, p.Hint) {
			t.Errorf("the page lacks %v: %s", p, shown)
		}
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#draft"), " # goes on"))
	b.await(`document.querySelector("#result").innerText.includes("the draft has errors")`)
	b.write(strings.Replace(draft, "qa-slak", "qa-slack", 1))
	b.await(`document.querySelector("#result").innerText.includes("By the draft, 1 message would be sent") && !document.querySelector("#gutter .error")`)
	if !eval[bool](b, `document.activeElement.id === "draft" && document.querySelector("#draft").value.endsWith("notify: [qa-slack]")`) {
		t.Error("the editor has changed by itself")
	}
	b.check("a draft that is typed")
	b.do(chromedp.Reload())
	b.await(`document.querySelector("#draft").value.endsWith("notify: [qa-slack]") && document.querySelector("#kept").checkVisibility()`)
	b.await(`document.querySelector("#result").innerText.includes("By the draft, 1 message would be sent")`)
	b.click(`button[data-backtest]`)
	b.await(`document.querySelector("#backtest h2")?.textContent.startsWith("Done: 6 events")`)
	if at := eval[string](b, "location.href"); strings.Contains(at, "Caf") || !strings.Contains(at, "/try?rule=failed-run") {
		t.Errorf("the address is %s", at)
	}
	b.axe("a backtest in the page")
	b.shot("try-backtest")
	b.click(`button[value=load]`)
	b.await(`!document.querySelector("#draft").value.includes("Caf") && document.querySelector("#draft").value.includes("level: error")`)
	if at, want := eval[string](b, "location.search"), "?event="+ids["completed"]+"&rule=failed-run"; at != want {
		t.Errorf("the address has the query %s, want %s", at, want)
	}
	if eval[bool](b, `document.querySelector("#backtest").checkVisibility()`) {
		t.Error("there is a card of no backtest")
	}
	b.shot("try-loaded")
	b.visit("/try?rule=failed-run")
	b.await(`document.querySelector("#draft").value.includes("level: error") && !document.querySelector("#kept").checkVisibility()`)
	b.check("a draft that was discarded")
}

// TestABacktestInThePageIsStopped starts one that would not end: its progress is shown, in the page and on a page of its
// own, and it is stopped, with a script and without.
func TestABacktestInThePageIsStopped(t *testing.T) {
	g := start(t, rigOptions{WorkOnHistory: func(ctx context.Context, _ trial.Input, events trial.History, progress func(int)) (trial.Past, error) {
		for range events { //nolint:revive // it reads them all
		}
		progress(500)
		<-ctx.Done()
		return trial.Past{}, ctx.Err()
	}})
	g.story()
	b := newTab(t, g.Admin)
	for _, script := range []bool{true, false} {
		if !script {
			b.noScript()
		}
		b.do(chromedp.Navigate(b.url + "/try?rule=failed-run"))
		if script {
			b.await(`document.querySelector("#gutter span")`)
		}
		b.click(`button[data-backtest]`)
		b.await(`document.querySelector("#backtest h2")?.textContent.startsWith("Running: 500 events") || !` + strconv.FormatBool(script) + ` && document.querySelector("#backtest button")`)
		if at := eval[string](b, "location.pathname"); at != "/try" && script || !strings.HasPrefix(at, "/backtests/") && !script {
			t.Errorf("with script %v it is at %s", script, at)
		}
		b.click(`#backtest button`)
		b.await(`document.querySelector("#backtest h2").textContent.startsWith("Stopped")`)
		b.check("a backtest that was stopped")
	}
}

// TestTheResultFollowsTheEventOfAReader changes the event as a person does who may not draft.
func TestTheResultFollowsTheEventOfAReader(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Tokens: []access.Token{{Name: "ben", Role: access.Read, Secret: "bbbb"}}}})
	b := newTab(t, g.Admin)
	b.do(chromedp.Navigate(b.url + "/try?event=case.created"))
	b.typeIn("input[name=token]", "bbbb")
	b.click("button.main")
	b.await(`document.querySelector("#result").innerText.includes("nothing would be sent")`)
	b.heard() // of the status 401
	eval[any](b, `((f) => { f.value = ""; return 1 })(document.querySelector("input[name=event]"))`)
	b.typeIn("input[name=event]", "run.aborted")
	b.await(`document.querySelector("#result").innerText.includes("1 message would be sent")`)
	b.check("a reader")
}

// TestADraftThatNeverEndsIsStopped types templates without an end and of endless size: the page answers, and the relay
// stays ready.
func TestADraftThatNeverEndsIsStopped(t *testing.T) {
	g := start(t, rigOptions{})
	b := newTab(t, g.Admin)
	b.visit("/try?rule=failed-run&event=run.completed")
	b.await(`document.querySelector("#gutter span")`)
	loop := `{{ range $a := 1000000000 }}{{ range $b := 1000000000 }}{{ end }}{{ end }}`
	huge := `{{ $x := "0123456789" }}` + strings.Repeat(`{{ $x = print $x $x $x $x $x $x $x $x $x $x }}`, 12) + `{{ $x }}`
	for name, template := range map[string]string{"endless": loop, "huge": huge} {
		began := time.Now()
		b.write("- name: failed-run\n  when: event_name == \"run.completed\"\n  title: '" + template + "'\n  notify: [ops] # " + name)
		b.await(`document.querySelector("#result").getAttribute("aria-busy")`)
		if status, text := g.get("/readyz"); status != 200 {
			t.Errorf("%s: while it runs the relay is not ready: %s", name, text)
		}
		b.await(`!document.querySelector("#result").getAttribute("aria-busy")`)
		t.Logf("%s: answered after %v: %.300s", name, time.Since(began), eval[string](b, `document.querySelector("#result").innerText`))
		if text := eval[string](b, `document.querySelector("#result").innerText`); strings.TrimSpace(text) == "" {
			t.Errorf("%s: nothing is said", name)
		}
		if status, text := g.get("/readyz"); status != 200 {
			t.Errorf("%s: the relay is not ready: %s", name, text)
		}
		b.check(name)
	}
}
