// Package console is the web console of the admin address: pages over the desk, made on the server. Package frame has
// what the pages share.
package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/console/surveys"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
)

// Options are what the console works with. All but URLs and Logger are needed.
type Options struct {
	Desk  *desk.Desk
	Why   *why.Asker
	Trial *trial.Trial
	// Backtests run drafts over stored events.
	Backtests *trial.Backtests
	Access    *access.Guard
	// URLs are those under which browsers reach the address, besides its own.
	URLs []string
	// Logger gets the errors that people do not see; nil logs nothing.
	Logger *slog.Logger
	// Stopping is closed when the relay stops, so that streams end; nil never is.
	Stopping <-chan struct{}
}

// Console makes the pages. Its methods may be called from many goroutines.
type Console struct {
	o     Options
	frame *frame.Frame

	counted  deadCount
	surveyed surveys.Surveys
}

//go:embed templates/*.html
var templates embed.FS

// New returns the handler of the console.
func New(o Options) (http.Handler, error) {
	c := &Console{o: o}
	pages, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	c.frame, err = frame.New(frame.Options{Access: o.Access, State: c.state, Sections: sections(), Templates: pages,
		Funcs: functions(), URLs: o.URLs, Logger: o.Logger, Stopping: o.Stopping,
		Audit: c.note})
	if err != nil {
		return nil, err
	}
	c.routes(c.frame)
	c.ruleRoutes(c.frame)
	return c.frame.Handler(), nil
}

// functions are those of the templates.
func functions() template.FuncMap {
	return template.FuncMap{
		"base":        path.Base,
		"choices":     choices,
		"count":       count,
		"entityName":  entityName,
		"entityPath":  entityPath,
		"icon":        icon,
		"json":        indented,
		"float":       func(n int64) float64 { return float64(n) },
		"percent":     percent,
		"seconds":     seconds,
		"number":      numberOf,
		"outcome":     outcomeText,
		"pageWith":    pageWith,
		"rate":        rateText,
		"size":        sizeText,
		"waitingKind": waitingKind,
	}
}

// sections are the entries of the navigation.
func sections() []frame.Section {
	return []frame.Section{
		{Path: "", Name: "Overview", Key: "g o"},
		{Path: "events", Name: "Events", Key: "g e"},
		{Path: "deliveries", Name: "Deliveries", Key: "g d"},
		{Path: "dead", Name: "Dead", Key: "g x"},
		{Path: "rules", Name: "Rules", Key: "g r"},
		{Path: "notifiers", Name: "Notifiers", Key: "g n"},
		{Path: "try", Name: "Try", Key: "g t"},
		{Path: "why", Name: "Why", Key: "g y"},
		{Path: "waiting", Name: "Waiting", Key: "g w"},
		{Path: "silences", Name: "Silences", Key: "g s"},
		{Path: "audit", Name: "Audit", Key: "g a"},
		{Path: "sources", Name: "Sources", Key: "g f"},
		{Path: "status", Name: "Status", Key: "g u"},
	}
}

