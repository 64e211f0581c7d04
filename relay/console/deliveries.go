package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

// deliveryFilters are the filters of the list of deliveries.
func deliveryFilters() []string {
	return []string{"state", "notifier", "rule", "project", "event", "reason", "q", "entity", "since", "until"}
}

// parseDeliveries reads the filter in a URL.
func parseDeliveries(v url.Values) (q listQuery, f desk.DeliveryFilter) {
	q = parseList(v, deliveryFilters())
	f = desk.DeliveryFilter{Terms: q.words(), DeliveryFilter: store.DeliveryFilter{Project: q.Get("project"), Rule: q.Get("rule"),
		Notifier: q.Get("notifier")}}
	f.EventName, f.Event = desk.ParseEvent(q.Get("event"))
	reason, err := desk.ParseReason(q.Get("reason"))
	q.note(err)
	f.Reason = reason
	state, err := desk.ParseState(q.Get("state"))
	if q.note(err); err == nil {
		f.State = state
	}
	within := q.within()
	f.Before, f.After, f.OldestFirst = within.Before, within.After, within.OldestFirst
	return q, f
}

// deliveryList is what the page of deliveries shows.
type deliveryList struct {
	listQuery
	listPager
	Choices   eventChoices
	Rows      []desk.Delivery
	IndexedTo *time.Time // up to when words are indexed, if that is behind
}

func (c *Console) deliveries(r *http.Request) (*frame.View, error) {
	q, f := parseDeliveries(r.URL.Query())
	f.Limit = pageSize
	page, err := c.o.Desk.Deliveries(r.Context(), f)
	if err != nil && !q.refused(err) {
		return nil, err
	}
	list := &deliveryList{listQuery: q, Choices: c.eventChoices(), Rows: page.Deliveries, IndexedTo: page.IndexedTo}
	if f.OldestFirst {
		slices.Reverse(list.Rows)
	}
	ids := make([]string, len(list.Rows))
	for i, d := range list.Rows {
		ids[i] = d.ID
	}
	list.listPager = q.pager(ids, page.Next)
	return &frame.View{Template: "deliveries", Title: "Deliveries", Data: list, JSON: "api/v1/deliveries" + q.Query(),
		Live: !list.Paged}, nil
}

// eachDelivery calls yield for the deliveries of a list, until it returns an error.
func (c *Console) eachDelivery(ctx context.Context, f desk.DeliveryFilter, yield func(desk.Delivery) error) error {
	f.OldestFirst, f.Limit = false, desk.MaxPage
	return eachRow(f.Before, func(before store.ID) ([]desk.Delivery, string, error) {
		f.Before = before
		page, err := c.o.Desk.Deliveries(ctx, f)
		return page.Deliveries, page.Next, err
	}, yield)
}

func (c *Console) deliveriesCSV(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "deliveries.csv", "id", "event_id", "created_at", "updated_at", "project", "event", "rule", "notifier",
		"state", "attempts", "status", "error", "title")
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	_, f := parseDeliveries(r.URL.Query())
	return out.end(c.eachDelivery(r.Context(), f, func(d desk.Delivery) error {
		return out.row(d.ID, d.EventID, at(d.CreatedAt), at(d.UpdatedAt), d.Project, d.Event, d.Rule, d.Notifier,
			string(d.State), out.number(d.Attempts), d.Status, d.Error, d.Title)
	}))
}

func (c *Console) deliveriesJSONL(w http.ResponseWriter, r *http.Request) error {
	out := newExport(w, "deliveries.jsonl")
	_, f := parseDeliveries(r.URL.Query())
	return out.end(c.eachDelivery(r.Context(), f, func(d desk.Delivery) error { return out.json(d) }))
}

// deliveryPage is what the page of one delivery shows.
type deliveryPage struct {
	message
	Attempts []attemptRow
	Entity   string // the key of what its event is about, or empty
}

// attemptRow is an attempt with what followed it.
type attemptRow struct {
	desk.Attempt
	Number int
	Took   string
	Bar    int    // its length in percent of the longest
	Wait   string // until the next one, or empty
	Good   bool
}

// maxRows is how many attempts the page of a delivery shows, the newest ones.
const maxRows = 200

func (c *Console) delivery(r *http.Request) (*frame.View, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	d, err := c.o.Desk.Delivery(r.Context(), id)
	if err != nil {
		return nil, c.problem(err)
	}
	p := &deliveryPage{Attempts: attemptRows(d)}
	if p.message, err = c.message(r.Context(), d); err != nil {
		return nil, err
	}
	if p.Entity, err = c.o.Desk.EntityOf(r.Context(), d.EventID); err != nil {
		return nil, err
	}
	return &frame.View{Template: "delivery", Title: d.Notifier + ": " + d.Title, Data: p,
		JSON: "api/v1/deliveries/" + d.ID, Live: true}, nil
}

// attemptRows returns the newest attempts, each with its length and the wait behind it.
func attemptRows(d desk.Delivery) (all []attemptRow) {
	longest := 0.0
	for _, a := range d.Log {
		longest = max(longest, a.Seconds)
	}
	for i, a := range d.Log {
		took := time.Duration(a.Seconds * float64(time.Second))
		one := attemptRow{Attempt: a, Number: i + 1, Took: frame.Duration(took), Bar: 100, Good: a.Reason == ""}
		if longest > 0 {
			one.Bar = max(1, int(a.Seconds/longest*100))
		}
		if i+1 < len(d.Log) {
			one.Wait = frame.Duration(d.Log[i+1].At.Sub(a.At.Add(took)))
		} else if d.NextAt != nil {
			one.Wait = frame.Duration(d.NextAt.Sub(a.At.Add(took)))
		}
		all = append(all, one)
	}
	return all[max(0, len(all)-maxRows):]
}
