package desk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk/latency"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

// Health is how a notifier does: what waits for it, and how its attempts of the last 24 hours went, as they are stored.
type Health struct {
	Notifier
	Delivered int64         `json:"delivered_24h"`
	Failed    int64         `json:"failed_24h"`             // deliveries that failed permanently
	Success   *float64      `json:"success_24h,omitempty"`  // the share of the delivered ones among both, from 0 to 1
	Latency   *Latency      `json:"latency_24h,omitempty"`  // from the event to the receiver
	Took      *Latency      `json:"attempts_24h,omitempty"` // of single attempts
	Reasons   []Reason      `json:"reasons_24h"`            // why attempts failed, the most frequent first
	RateUsed  *float64      `json:"rate_used,omitempty"`    // the share of the limit that the last minute used
	Recent    []LastAttempt `json:"recent"`                 // the last 50 attempts, the newest first
}

// Reason is how often attempts failed for a reason.
type Reason struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// LastAttempt is one of the last attempts of a notifier.
type LastAttempt struct {
	Delivery string    `json:"delivery_id"`
	Title    string    `json:"title"`
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	OK       bool      `json:"ok"`
	Status   string    `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Error    string    `json:"error,omitempty"`
}

const (
	recentAttempts = 50
	// ratedAttempts is how many attempts are read to count those of the last minute.
	ratedAttempts = 200
	healthWindow  = 24 * time.Hour
)

// NotifierHealth returns how a notifier does. For one that is not configured and has no deliveries it returns
// dispatch.ErrNoNotifier.
func (d *Desk) NotifierHealth(ctx context.Context, name string) (Health, error) {
	list, err := d.notifiers(ctx)
	if err != nil {
		return Health{}, err
	}
	i := slices.IndexFunc(list, func(n Notifier) bool { return n.Name == name })
	if i < 0 {
		return Health{}, dispatch.ErrNoNotifier
	}
	h := Health{Notifier: list[i], Reasons: []Reason{}, Recent: []LastAttempt{}}
	if err := d.countHealth(ctx, &h); err != nil {
		return Health{}, failed("reading what was counted", err)
	}
	attempts, err := d.o.Store.LastAttempts(ctx, name, ratedAttempts)
	if err != nil {
		return Health{}, failed("reading the last attempts", err)
	}
	if h.mayFail() {
		h.Failing = failingOf(attempts[:min(len(attempts), failingAttempts)])
	}
	h.RateUsed = d.rateUsed(name, attempts)
	for _, a := range attempts[:min(len(attempts), recentAttempts)] {
		h.Recent = append(h.Recent, LastAttempt{Delivery: a.Delivery.String(), Title: a.Title, At: a.At,
			Seconds: a.Took.Seconds(), OK: a.Reason == "", Status: a.Status, Reason: a.Reason, Error: a.Error})
	}
	return h, nil
}

// NotifiersHealth returns how each notifier does, without its attempts, their reasons and the use of its limit.
func (d *Desk) NotifiersHealth(ctx context.Context) ([]Health, error) {
	list, err := d.Notifiers(ctx)
	if err != nil {
		return nil, err
	}
	ended, err1 := d.lastDay(ctx, store.TallyDelivery, "")
	sent, err2 := d.lastDay(ctx, store.TallySent, "")
	if err := errors.Join(err1, err2); err != nil {
		return nil, failed("reading what was counted", err)
	}
	all := make([]Health, 0, len(list))
	for _, n := range list {
		h := Health{Notifier: n, Reasons: []Reason{}, Recent: []LastAttempt{}}
		h.count(ended[n.Name])
		h.Latency = latency.Of(sent[n.Name])
		all = append(all, h)
	}
	return all, nil
}

// wholeTime is longer than all that tallies are summed for.
const wholeTime = 10 * store.TallyHoursKept

// lastDay returns the sums of the last 24 hours of a kind, by notifier: of one, or of all.
func (d *Desk) lastDay(ctx context.Context, kind, notifier string) (map[string][]store.Tally, error) {
	list, err := d.o.Store.Tallies(ctx, store.TallyFilter{Kind: kind, Minute: kind == store.TallyDelivery, A: notifier,
		From: d.o.Store.Now().Add(-healthWindow), Step: wholeTime})
	of := map[string][]store.Tally{}
	for _, t := range list {
		of[t.A] = append(of[t.A], t)
	}
	return of, err
}

// count sets how many deliveries ended, and how.
func (h *Health) count(ended []store.Tally) {
	for _, t := range ended {
		switch store.State(t.B) {
		case store.Delivered:
			h.Delivered += t.N
		case store.Dead:
			h.Failed += t.N
		}
	}
	if all := h.Delivered + h.Failed; all > 0 {
		share := float64(h.Delivered) / float64(all)
		h.Success = &share
	}
}

// countHealth sets what was counted in the last 24 hours.
func (d *Desk) countHealth(ctx context.Context, h *Health) error {
	var errs []error
	tallies := func(kind string) []store.Tally {
		of, err := d.lastDay(ctx, kind, h.Name)
		errs = append(errs, err)
		return of[h.Name]
	}
	h.count(tallies(store.TallyDelivery))
	h.Latency = latency.Of(tallies(store.TallySent))
	h.Took = latency.Of(tallies(store.TallyAttempt))
	for _, t := range tallies(store.TallyReason) {
		h.Reasons = append(h.Reasons, Reason{t.B, t.N})
	}
	slices.SortFunc(h.Reasons, func(x, y Reason) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Reason, y.Reason))
	})
	return errors.Join(errs...)
}

// rateUsed returns the share of the limit of a notifier that the last minute used. It is nil without a limit, and where
// each channel has a limit of its own.
func (d *Desk) rateUsed(name string, attempts []store.NotifierAttempt) *float64 {
	n, ok := d.o.Config().Notifiers[name]
	if !ok {
		return nil
	}
	rate := n.Rate()
	if _, each := n.RateText(); each || rate.Messages == 0 {
		return nil
	}
	used, now := 0, d.o.Store.Now()
	for _, a := range attempts {
		if now.Sub(a.At) < time.Minute {
			used++
		}
	}
	share := float64(used) / (float64(rate.Messages) * time.Minute.Seconds() / rate.Per.Seconds())
	share = min(1, share)
	return &share
}

// Pause keeps the messages of a notifier until a person resumes it. For an unknown notifier it returns
// dispatch.ErrNoNotifier.
func (d *Desk) Pause(ctx context.Context, notifier string) error {
	return d.do(ctx, deed{verb: VerbPause, object: notifier}, func(ctx context.Context) error {
		err := d.o.Pause(ctx, notifier, access.From(ctx).Name)
		if errors.Is(err, dispatch.ErrNoNotifier) {
			return err
		}
		return failed("pausing a notifier", err)
	})
}

// TestMessage sends a test message through a notifier now, once, also while it is paused. For an unknown notifier it
// returns dispatch.ErrNoNotifier.
func (d *Desk) TestMessage(ctx context.Context, notifier string) (relay.Tested, error) {
	tested, err := d.o.TestMessage(ctx, notifier)
	noted := err
	if tested.Error != "" {
		noted = errors.New(tested.Error)
	}
	d.note(ctx, deed{verb: VerbTest, object: notifier}, noted)
	return tested, err
}
