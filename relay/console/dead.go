package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

const (
	// maxUnasked is how many deliveries a job may change without a typed number.
	maxUnasked = 1000
	// maxLiveDead is how many dead deliveries are counted anew each second.
	maxLiveDead = 1000
	// countFor is how long the number of dead deliveries in the navigation is kept.
	countFor = 2 * time.Second
)

// deadFilters are the filters of the dead deliveries.
func deadFilters() []string {
	return []string{"notifier", "rule", "project", "event", "reason", "since", "until", "error"}
}

// deadList is what the page of dead deliveries shows.
type deadList struct {
	listQuery
	listPager
	Choices eventChoices
	Fields  []field // of the filter, for forms
	Found   desk.JobPreview
	Groups  []deadGroup
	Rows    []desk.Delivery
}

// deadGroup is the dead deliveries of a notifier with one kind of error.
type deadGroup struct {
	desk.JobGroup
	Query  string  // that selects them
	Fields []field // likewise, for forms
}

// field is a hidden field of a form.
type field struct{ Name, Value string }

// parseDead reads the filter in a URL or a form.
func parseDead(v url.Values) (q listQuery, spec desk.JobSpec) {
	q = parseList(v, deadFilters())
	for _, name := range []string{"since", "until"} {
		if _, err := desk.ParseTime(name, q.Get(name)); err != nil {
			q.note(err)
			delete(q.values, name)
		}
	}
	if _, err := desk.ParseReason(q.Get("reason")); err != nil {
		q.note(err)
		delete(q.values, "reason")
	}
	return q, desk.JobSpec{Verb: jobs.Retry, State: store.Dead, Notifier: q.Get("notifier"), Rule: q.Get("rule"),
		Project: q.Get("project"), Event: q.Get("event"), Reason: q.Get("reason"), Since: q.Get("since"), Until: q.Get("until"), Error: q.Get("error")}
}

// fields returns the filter as fields of a form.
func (q listQuery) fields() (all []field) {
	for _, name := range q.filters {
		if text := q.values[name]; text != "" {
			all = append(all, field{name, text})
		}
	}
	return all
}

// dead shows the dead deliveries by notifier and kind of error.
func (c *Console) dead(r *http.Request) (*frame.View, error) {
	q, spec := parseDead(r.URL.Query())
	list := &deadList{listQuery: q, Choices: c.eventChoices(), Fields: q.fields()}
	var err error
	if list.Found, err = c.surveyed.Of(r.Context(), c.o.Desk, q.Query(), spec); err != nil {
		return nil, c.problem(err)
	}
	for _, g := range list.Found.Groups {
		of := listQuery{filters: q.filters, values: map[string]string{}}
		for name, text := range q.values {
			of.values[name] = text
		}
		of.values["notifier"], of.values["error"] = g.Notifier, g.Error
		list.Groups = append(list.Groups, deadGroup{g, of.Query(), of.fields()})
	}
	within := desk.Range{Before: q.before, After: q.after, OldestFirst: q.after != 0}
	page, err := c.o.Desk.Selected(r.Context(), spec, within, pageSize)
	if err != nil {
		return nil, c.problem(err)
	}
	if list.Rows = page.Deliveries; within.OldestFirst {
		slices.Reverse(list.Rows)
	}
	ids := make([]string, len(list.Rows))
	for i, d := range list.Rows {
		ids[i] = d.ID
	}
	list.listPager = q.pager(ids, page.Next)
	return &frame.View{Template: "dead", Title: "Dead letters", Data: list, JSON: "api/v1/deliveries" + deadQuery(q),
		Live: !list.Paged && !list.Found.More && list.Found.Total <= maxLiveDead}, nil
}

// deadQuery is the query of the API for the same deliveries, of all kinds of errors.
func deadQuery(q listQuery) string {
	v := url.Values{"state": {string(store.Dead)}}
	for _, f := range q.fields() {
		if f.Name != "error" {
			v.Set(f.Name, f.Value)
		}
	}
	return "?" + v.Encode()
}

// deadQuestion is what a person is asked before many deliveries change.
type deadQuestion struct {
	desk.JobPreview
	Fields  []field // what selects them
	Back    string  // the query of the list
	Younger string  // only those younger than this
	ByIDs   bool
	Type    int    // the number to be typed, or zero
	Wrong   string // what to change in the form, or empty
}

