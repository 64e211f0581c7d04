package console_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"qaserelay/relay/admin/access"
)

// pages are all pages of the console, with the events of a story.
func pages(ids map[string]string) map[string]string {
	return map[string]string{
		"events": "/events", "events-filtered": "/events?project=WEB&event=run.completed&state=delivered",
		"events-none": "/events?project=NONE", "events-unknown": "/events?state=lost&nosuch=1",
		"overview": "/", "overview-hour": "/?window=1h", "sources": "/sources", "notifiers": "/notifiers", "notifier": "/notifiers/ops",
		"notifier-failing": "/notifiers/refused", "notifier-missing": "/notifiers/none", "deliveries": "/deliveries", "deliveries-dead": "/deliveries?state=dead", "deliveries-none": "/deliveries?rule=none&x=1",
		"waiting": "/waiting", "waiting-none": "/waiting?kind=hold", "silences": "/silences", "silence-new": "/silences/new?project=WEB",
		"event": "/events/" + ids["completed"], "event-defect": "/events/" + ids["defect"], "event-broken": "/events/" + ids["broken"],
		"compare": "/events/" + ids["completed"] + "/compare", "compare-none": "/events/" + ids["started"] + "/compare",
		"compare-with": "/events/" + ids["defect"] + "/compare?with=" + ids["case"], "entity": "/entities/qase/WEB/run/7",
		"entity-defect": "/entities/qase/WEB/defect/9", "entity-missing": "/entities/qase/WEB/run/99",
		"replay": "/events/" + ids["completed"] + "/replay",
		"audit":  "/audit", "audit-none": "/audit?who=nobody&x=1",
		"rules": "/rules", "rule": "/rules/failed-run", "rule-missing": "/rules/none", "rule-week": "/rules/failed-run?window=7d", "rule-none": "/rules/quiet", "backtest-missing": "/backtests/none", "why": "/why",
		"why-run": "/why?q=WEB+run+7", "why-failed": "/why?q=" + ids["aborted"], "why-none": "/why?q=WEB+run+99", "why-wrong": "/why?q=x&until=y",
		"try": "/try", "try-event": "/try?rule=failed-run&event=" + ids["completed"], "try-none": "/try?event=case.created",
		"try-defect": "/try?event=" + ids["defect"], "try-file": "/try?event=run.completed&file=", "try-wrong": "/try?event=nonsense",
		"dead": "/dead", "dead-none": "/dead?notifier=none&since=x", "jobs": "/jobs", "job-missing": "/jobs/06bq1rk2tv8c0",
		"status": "/status", "missing": "/nothing", "logout": "/logout",
	}
}

// TestEveryPageIsAccessible visits each page in each look, and fails on what axe or the browser complains about, and on
// a page that scrolls sideways.
func TestEveryPageIsAccessible(t *testing.T) {
	g := start(t, rigOptions{})
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.axe("no events")
	all := pages(g.story())
	g.post(event("shared_step.created", 1, `"title":"Log in"`))
	g.send("/silences/new", url.Values{"matchers": {"project=API\nrule=failed-run"}, "for": {"2h"}, "do": {"add"},
		"comment": {"The staging environment is being repaired until the afternoon"}})
	dead := g.first("/api/v1/deliveries?state=dead")
	_, job, _ := g.send("/dead", url.Values{"do": {"retry"}, "rule": {"aborted-run"}, "seen": {"1"}, "seen_younger": {""}})
	all["job"] = strings.TrimPrefix(job, ".")
	g.await("/api/v1"+all["job"], `"state":"done"`)
	all["delivery"], all["delivery-missing"] = "/deliveries/"+dead, "/deliveries/06bq1rk2tv8c0"
	all["backtest"] = g.backtest()
	for _, l := range looks() {
		b.show(l)
		for name, path := range all {
			where := name + " " + l.Name
			b.do(chromedp.Navigate(b.url + path))
			faults := b.heard()
			for _, f := range faults {
				if !strings.Contains(f, "404") || !strings.HasSuffix(name, "missing") {
					t.Errorf("%s: %s", where, f)
				}
			}
			b.check(where)
			b.axe(where)
			if wide := eval[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
				t.Errorf("%s: scrolls sideways by %d", where, wide)
			}
			b.shot(name + "-" + l.Name)
		}
	}
}

// TestTheFrameIsAccessibleInEachState looks at the sign-in page, also after a wrong token, and at the pages of a reader on
// a relay in a dry run.
func TestTheFrameIsAccessibleInEachState(t *testing.T) {
	for _, l := range looks() { // on a relay each, which counts wrong tokens
		g := start(t, rigOptions{DryRun: true, Access: access.Options{Token: "t0ken",
			Tokens: []access.Token{{Name: "ben", Role: access.Read, Secret: "bbbb"}}}})
		id := g.post(event("run.completed", 7, `"title":"Nightly regression","failed":1,"cases":2`))
		b := newTab(t, g.Admin)
		b.show(l)
		b.do(chromedp.Navigate(b.url + "/login?next=events/" + id))
		b.check("sign-in " + l.Name)
		b.axe("sign-in " + l.Name)
		b.shot("login-" + l.Name)
		b.typeIn("input[name=token]", "guess")
		b.click("button.main")
		b.await(`document.querySelector(".error")`)
		b.heard() // of the status 401
		b.axe("wrong token " + l.Name)
		b.shot("login-wrong-" + l.Name)
		b.typeIn("input[name=token]", "bbbb")
		b.click("button.main")
		b.await(`document.querySelector(".steps")`)
		b.axe("a reader " + l.Name)
		if text := eval[string](b, "document.body.innerText"); !strings.Contains(text, "Dry run: this relay rehearses") ||
			!strings.Contains(text, "ben has the role read") || !strings.Contains(text, "dry run") {
			t.Errorf("%s: %s", l.Name, text)
		}
		b.check("a reader " + l.Name)
		b.shot("reader-" + l.Name)
	}
}
