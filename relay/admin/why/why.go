// Package why says what became of an event, of a run or another thing of Qase, or of words: from "never arrived" to
// "delivered", step by step, with the first step that failed.
package why

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
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
	Entity     string    `json:"entity,omitempty"` // the key of the run, defect … that it is about; of the event of the steps
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
	store.Search
}

// New returns an asker over the desk of a relay and its store.
func New(d *desk.Desk, s Store) *Asker { return &Asker{d, s} }

// QuestionError says what is wrong with a question.
type QuestionError struct{ Text string }

func (e *QuestionError) Error() string { return e.Text }

// ErrEmpty says that nothing was asked.
var ErrEmpty error = &QuestionError{"say what it is about: the id of an event or delivery, a Qase link, WEB run 7, or words of its title"}

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
		return a.missing(ctx, &q, until, out)
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
	out.Event.Entity = e.Entity
	w := &walk{asker: a, event: &e, only: delivery}
	_ = json.Unmarshal(e.Decisions, &w.decision) // one that cannot be read has matched nothing
	if err := w.all(ctx); err != nil {
		return out, err
	}
	out.Steps, out.Verdict, out.Summary = w.steps, w.verdict, w.summary
	return out, nil
}

// missing answers a question about which no event was found.
func (a *Asker) missing(ctx context.Context, q *question, until time.Time, out Answer) (Answer, error) {
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
	more, err := a.refusals(ctx, until)
	if err != nil {
		return out, err
	}
	unseen, err := a.unseenKind(ctx, q)
	s.Details = append(append(s.Details, unseen...), more...)
	out.Steps, out.Verdict = append(out.Steps, s), NeverArrived
	out.Summary = "No event about " + q.about() + " has arrived."
	return out, err
}

const day = 24 * time.Hour

// maxRefusals is how many groups of refused calls are named.
const maxRefusals = 5

// refusals says which calls were refused in the day before a time, the newest first.
func (a *Asker) refusals(ctx context.Context, until time.Time) (texts []string, err error) {
	all, err := a.desk.Refusals(ctx)
	if err != nil {
		return nil, err
	}
	if until.IsZero() {
		until = time.Now()
	}
	left := 0
	for _, g := range all {
		switch {
		case g.At.After(until) || g.At.Before(until.Add(-day)):
		case len(texts) == maxRefusals:
			left += g.Count
		default:
			texts = append(texts, a.refusalText(g))
		}
	}
	if left > 0 {
		texts = append(texts, fmt.Sprintf("%d more calls were refused in these 24 hours", left))
	}
	return texts, nil
}

// refusalText describes calls of one minute that were refused.
func (a *Asker) refusalText(g desk.Refused) string {
	calls, were := fmt.Sprintf("%d calls", g.Count), "were"
	if g.Count == 1 {
		calls, were = "1 call", "was"
	}
	if g.Source != "" {
		calls += " to the source " + g.Source
	}
	if g.Sender != "" {
		calls += " from " + g.Sender
	}
	return fmt.Sprintf("at %s %s %s refused with %d %s%s", g.At.In(a.desk.Zone()).Format("2006-01-02 15:04 MST"), calls, were, g.Status,
		g.Reason, refusalHint(g.Status))
}

// refusalHint says what to do about a status.
func refusalHint(status int) string {
	switch status {
	case http.StatusBadRequest:
		return ": the body was not an event"
	case http.StatusUnauthorized:
		return ": compare the secret of the webhook in Qase with the secrets of the source"
	case http.StatusForbidden:
		return ": add the project or the address to the source, if it should be let in"
	case http.StatusNotFound:
		return ": compare the address of the webhook in Qase with the names of the sources"
	case http.StatusRequestEntityTooLarge:
		return ": Qase sends no body of this size"
	case http.StatusServiceUnavailable:
		return ": Qase was asked to try again"
	}
	return ""
}

// seen reports whether an event with all terms has come since.
func (a *Asker) seen(ctx context.Context, terms []store.Term, since store.ID) (bool, error) {
	ids, _, err := a.store.FindEvents(ctx, store.SearchFilter{Terms: terms, After: since, Limit: 1})
	return len(ids) > 0, err
}

// unseenKind returns a hint if events of other kinds have come from the project in the last 30 days, but none of this one.
func (a *Asker) unseenKind(ctx context.Context, q *question) (texts []string, err error) {
	if q.kind == "" || q.project == "" {
		return nil, nil
	}
	ofProject := search.Query{}.Of(search.Project, q.project)
	since := store.FirstID(time.Now().Add(-30 * day))
	for _, e := range catalog.All() {
		if e.Entity != q.kind {
			continue
		}
		if seen, err := a.seen(ctx, ofProject.Of(search.Name, e.Name), since); err != nil || seen {
			return nil, err
		}
	}
	others, err := a.seen(ctx, ofProject, since)
	if others {
		texts = append(texts, fmt.Sprintf("no %s.… event of the project %s has come in 30 days, but others: choose them in the settings of the webhook in Qase",
			q.kind, q.project))
	}
	return texts, err
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