// changeDead asks before it changes dead deliveries: those that are ticked, or all that a filter selects. Once that is
// confirmed, it starts a job.
func (c *Console) changeDead(r *http.Request) (to string, v *frame.View, err error) {
	if err := r.ParseForm(); err != nil {
		return "", nil, &frame.Problem{Status: http.StatusBadRequest, Title: "Not done", Text: "The form could not be read."}
	}
	q, spec := parseDead(filterOf(r.PostForm))
	ask := &deadQuestion{Fields: q.fields(), Back: q.Query(), Younger: strings.TrimSpace(r.PostFormValue("younger"))}
	spec.Verb = jobs.Verb(r.PostFormValue("do"))
	if ids := r.PostForm["id"]; len(ids) > 0 {
		spec, ask.ByIDs, ask.Fields = desk.JobSpec{Verb: spec.Verb, IDs: ids}, true, nil
		for _, id := range ids {
			ask.Fields = append(ask.Fields, field{"id", id})
		}
	} else if r.PostFormValue("of") == "ticked" {
		return "", nil, &frame.Problem{Status: http.StatusBadRequest, Title: "Nothing ticked",
			Text: "Tick the messages first, or choose a group or all."}
	}
	if wrong := onlyYounger(&spec, ask); wrong != nil {
		ask.Wrong = wrong.Error()
		spec.Since = q.Get("since")
	}
	if ask.JobPreview, err = c.o.Desk.PreviewJob(r.Context(), spec); err != nil {
		return "", nil, c.problem(err)
	}
	if ask.Total > maxUnasked {
		ask.Type = ask.Total
	}
	if ask.Wrong == "" && ask.confirmed(r) {
		j, err := c.o.Desk.StartJob(r.Context(), spec)
		if err != nil {
			return "", nil, c.problem(err)
		}
		return "jobs/" + j.ID, nil, nil
	}
	return "", &frame.View{Template: "dead-ask", Title: ask.Title(), Data: ask}, nil
}

// filterOf returns the filters of a form.
func filterOf(form url.Values) url.Values {
	v := url.Values{}
	for _, name := range deadFilters() {
		if form.Has(name) {
			v.Set(name, form.Get(name))
		}
	}
	return v
}

// onlyYounger leaves out the deliveries that are older than the form says.
func onlyYounger(spec *desk.JobSpec, ask *deadQuestion) error {
	if ask.Younger == "" || ask.ByIDs {
		return nil
	}
	from, err := desk.ParseTime("younger", ask.Younger)
	if err != nil {
		return err
	}
	if since, _ := desk.ParseTime("since", spec.Since); from.After(since) {
		spec.Since = from.UTC().Format(time.RFC3339Nano)
	}
	return nil
}

// confirmed reports whether the person has seen these numbers, and has typed the number if there are many.
func (q *deadQuestion) confirmed(r *http.Request) bool {
	seen, err := strconv.Atoi(r.PostFormValue("seen"))
	if err != nil || q.Total == 0 || r.PostFormValue("seen_younger") != q.Younger {
		return false
	}
	if seen <= maxUnasked && q.Total <= maxUnasked {
		return true
	}
	typed, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "", " ", "").Replace(r.PostFormValue("typed")))
	if err != nil || typed != seen {
		q.Wrong = "The number is another one: type " + number(q.Total) + "."
		return false
	}
	return true
}

// Title returns the question in short.
func (q *deadQuestion) Title() string {
	return map[jobs.Verb]string{jobs.Retry: "Send again", jobs.Rerender: "Render and send again", jobs.Cancel: "Cancel"}[q.Verb]
}

// Rated returns the notifiers whose rate makes them need time.
func (q *deadQuestion) Rated() (all []desk.JobShare) {
	for _, n := range q.Notifiers {
		if n.Seconds >= 1 && n.Rate != "" {
			all = append(all, n)
		}
	}
	return all
}

// rateText returns a rate such as 60/m in words.
func rateText(n desk.JobShare) string {
	per := map[string]string{"s": "second", "m": "minute", "h": "hour"}
	messages, unit, _ := strings.Cut(n.Rate, "/")
	text := messages + " a " + per[unit]
	if n.RateEach {
		text += " and channel"
	}
	return text
}

// numberOf is number for templates, where a number may be a pointer.
func numberOf(n any) string {
	switch n := n.(type) {
	case int:
		return number(n)
	case *int:
		return number(*n)
	}
	return ""
}

// number returns a number with its thousands apart.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// deadCount is the number of dead deliveries, counted now and then.
type deadCount struct {
	mu   sync.Mutex
	next time.Time
	text string
}

// badges returns what stands beside sections of the navigation.
func (c *Console) badges() map[string]string {
	d := &c.counted
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.After(d.next) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		d.next, d.text = now.Add(countFor), ""
		dead, err := c.o.Desk.Dead(ctx)
		n := 0
		for _, of := range dead {
			n += of
		}
		if err == nil && n > 0 {
			d.text = number(n)
		}
	}
	return map[string]string{"dead": d.text}
}
