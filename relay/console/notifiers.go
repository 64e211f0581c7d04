package console

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

// notifierPage is what the page of a notifier shows.
type notifierPage struct {
	desk.Health
	Strip strip
	Test  *desk.AuditEntry  // the last test message, or nil
	Did   []desk.AuditEntry // what people did to it, the newest first
}

// strip draws the last attempts as bars, the oldest first: the longer one took, the higher.
type strip struct {
	Sentence string
	Bars     []stripBar
}

type stripBar struct {
	X, Y, Width, Height float64
	Class, Title        string
}

// entriesShown is how many entries of the audit trail a notifier shows.
const entriesShown = 5

func (c *Console) notifiers(r *http.Request) (*frame.View, error) {
	all, err := c.o.Desk.NotifiersHealth(r.Context())
	if err != nil {
		return nil, err
	}
	return &frame.View{Template: "notifiers", Title: "Notifiers", Data: all, JSON: "api/v1/notifiers", Live: true}, nil
}

func (c *Console) notifier(r *http.Request) (*frame.View, error) {
	name, err := notifierOf(r)
	if err != nil {
		return nil, err
	}
	h, err := c.o.Desk.NotifierHealth(r.Context(), name)
	if err != nil {
		return nil, notifierProblem(name, err)
	}
	p := &notifierPage{Health: h, Strip: stripOf(h.Recent)}
	did, err := c.o.Desk.Audit(r.Context(), store.AuditFilter{Object: name, Limit: entriesShown})
	if err != nil {
		return nil, err
	}
	p.Did = did.Entries
	if i := slices.IndexFunc(p.Did, func(e desk.AuditEntry) bool { return e.Verb == desk.VerbTest }); i >= 0 {
		p.Test = &p.Did[i]
	}
	return &frame.View{Template: "notifier", Title: name, Data: p, JSON: "api/v1/notifiers/" + url.PathEscape(name),
		Live: true}, nil
}

// stripBars is for how many bars a strip has room; fewer stand at its right.
const stripBars = 50

// stripOf draws attempts.
func stripOf(recent []desk.LastAttempt) strip {
	var s strip
	failed := 0
	const width = 100.0 / stripBars
	for i := range recent {
		a := &recent[len(recent)-1-i]
		// 1 ms is a tenth of the height, and each tenfold time adds about a fifth.
		height := min(100, 10+18*math.Log10(max(1, a.Seconds*1000)))
		b := stripBar{X: round2(100 - float64(len(recent)-i)*width), Y: round2(100 - height), Width: round2(width * 0.8), Height: round2(height),
			Class: "ok", Title: "delivered in " + seconds(a.Seconds)}
		if !a.OK {
			failed++
			b.Class, b.Title = "bad", a.Reason+" after "+seconds(a.Seconds)
		}
		s.Bars = append(s.Bars, b)
	}
	s.Sentence = fmt.Sprintf("The last %s: %d delivered, %d failed", count(len(recent), "attempt"), len(recent)-failed, failed)
	return s
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

// percent returns a share as a text for people, which is 100 % only if nothing is missing.
func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	return fmt.Sprintf("%.4g %%", math.Floor(*share*1000)/10)
}

// notifierAction returns the action of a button of a notifier, which leads back to its page.
func (c *Console) notifierAction(act func(ctx context.Context, name string) error) frame.Action {
	return func(r *http.Request) (to string, v *frame.View, err error) {
		name, err := notifierOf(r)
		if err != nil {
			return "", nil, err
		}
		return "notifiers/" + url.PathEscape(name), nil, notifierProblem(name, act(r.Context(), name))
	}
}

// testNotifier sends a test message. The page shows by the audit trail what became of it.
func (c *Console) testNotifier(ctx context.Context, name string) error {
	_, err := c.o.Desk.TestMessage(ctx, name)
	return err
}

func notifierOf(r *http.Request) (string, error) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		return "", notifierProblem(mux.Vars(r)["name"], dispatch.ErrNoNotifier)
	}
	return name, nil
}

// notifierProblem returns an error for people.
func notifierProblem(name string, err error) error {
	if errors.Is(err, dispatch.ErrNoNotifier) {
		return &frame.Problem{Status: http.StatusNotFound, Title: "No such notifier",
			Text: fmt.Sprintf("The current rules have no notifier %.100q. It may have been renamed or removed.", name)}
	}
	return err
}
