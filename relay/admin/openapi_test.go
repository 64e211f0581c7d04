package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"qaserelay/relay"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/desk/rulebook"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/trial"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
)

// description is openapi.json, as far as it is held against the program.
type description struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any
			Required   []string
		}
	}
}

type operation struct {
	Summary    string
	Parameters []struct{ Name, In string }
	Responses  map[string]any
}

func readDescription(t *testing.T) (d description) {
	t.Helper()
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEveryRouteIsDescribedAndEveryDescribedOneIsThere(t *testing.T) {
	d := open(t, "")
	described, routed := []string{}, []string{}
	for path, operations := range readDescription(t).Paths {
		for method, op := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
			if op.Summary == "" || len(op.Responses) == 0 {
				t.Errorf("%s %s has no summary or no answers", method, path)
			}
		}
	}
	s := &server{Options: Options{Metrics: http.NotFoundHandler()}}
	for _, add := range []func(*mux.Router){s.routes, s.openRoutes, s.metricsRoutes} {
		r := mux.NewRouter()
		add(r)
		if err := r.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
			path, _ := route.GetPathTemplate()
			methods, err := route.GetMethods()
			for _, method := range methods {
				if method != http.MethodHead {
					routed = append(routed, method+" "+path)
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described: %q\nrouted:    %q", described, routed)
	}
	if status, text, _ := d.call(t, "GET", "/api/v1/openapi.json"); status != 200 || text != string(openAPI) {
		t.Errorf("got %d %s", status, text)
	}
}

// The lists name the parameters that they take when they are asked for another.
func TestEveryParameterOfAListIsDescribed(t *testing.T) {
	d, described := open(t, ""), readDescription(t)
	for _, path := range []string{"/api/v1/events", "/api/v1/events/export", "/api/v1/deliveries", "/api/v1/silences",
		"/api/v1/audit", "/api/v1/stats"} {
		var names []string
		for _, p := range described.Paths[path]["get"].Parameters {
			names = append(names, p.Name)
		}
		_, _, answer := d.call(t, "GET", path+"?x=y")
		_, list, _ := strings.Cut(answer["error"].(string), "available: ")
		taken := strings.Split(list, ", ")
		slices.Sort(names)
		slices.Sort(taken)
		if !slices.Equal(names, taken) {
			t.Errorf("%s takes %q, but describes %q", path, taken, names)
		}
	}
}

func TestEveryFieldOfAnAnswerIsDescribed(t *testing.T) {
	schemas := readDescription(t).Components.Schemas
	for name, answer := range map[string]any{
		"Event": desk.Event{}, "Result": desk.Result{}, "Stats": desk.Stats{}, "Series": desk.Series{}, "Latency": desk.Latency{}, "Feed": desk.Feed{},
		"Refused": desk.Refused{}, "Health": desk.Health{}, "Reason": desk.Reason{}, "LastAttempt": desk.LastAttempt{}, "Tested": relay.Tested{},
		"AuditPage": desk.AuditPage{}, "AuditEntry": desk.AuditEntry{}, "EventPage": desk.EventPage{}, "Delivery": desk.Delivery{}, "DeliveryPage": desk.DeliveryPage{}, "Attempt": desk.Attempt{}, "Status": desk.Status{},
		"Rule": desk.Rule{}, "RuleTarget": rulebook.Target{}, "Backtest": trial.Backtest{}, "BacktestRequest": trial.BacktestRequest{}, "WhyAnswer": why.Answer{}, "WhyStep": why.Step{}, "WhyEvent": why.Found{}, "TrialEvent": trial.Event{}, "TrialRequest": trial.Request{},
		"Draft": trial.Draft{}, "TrialResult": trial.Result{}, "TriedEvent": trial.Tried{}, "TrialMessage": trial.Message{},
		"Picture": trial.Picture{}, "PictureLine": trial.Line{}, "PictureRun": trial.Run{}, "Near": trial.Near{},
		"TrialChange": trial.Change{}, "Check": trial.Check{}, "Problem": diag.Problem{}, "CatalogEvent": catalog.Event{}, "RuleTest": rulebook.Test{}, "RuleUse": rulebook.Use{}, "Notifier": desk.Notifier{}, "RelayState": desk.RelayState{}, "Choice": choice{}, "Replay": desk.Replay{}, "Drift": relay.Drift{},
		"ExportPage": desk.ExportPage{}, "Exported": desk.Exported{}, "Decided": desk.Decided{}, "Message": desk.Message{},
		"Silence": desk.Silence{}, "SilenceSpec": desk.SilenceSpec{}, "SilencePreview": desk.SilencePreview{},
		"SilencedMessage": desk.SilencedMessage{}, "JobSpec": jobBody{}, "JobFilter": desk.JobSpec{}, "Jobs": desk.Jobs{},
		"Job": desk.Job{}, "JobPreview": desk.JobPreview{}, "JobShare": desk.JobShare{}, "JobGroup": desk.JobGroup{},
	} {
		var has, needs []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(answer)) {
			key, how, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key == "" || key == "-" {
				continue
			}
			has = append(has, key)
			if how == "" {
				needs = append(needs, key)
			}
		}
		described := []string{}
		for key := range schemas[name].Properties {
			described = append(described, key)
		}
		slices.Sort(has)
		slices.Sort(described)
		slices.Sort(needs)
		slices.Sort(schemas[name].Required)
		if !slices.Equal(has, described) || !slices.Equal(needs, schemas[name].Required) {
			t.Errorf("%s: has %q, of which always %q; described are %q and %q", name, has, needs, described,
				schemas[name].Required)
		}
	}
}
