package email

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// keepProgress is how long the progress of a delivery is kept: longer than all retries.
const keepProgress = 60 * 24 * time.Hour

// progress holds the recipients that earlier attempts of a delivery have settled. It is stored as soon as some
// recipients have the email while others may still get it, so that the next attempt is only for the latter.
type progress struct {
	Taken   []string `json:"taken"`             // recipients that have the email
	Refused []string `json:"refused,omitempty"` // recipients that will not get it
	Why     []string `json:"why,omitempty"`     // the reason for each of them

	stored []byte // the value in the store
}

func progressKey(m *notifiers.Message) string { return "mail/" + m.ID }

// readProgress returns the stored progress of a delivery. Without a [notifiers.KV] it is empty.
func readProgress(ctx context.Context, m *notifiers.Message) (p progress, err error) {
	if m.KV == nil {
		return p, nil
	}
	if p.stored, err = m.KV.Get(ctx, progressKey(m)); err != nil || p.stored == nil {
		return p, err
	}
	return p, json.Unmarshal(p.stored, &p)
}

// left returns the recipients that may still get the email.
func (p progress) left(recipients []string) []string {
	return slices.DeleteFunc(slices.Clone(recipients), func(r string) bool {
		return slices.Contains(p.Taken, r) || slices.Contains(p.Refused, r)
	})
}

// with adds the outcome of an attempt, and returns the recipients that may get the email in the next one.
func (p *progress) with(r outcome) (waiting []refusal) {
	p.Taken = append(p.Taken, r.taken...)
	for _, one := range r.refused {
		if !one.final() {
			waiting = append(waiting, one)
			continue
		}
		p.Refused = append(p.Refused, one.recipient)
		p.Why = append(p.Why, refusals([]refusal{one})[0])
	}
	return waiting
}

// remember stores the progress, even if the attempt has timed out: otherwise the next attempt would reach some
// recipients twice.
func (p progress) remember(ctx context.Context, m *notifiers.Message) error {
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return p.swap(ctx, m, value)
}

// forget deletes the stored progress of a delivery that is done. If that fails, the progress expires.
func (p progress) forget(ctx context.Context, m *notifiers.Message) {
	if p.stored != nil {
		_ = p.swap(ctx, m, nil)
	}
}

func (p progress) swap(ctx context.Context, m *notifiers.Message, value []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	done, err := m.KV.Swap(ctx, progressKey(m), p.stored, value, keepProgress)
	if err == nil && !done {
		err = errors.New("another attempt was made at the same time")
	}
	return err
}

// receipt returns the server's reply with the recipients that do not get the email.
func (p progress) receipt(r outcome, notes []string, m httpclient.Redactor) notifiers.Receipt {
	notes = slices.Clone(notes)
	for _, why := range p.Why {
		notes = append(notes, "refused: "+why)
	}
	for _, one := range r.refused {
		if !one.final() {
			notes = append(notes, "refused for now: "+refusals([]refusal{one})[0])
		}
	}
	return notifiers.Receipt{
		Status:   notifiers.Cut(m.Redact(notifiers.OneLine(r.answer)), 500),
		Response: notifiers.CutBytes(m.Redact(strings.Join(notes, "\n")), httpclient.MaxReceipt),
		Missed:   notifiers.Cut(m.Redact(missed(notes)), 500),
	}
}

// missed sums up in one line which recipients do not get the email.
func missed(notes []string) string {
	if len(notes) > 1 {
		return fmt.Sprintf("not to all: %s, and %d more", notifiers.OneLine(notes[0]), len(notes)-1)
	} else if len(notes) == 1 {
		return "not to all: " + notifiers.OneLine(notes[0])
	}
	return ""
}

// unsent adds to an error that some recipients have the email already.
func (p progress) unsent(err error) error {
	if len(p.Taken) == 0 {
		return err
	}
	return fmt.Errorf("%w (%d recipients have the email already, and will not get it again)", err, len(p.Taken))
}
