// Package why says what became of an event, of a run or another thing of Qase, or of words: from "never arrived" to
// "delivered", step by step, with the first step that failed.
package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// Answer says what became of what was asked about.
type Answer struct {
	Question string `json:"question"`
	About    string `json:"about"` // what the question means
	// Verdict is one of the constants below, and Summary says it in a sentence.
	Verdict Verdict `json:"verdict"`
	Summary string  `json:"summary"`
	Steps   []Step  `json:"steps"`
	// Event is the event that the steps are about, and Others are further events that were found, the newest first.
	Event  *Found  `json:"event,omitempty"`
	Others []Found `json:"others"`
	// SearchedBack is the time of the oldest event that was looked at, if there may be older ones.
	SearchedBack *time.Time `json:"searched_back_to,omitempty"`
}

// Verdict is an answer in a word.
type Verdict string

// The verdicts.
const (
	Delivered    Verdict = "delivered"     // every message arrived
	NothingToDo  Verdict = "nothing_sent"  // nothing had to be sent
	HeldBack     Verdict = "held_back"     // messages are kept for later, or were dropped on purpose
	Waits        Verdict = "waits"         // messages or the decision wait
	Failed       Verdict = "failed"        // a message failed for good, or a rule failed
	NeverArrived Verdict = "never_arrived" // no event was found
)

// IsFine reports whether nothing failed.
func (v Verdict) IsFine() bool { return v != Failed && v != NeverArrived }

