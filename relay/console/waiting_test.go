package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestWhatWaitsIsSentOrDropped(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("shared_step.created", 1, `"title":"Log <i>in</i>"`))
	g.post(event("shared_step.created", 2, `"title":"Log out"`))
	_, list := g.get("/waiting", "Accept", "text/html")
	found := regexp.MustCompile(`id="w-([0-9a-z-]+)"`).FindStringSubmatch(list)
	if found == nil || !strings.Contains(list, "digest") {
		t.Fatalf("the list does not show the digest:\n%s", list)
	}
	_, one := g.get("/waiting/"+found[1], "Accept", "text/html")
	if !strings.Contains(one, "Log &lt;i&gt;in") || !strings.Contains(one, "Send now") {
		t.Errorf("the page of the digest:\n%s", one)
	}
	status, to, text := g.send("/waiting/"+found[1]+"/flush", nil)
	if status != http.StatusSeeOther || !strings.HasPrefix(to, "../../events/") {
		t.Fatalf("sending now: %d, to %q\n%s", status, to, text)
	}
	if status, _, text = g.send("/waiting/"+found[1]+"/drop", nil); status != http.StatusNotFound || !strings.Contains(text, "may have been sent") {
		t.Errorf("dropping what was sent: %d\n%s", status, text)
	}
	if _, list = g.get("/waiting?kind=nosuch", "Accept", "text/html"); !strings.Contains(list, "Not filtered by kind") {
		t.Errorf("an unknown kind:\n%s", list)
	}
}
