package why

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// walk follows one event from its arrival to its messages.
type walk struct {
	asker    *Asker
	event    *desk.Event
	decision decision
	only     store.ID // the delivery that was asked about, or 0

	steps   []Step
	verdict Verdict
	summary string
}

func (w *walk) add(name string, state State, text string, details ...string) *Step {
	w.steps = append(w.steps, Step{Name: name, State: state, Text: text, Details: details})
	return &w.steps[len(w.steps)-1]
}

// all adds all steps.
func (w *walk) all(ctx context.Context) error {
	if err := w.arrived(ctx); err != nil {
		return err
	}
	if w.event.State == "waiting" {
		w.undecided()
		return nil
	}
	if err := w.matched(ctx); err != nil {
		return err
	}
	w.heldBack()
	if err := w.delivered(ctx); err != nil {
		return err
	}
	w.conclude()
	return nil
}

// arrived adds the steps from the arrival to the catalog.
func (w *walk) arrived(ctx context.Context) error {
	e := w.event
	text := fmt.Sprintf("arrived at %s at the source %s", w.asker.timeText(e.ReceivedAt), e.Source)
	if e.Kind != "" {
		text = fmt.Sprintf("made by the relay (%s) at %s", e.Kind, w.asker.timeText(e.ReceivedAt))
	}
	w.add("arrived", Passed, text)
	if err := w.first(ctx); err != nil {
		return err
	}
	if _, known := catalog.Lookup(e.Event); known || e.Kind != "" {
		w.add("known", Passed, e.Event+" is in the catalog").Details = w.drift()
		return nil
	}
	s := w.add("known", Passed, e.Event+" is not in the catalog; rules can match it all the same")
	if hint := catalog.Hint(e.Event); hint != "" {
		s.Details = []string{hint}
	}
	return nil
}

// first adds whether the event is the first one of its kind and body. What repeats a body within a day is not stored, so
// only an event that says the same of the same thing in another body can stand before it.
func (w *walk) first(ctx context.Context) error {
	e := w.event
	if e.ReplayOf != "" {
		w.add("duplicate", Passed, "it repeats the event "+e.ReplayOf+", since a person asked for it")
		return nil
	}
	s := w.add("duplicate", Passed, "it is the first with its body; a call with the same body within 24 hours is answered with its id")
	id, _, err := w.asker.desk.EarlierEvent(ctx, e)
	if err != nil || id == 0 {
		return err
	}
	rows, err := w.asker.store.OutlinesOf(ctx, []store.ID{id})
	if before, known := rows[id]; known && before.Name == e.Event && e.ReceivedAt.Sub(before.ReceivedAt) < day {
		s.Details = []string{fmt.Sprintf("the event before about the same thing has the same name, and another body: %s, at %s", id,
			w.asker.timeText(before.ReceivedAt))}
	}
	return err
}

// drift names the fields of events of this name that the catalog does not have.
func (w *walk) drift() (texts []string) {
	for _, d := range w.asker.desk.Drift() {
		if d.Event == w.event.Event && d.Field != "" {
			texts = append(texts, "events of this name have the field "+d.Field+", which is not in the catalog")
		}
	}
	return texts
}

// undecided ends at an event that waits for what Qase says of it.
func (w *walk) undecided() {
	text := "it waits to be decided"
	if wait := w.event.Waiting; wait != nil {
		switch {
		case wait.Behind != "":
			text += ", behind the event " + wait.Behind + " of the same entity"
		case wait.Results:
			text += ", until Qase says which tests failed"
		}
		if wait.Until != nil {
			text += ", at the latest until " + w.asker.timeText(*wait.Until)
		}
	}
	w.add("matched", Pending, text)
	w.verdict, w.summary = Waits, sentence(text)
}

// matched adds the rules that matched, or else the nearest ones.
func (w *walk) matched(ctx context.Context) error {
	var matched, failed, stopped []string
	for _, r := range w.decision.Results {
		switch {
		case r.Outcome.IsMatch():
			matched = append(matched, r.Rule)
		case r.Outcome == rules.Failed:
			failed = append(failed, r.Rule+" failed: "+r.Reason)
		case r.Outcome == rules.Stopped:
			stopped = append(stopped, r.Rule+" was not reached: "+r.Reason)
		}
	}
	switch {
	case len(matched) > 0:
		w.add("matched", Passed, "matched by "+strings.Join(matched, ", "), append(failed, stopped...)...)
		return nil
	case w.event.Kind != "":
		w.add("matched", Passed, "the messages were decided when the relay made it")
		return nil
	case len(failed) > 0:
		w.add("matched", Broken, "no rule matched, and "+counted(len(failed), "condition")+" failed", failed...)
		return nil
	}
	near, err := w.nearest(ctx)
	w.add("matched", Stopped, "no rule matched", append(stopped, near...)...)
	return err
}

// maxNear is how many rules that did not match are named.
const maxNear = 3