// Found is an event that was found.
type Found struct {
	ID         string    `json:"id"`
	Event      string    `json:"event"`
	Project    string    `json:"project"`
	Subject    string    `json:"subject,omitempty"`
	Outcome    string    `json:"outcome,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
}

// State is how a step ended.
type State string

// The states of a step.
const (
	Passed  State = "ok"      // as it should be
	Stopped State = "stopped" // the reason why the way ends here, on purpose
	Broken  State = "failed"  // the reason why the way ends here, by a fault
	Pending State = "waits"   // it is not over
	Skipped State = "skipped" // the way has ended before
)

// Step is one step on the way of a message.
type Step struct {
	Name     string   `json:"name"` // arrived, duplicate, known, matched, held_back, waits, failed or delivered
	State    State    `json:"state"`
	Text     string   `json:"text"`
	Details  []string `json:"details,omitempty"`
	Delivery string   `json:"delivery_id,omitempty"` // that it is about
}

// Asker answers questions. Its methods may be called from many goroutines.
type Asker struct {
	desk  *desk.Desk
	store Store
}

// Store is what of a store is read.
type Store interface {
	store.Reader
	store.Outlines
	Tallies(ctx context.Context, f store.TallyFilter) ([]store.Tally, error)
}

// New returns an asker over the desk of a relay and its store.
func New(d *desk.Desk, s Store) *Asker { return &Asker{d, s} }

// ErrEmpty says that nothing was asked.
var ErrEmpty = errors.New("say what it is about: the id of an event or delivery, a Qase link, WEB run 7, or words of its title")

// Ask answers a question about the newest events until a time; zero is now.
func (a *Asker) Ask(ctx context.Context, text string, until time.Time) (Answer, error) {
	q := parse(text)
	if q.text == "" {
		return Answer{}, ErrEmpty
	}
	found, delivery, back, err := a.find(ctx, &q, until)
	if err != nil {
		return Answer{}, err
	}
	out := Answer{Question: q.text, About: q.about(), Others: []Found{}, Steps: []Step{}}
	if !back.IsZero() {
		out.SearchedBack = &back
	}
	if len(found) == 0 {
		return a.missing(ctx, &q, out)
	}
	chosen := found[0]
	out.Event = &chosen
	out.Others = append(out.Others, found[1:]...)
	id, err := store.ParseID(chosen.ID)
	if err != nil {
		return out, err
	}
	e, err := a.desk.Event(ctx, id)
	if err != nil {
		return out, err
	}
	w := &walk{asker: a, event: &e, only: delivery}
	_ = json.Unmarshal(e.Decisions, &w.decision) // one that cannot be read has matched nothing
	if err := w.all(ctx); err != nil {
		return out, err
	}
	out.Steps, out.Verdict, out.Summary = w.steps, w.verdict, w.summary
	return out, nil
}

// missing answers a question about which no event was found.
func (a *Asker) missing(ctx context.Context, q *question, out Answer) (Answer, error) {
	s := Step{Name: "arrived", State: Broken, Text: "no event about " + q.about() + " has arrived"}
	if out.SearchedBack != nil {
		s.Details = append(s.Details, "searched back to "+a.timeText(*out.SearchedBack))
	} else {
		kept, _ := a.desk.Retention()
		s.Details = append(s.Details, fmt.Sprintf("all stored events were searched; events are kept for %s", spanText(kept)))
	}
	if q.project != "" {
		last, _, err := a.store.Outlines(ctx, store.OutlineFilter{Project: q.project, Limit: 1})
		if err != nil {
			return out, err
		}
		text := "no event of the project " + q.project + " is stored: is its webhook set up in Qase, and does it point here?"
		if len(last) > 0 {
			text = fmt.Sprintf("the last event of the project %s is %s, at %s", q.project, last[0].Name, a.timeText(last[0].ReceivedAt))
		}
		s.Details = append(s.Details, text)
	}
	more, err := a.refusals(ctx)
	if err != nil {
		return out, err
	}
	told, err := a.toldAbout(ctx, q)
	s.Details = append(append(s.Details, told...), more...)
	out.Steps, out.Verdict = append(out.Steps, s), NeverArrived
	out.Summary = "No event about " + q.about() + " has arrived."
	return out, err
}

const day = 24 * time.Hour

// refusals says which calls were refused in the last day.
func (a *Asker) refusals(ctx context.Context) (texts []string, err error) {
	all, err := a.store.Tallies(ctx, store.TallyFilter{Kind: store.TallyRefused, From: time.Now().Add(-day)})
	if err != nil {
		return nil, err
	}
	type group struct{ source, status string }
	counts, order := map[group]int64{}, []group{}
	for _, t := range all {
		g := group{t.A, t.B}
		if counts[g] == 0 {
			order = append(order, g)
		}
		counts[g] += t.N
	}
	for _, g := range order {
		texts = append(texts, fmt.Sprintf("in the last 24 hours %d calls to the source %q were refused with %s%s", counts[g], g.source,
			g.status, refusalHint(g.status)))
	}
	return texts, nil
}

// refusalHint says what a status means.
func refusalHint(status string) string {
	switch status {
	case "400":
		return ": the body was not an event"
	case "401":
		return ": the secret was missing or wrong"
	case "403":
		return ": the project or the address is not allowed"
	case "404":
		return ": there is no such source"
	case "413":
		return ": the body was too large"
	case "503":
		return ": the store could not take it, and Qase was asked to try again"
	}
	return ""
}

// toldAbout says whether events of this kind have come at all in the last 30 days.
func (a *Asker) toldAbout(ctx context.Context, q *question) (texts []string, err error) {
	if q.kind == "" || q.project == "" {
		return nil, nil
	}
	const window = 30 * day
	all, err := a.store.Tallies(ctx, store.TallyFilter{Kind: store.TallyName, A: q.project, From: time.Now().Add(-window)})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for _, t := range all {
		if strings.HasPrefix(t.B, q.kind+".") {
			return nil, nil
		}
	}
	return []string{fmt.Sprintf("no %s.… event of the project %s has come in 30 days: choose them in the settings of the webhook in Qase",
		q.kind, q.project)}, nil
}

// timeText returns a time for people, in the time zone of the settings.
func (a *Asker) timeText(t time.Time) string {
	return t.In(a.desk.Zone()).Format("2006-01-02 15:04:05 MST")
}

// spanText returns how long something is kept.
func spanText(d time.Duration) string {
	if d%day == 0 && d > 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// decision is a stored decision.
type decision struct {
	Results    []rules.Result
	NotMatched int `json:"not_matched"`
}
