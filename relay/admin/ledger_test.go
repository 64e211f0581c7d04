package admin

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"qaserelay/relay/admin/desk"
)

func (d *testAPI) read(t *testing.T, path string, v any) {
	t.Helper()
	if status, wrong := d.send(t, "GET", path, "", v); status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, wrong)
	}
}

func TestStatsCountOverTime(t *testing.T) {
	d := open(t, "")
	for query, want := range map[string]string{
		"of=events":                       "[WEB 3 API 2] 300",
		"of=events&by=outcome&step=1m":    "[matched 5] 60",
		"of=events&since=1h":              "[WEB 3 API 2] 60",
		"of=events&since=30d":             "[WEB 3 API 2] 86400",
		"of=names&by=event":               "[run.completed 5] 3600",
		"of=names&by=source":              "[qase 5] 3600",
		"of=rules":                        "[done 5] 3600",
		"of=rules&by=outcome":             "[matched 5] 3600",
		"of=deliveries":                   "[ops 1] 300",
		"of=deliveries&by=state":          "[dead 1] 300",
		"of=reasons&by=reason":            "[clientError 1] 3600",
		"of=attempts":                     "[ops 1] 3600",
		"of=latency":                      "[] 3600",
		"of=refused":                      "[] 3600",
		"of=events&since=10m&until=5m":    "[] 60",
		"of=events&since=100h&until=50h":  "[] 3600",
		"of=events&since=2h&by=project":   "[WEB 3 API 2] 60",
		"of=events&since=40h&step=30m":    "[WEB 3 API 2] 1800",
		"of=events&since=300d&step=24h":   "[WEB 3 API 2] 86400",
		"of=deliveries&since=7d&by=state": "[dead 1] 3600",
	} {
		var s desk.Stats
		d.read(t, "/api/v1/stats?"+query, &s)
		got := []string{}
		for _, one := range s.Series {
			sum := int64(0)
			for _, n := range one.Counts {
				sum += n
			}
			if steps := int(s.Until.Sub(s.Since).Seconds()) / s.Step; sum != one.Total || len(one.Counts) != steps {
				t.Errorf("%s: %s has %d in %d steps, of %d", query, one.Name, sum, len(one.Counts), steps)
			}
			got = append(got, fmt.Sprint(one.Name, " ", one.Total))
		}
		if text := fmt.Sprint(got, " ", s.Step); text != want {
			t.Errorf("%s: %s, want %s", query, text, want)
		}
	}
	var s desk.Stats
	d.read(t, "/api/v1/stats?of=attempts", &s)
	if l := s.Series[0].Latency; l == nil || l.P50 < 1 || l.P50 > 2.1 || l.P99 < l.P50 {
		t.Errorf("an attempt of 1.5 s is %+v", l)
	}
	for query, want := range map[string]string{
		"":                            "of: want one of events, names, rules, deliveries, reasons, refused, latency, attempts, not \"\"",
		"of=events&by=rule":           "by: events are counted by project or outcome, not by \"rule\"",
		"of=latency&by=x":             "by: latency are counted by notifier, not by \"x\"",
		"of=events&step=90s":          "step: want a multiple of 1m, and at most 2000 steps",
		"of=rules&step=1m":            "step: want a multiple of 1h, and at most 2000 steps",
		"of=events&since=1h&until=2h": "since: want a time before until",
		"of=events&step=x":            "step: want a duration such as 5m or 1h, not \"x\"",
		"of=rules&since=390d&step=1h": "step: want a multiple of 1h, and at most 2000 steps",
	} {
		if status, wrong := d.send(t, "GET", "/api/v1/stats?"+query, "", &s); status != http.StatusBadRequest || wrong != want {
			t.Errorf("%s: %d %s, want %s", query, status, wrong, want)
		}
	}
}

func TestFeedsAndRefusalsAreListed(t *testing.T) {
	d := open(t, "")
	var answer struct {
		Feeds    []desk.Feed
		Refusals []desk.Refused
	}
	d.read(t, "/api/v1/feeds", &answer)
	got := ""
	for _, f := range answer.Feeds {
		got += fmt.Sprintf("%s %s %.0f %v, ", f.Source, f.Project, f.PerDay, f.LastAt != nil && time.Since(*f.LastAt) < time.Hour)
	}
	if got != "qase API 2 true, qase WEB 3 true, " {
		t.Errorf("the feeds are %s", got)
	}
	if d.read(t, "/api/v1/refusals", &answer); answer.Refusals == nil || len(answer.Refusals) != 0 {
		t.Errorf("refused were %v", answer.Refusals)
	}
}

func TestANotifierShowsHowItDoes(t *testing.T) {
	d := open(t, "")
	var h desk.Health
	d.read(t, "/api/v1/notifiers/ops", &h)
	if h.Name != "ops" || h.Type != "http" || h.Dead != 1 || h.Failed != 1 || h.Delivered != 0 || h.Success == nil || *h.Success != 0 ||
		h.Took == nil || fmt.Sprint(h.Reasons) != "[{clientError 1}]" || len(h.Recent) != 1 || h.Recent[0].OK ||
		h.Recent[0].Seconds != 1.5 || h.Recent[0].Delivery != d.deliveries[2].String() || h.RateUsed != nil {
		t.Errorf("got %+v", h)
	}
	if status, wrong := d.send(t, "GET", "/api/v1/notifiers/none", "", &h); status != http.StatusNotFound {
		t.Errorf("an unknown one: %d %s", status, wrong)
	}
}