// routes adds all pages but those about rules.
func (c *Console) routes(f *frame.Frame) {
	f.Get("/", c.overview)
	f.Raw("/find", c.find)
	f.Get("/events", c.events)
	f.Raw("/events.csv", c.eventsCSV)
	f.Raw("/events.jsonl", c.eventsJSONL)
	f.Get("/deliveries", c.deliveries)
	f.Raw("/deliveries.csv", c.deliveriesCSV)
	f.Raw("/deliveries.jsonl", c.deliveriesJSONL)
	f.Get("/deliveries/{id}", c.delivery)
	f.Get("/dead", c.dead)
	f.Post("/dead", c.changeDead)
	f.Get("/jobs", c.jobs)
	f.Get("/jobs/{id}", c.job)
	f.Post("/jobs/{id}/stop", c.stopJob)
	f.Get("/waiting", c.waiting)
	f.Get("/waiting/{id}", c.waitingOne)
	f.Post("/waiting/{id}/flush", c.flush)
	f.Post("/waiting/{id}/drop", c.drop)
	f.Get("/silences", c.silences)
	f.Get("/silences/new", c.newSilence)
	f.Post("/silences/new", c.addSilence)
	f.Post("/silences/{id}/extend", c.extendSilence)
	f.Post("/silences/{id}/expire", c.expireSilence)
	f.Get("/events/{id}", c.event)
	f.Raw("/events/{id}/as/{form}", c.copyAs)
	f.Get("/events/{id}/compare", c.compare)
	f.Get("/entities/{source}/{project}/{type}/{id}", c.entity)
	f.Get("/events/{id}/replay", c.replayForm)
	f.Post("/events/{id}/replay", c.replay)
	f.Raw("/deliveries/{id}/mail", c.mailPage)
	f.Post("/deliveries/{id}/retry", c.deliveryAction(c.o.Desk.Retry))
	f.Post("/deliveries/{id}/rerender", c.deliveryAction(c.o.Desk.Rerender))
	f.Post("/deliveries/{id}/cancel", c.deliveryAction(c.o.Desk.Cancel))
	f.Get("/audit", c.audit)
	f.Raw("/audit.csv", c.auditCSV)
	f.Raw("/audit.jsonl", c.auditJSONL)
	f.Get("/sources", c.sources)
	f.Get("/notifiers", c.notifiers)
	f.Get("/notifiers/{name}", c.notifier)
	f.Post("/notifiers/{name}/resume", c.notifierAction(c.o.Desk.Resume))
	f.Post("/notifiers/{name}/pause", c.notifierAction(c.o.Desk.Pause))
	f.Post("/notifiers/{name}/test", c.notifierAction(c.testNotifier))
	f.Get("/status", c.status)
}

// ruleRoutes adds the pages about rules.
func (c *Console) ruleRoutes(f *frame.Frame) {
	f.Get("/rules", c.rules)
	f.Get("/rules/{name}", c.rule)
	f.Get("/why", c.why)
	f.Get("/try", c.tryForm)
	f.Ask("/try", c.try)
	f.Post("/backtests", c.startBacktest)
	f.Get("/backtests/{id}", c.backtest)
	f.Post("/backtests/{id}/stop", c.stopBacktest)
}

// state describes the relay for the frame.
func (c *Console) state() frame.State {
	st := c.o.Desk.Status()
	s := frame.State{Version: st.Version, Zone: c.o.Desk.Zone(), Badges: c.badges()}
	if st.DryRun {
		s.Bands = append(s.Bands, frame.Band{Level: "warn", Text: "Dry run: this relay rehearses, and sends nothing."})
	}
	if st.LoadError != "" {
		first, _, _ := strings.Cut(st.LoadError, "\n")
		s.Bands = append(s.Bands, frame.Band{Level: "bad", Path: "status",
			Text: "The rules files have errors, so the rules loaded before them apply: " + first})
	}
	return s
}

// idOf reads the id in the path of a request.
func idOf(r *http.Request) (store.ID, error) {
	id, err := store.ParseID(mux.Vars(r)["id"])
	if err != nil {
		return 0, &frame.Problem{Status: http.StatusNotFound, Title: "Not found",
			Text: fmt.Sprintf("%.100q is not the id of an event or delivery: an id has 13 characters.", mux.Vars(r)["id"])}
	}
	return id, nil
}

// choice is a value that a filter offers.
type choice struct {
	Text   string
	Chosen bool
}

// choices are the values of a filter, with the current one even if it is not offered any more.
func choices(offered []string, current string) (all []choice) {
	found := current == ""
	for _, v := range offered {
		all = append(all, choice{v, v == current})
		found = found || v == current
	}
	if !found {
		all = append(all, choice{current, true})
	}
	return all
}

// icon names the icon of a success or a failure.
func icon(good bool) string {
	if good {
		return "ok"
	}
	return "bad"
}

// withPage is data of a part of a page, with the page itself.
type withPage struct{ Page, Data any }

// pageWith returns the data of a part that needs the page as well.
func pageWith(page, data any) withPage { return withPage{page, data} }

// indented returns JSON for people.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// count returns a number with its noun, in the plural unless it is one.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