// nearest says which of the current rules were nearest, and what was not true.
func (w *walk) nearest(ctx context.Context) (texts []string, err error) {
	id, err := store.ParseID(w.event.ID)
	if err != nil {
		return nil, err
	}
	x, err := w.asker.desk.Explain(ctx, id)
	var state *desk.StateError
	if errors.As(err, &state) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range x.Rules {
		if r.Outcome.IsMatch() {
			texts = append(texts, "the rule "+r.Rule+" would match it today")
		}
	}
	for i, r := range x.Nearest() {
		if i == maxNear {
			break
		}
		text := fmt.Sprintf("%s: %.0f %% of its condition is true", r.Rule, 100*r.Condition.Nearness())
		if first := r.Condition.FirstFalse(); first != nil {
			text += ", but not " + first.Text
			for _, part := range first.Parts {
				if len(part.Parts) == 0 && len(part.Value) > 0 {
					text += fmt.Sprintf(" (%s is %s)", part.Text, part.Value)
				}
			}
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// heldBack adds what kept messages back on purpose.
func (w *walk) heldBack() {
	var texts []string
	for _, r := range w.decision.Results {
		if !r.Outcome.IsMatch() || r.Outcome == rules.Matched && len(r.Silenced) == 0 && len(r.NoRecipients) == 0 {
			continue
		}
		text := r.Rule + ": " + outcomeText(r)
		for _, stage := range r.Flow {
			text += "; " + stage.String()
			if sent := w.event.Digests[stage.Slot]; sent != "" {
				text += ", sent with the event " + sent
			}
		}
		texts = append(texts, text)
	}
	if w.event.DryRun > 0 {
		texts = append(texts, "the relay rehearses (--dry-run): messages are recorded and not sent")
	}
	switch {
	case len(texts) > 0:
		w.add("held_back", Stopped, "messages were held back", texts...)
	case len(w.event.Matched) > 0 || w.event.Kind != "":
		w.add("held_back", Passed, "nothing held a message back")
	default:
		w.add("held_back", Skipped, "there was no message")
	}
}

// outcomeText says what became of the messages of a rule that matched.
func outcomeText(r rules.Result) string {
	switch r.Outcome {
	case rules.NoRecipients:
		return "no recipient is left for " + strings.Join(r.NoRecipients, ", ")
	case rules.Held:
		return "its throttle held the message back"
	case rules.Grouped:
		return "its message goes out in a digest"
	case rules.Deferred:
		return "its message is held until its window of time opens"
	case rules.Muted:
		return "its message was dropped outside of its window of time"
	case rules.Silenced:
		return "silenced " + r.Reason
	case rules.Waiting:
		return "it waits for what later events say"
	case rules.Done:
		return "what it would wait for has happened already"
	case rules.Postponed:
		return "a silence postponed its messages"
	case rules.Dropped:
		return "a person dropped its messages"
	case rules.Matched:
		if len(r.NoRecipients) > 0 {
			return "no recipient is left for " + strings.Join(r.NoRecipients, ", ")
		}
		return "a silence held back some of its messages"
	}
	return string(r.Outcome)
}

// delivered adds what became of the messages.
func (w *walk) delivered(ctx context.Context) error {
	var waits, dead, done []desk.Delivery
	replaced := map[string]bool{} // dead ones with a fallback
	for _, d := range w.event.Deliveries {
		if d.FallbackFor != "" {
			replaced[d.FallbackFor] = true
		}
	}
	for _, d := range w.event.Deliveries {
		if w.only != 0 && d.ID != w.only.String() {
			continue
		}
		switch {
		case d.State == store.Pending || d.State == store.Sending:
			waits = append(waits, d)
		case d.State == store.Dead && !replaced[d.ID]:
			dead = append(dead, d)
		case d.State == store.Delivered:
			done = append(done, d)
		}
	}
	if len(waits)+len(dead)+len(done) == 0 {
		for _, name := range []string{"waits", "failed", "delivered"} {
			w.add(name, Skipped, "there is no message to send")
		}
		return nil
	}
	if err := w.waits(ctx, waits); err != nil {
		return err
	}
	w.failed(dead)
	return w.arrivedAt(ctx, done, len(waits)+len(dead) > 0)
}

// waits adds the messages that wait, and why.
func (w *walk) waits(ctx context.Context, all []desk.Delivery) error {
	if len(all) == 0 {
		w.add("waits", Passed, "no message waits")
		return nil
	}
	states, err := w.asker.desk.Notifiers(ctx)
	if err != nil {
		return err
	}
	var texts []string
	for i := range all {
		text, err := w.waitText(ctx, &all[i])
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(states, func(n desk.Notifier) bool { return n.Name == all[i].Notifier }); i >= 0 && states[i].Why != "" {
			text += "; the notifier is " + states[i].State + ": " + states[i].Why
		}
		texts = append(texts, text)
	}
	w.add("waits", Pending, counted(len(all), "message")+" not sent yet", texts...).Delivery = all[0].ID
	return nil
}

// waitText says what a message waits for: an earlier one about the same thing, or its next attempt.
func (w *walk) waitText(ctx context.Context, d *desk.Delivery) (string, error) {
	text := d.Notifier + ": " + string(d.State) + " after " + counted(d.Attempts, "attempt")
	if d.Error != "" {
		text += ", the last one failed: " + d.Error
	}
	ahead, err := w.asker.ahead(ctx, d)
	switch {
	case err != nil:
		return "", err
	case ahead != nil:
		text += fmt.Sprintf(", behind the delivery %s about the same thing (%s), which is %s after %s", ahead.ID, ahead.Title, ahead.State,
			counted(ahead.Attempts, "attempt"))
	case d.NextAt != nil:
		text += ", next attempt at " + w.asker.timeText(*d.NextAt)
	}
	return text, nil
}

// ahead returns the delivery that one waits for, since those of one stream are sent in order, or nil.
func (a *Asker) ahead(ctx context.Context, d *desk.Delivery) (*store.Delivery, error) {
	id, err := store.ParseID(d.ID)
	if err != nil {
		return nil, nil
	}
	this, _, err := a.store.Delivery(ctx, id)
	if err != nil || this.OrderKey == "" {
		return nil, err
	}
	for _, state := range []store.State{store.Sending, store.Pending} {
		page, _, err := a.store.Deliveries(ctx, store.DeliveryFilter{State: state, Notifier: d.Notifier, OrderKey: this.OrderKey,
			Before: id, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(page) > 0 {
			return &page[0], nil
		}
	}
	return nil, nil
}

// failed adds the messages that failed for good.
func (w *walk) failed(all []desk.Delivery) {
	if len(all) == 0 {
		w.add("failed", Passed, "no message failed for good")
		return
	}
	var texts []string
	for _, d := range all {
		texts = append(texts, fmt.Sprintf("%s, delivery %s: %s", d.Notifier, d.ID, strings.TrimSpace(d.Status+" "+d.Error)))
	}
	w.add("failed", Broken, counted(len(all), "message")+" failed for good; once the cause is gone: qase-relay deliveries retry "+
		all[0].ID, texts...).Delivery = all[0].ID
}

// maxAnswer is how much of the answer of a receiver is shown, in characters.
const maxAnswer = 200

// arrivedAt adds the messages that arrived, with what their receivers answered.
func (w *walk) arrivedAt(ctx context.Context, all []desk.Delivery, others bool) error {
	if len(all) == 0 {
		w.add("delivered", Skipped, "no message has arrived")
		return nil
	}
	var texts []string
	for _, d := range all {
		text := fmt.Sprintf("%s by %s at %s: %s", d.Notifier, d.Rule, w.asker.timeText(d.UpdatedAt), strings.TrimSpace(d.Status+" "+d.Title))
		if d.Error != "" {
			text += " (" + d.Error + ")"
		}
		answer, err := w.asker.answerTo(ctx, &d)
		if err != nil {
			return err
		}
		if answer != "" {
			text += "; the receiver answered: " + answer
		}
		texts = append(texts, text)
	}
	text := counted(len(all), "message") + " delivered"
	if others {
		text += ", others not"
	}
	w.add("delivered", Passed, text, texts...).Delivery = all[0].ID
	return nil
}

// answerTo returns the beginning of what the receiver answered to the last attempt.
func (a *Asker) answerTo(ctx context.Context, d *desk.Delivery) (string, error) {
	id, err := store.ParseID(d.ID)
	if err != nil {
		return "", nil
	}
	_, attempts, err := a.store.Delivery(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(attempts) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return value.OneLine(value.Shorten(attempts[len(attempts)-1].Response, maxAnswer)), nil
}

// conclude sets the verdict by the first step that is not as it should be, faults before all else.
func (w *walk) conclude() {
	first := func(state State) *Step {
		if i := slices.IndexFunc(w.steps, func(s Step) bool { return s.State == state }); i >= 0 {
			return &w.steps[i]
		}
		return nil
	}
	last := w.steps[len(w.steps)-1]
	switch broken, pending, stopped := first(Broken), first(Pending), first(Stopped); {
	case broken != nil:
		w.verdict, w.summary = Failed, sentence(broken.Text)
	case pending != nil:
		w.verdict, w.summary = Waits, sentence(pending.Text)
	case last.Name == "delivered" && last.State == Passed:
		w.verdict, w.summary = Delivered, sentence(last.Text)
	case stopped != nil && stopped.Name == "held_back":
		w.verdict, w.summary = HeldBack, sentence(stopped.Text)
	case stopped != nil:
		w.verdict, w.summary = NothingToDo, "Nothing was sent: "+stopped.Text+"."
	default:
		w.verdict, w.summary = NothingToDo, "Nothing had to be sent."
	}
}

// sentence returns a text as a sentence.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
