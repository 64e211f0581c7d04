package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/condition"
	"qaserelay/rules/defaults"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/silence"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// digest sends an open digest.
func (w *waking) digest() {
	slot, ok := flow.ReadDigest(w.Value)
	members := w.members()
	w.end()
	w.uncountDigest(&slot)
	w.passSummary(&slot)
	if !ok || slot.Count == 0 || len(members) == 0 && slot.Listed > 0 {
		return
	}
	result := Result{Rule: w.ruleName(), Outcome: Matched}
	if members = w.audible(&slot, members, &result); len(members) == 0 && slot.Listed > 0 {
		result.Outcome = Silenced
		w.decision.record(result)
		if w.Flush {
			w.decision.Changes = nil // it waits on
		}
		return
	}
	n, alone := w.alone(&slot, members, &result)
	if alone && members[0].event != nil {
		w.decision.Row = rowOf(RowDigest, members[0].event)
	} else {
		w.decision.Row = w.digestRow(&slot, members)
	}
	if !alone {
		n = w.composeDigest(&slot, members, &result)
	}
	text := fmt.Sprintf("digest %s of %s goes out", slot.ID, value.Counted(slot.Count, "message", "messages")) + w.asked()
	result.Flow = append(result.Flow, flow.Stage{Stage: "group", Text: text, Key: strings.Join(slot.By, ", "), Slot: slot.ID})
	if w.rule != nil && !w.rule.Enabled {
		n.Cancelled = "the rule " + w.rule.Name + " is disabled"
	}
	w.decision.Notifications = []Notification{n}
	w.decision.record(result)
}

// audible returns the members of a digest that no silence holds back, and makes the digest one of these. Members that are
// not listed cannot be told apart, so they stay in its count, unless all that are listed are left out.
func (w *waking) audible(slot *flow.DigestSlot, members []listed, result *Result) (heard []listed) {
	if !w.state.Silences.IsActive(w.state.Now) {
		return members
	}
	var joined []flow.Joining
	for _, m := range members {
		ev := w.eventOr(m.event, slot)
		if found := w.silenceOf(slot, &m, ev); found != nil {
			result.Silenced = append(result.Silenced, SilencedMessage{slot.Notifier, found.ID})
			continue
		}
		heard = append(heard, m)
		joined = append(joined, flow.Joining{Source: ev.Source, Project: ev.Project, Entity: ev.EntityKey(), Level: m.Level,
			Mention: m.Mention})
	}
	left, unlisted := len(members)-len(heard), slot.Count-len(members)
	if left == 0 {
		return heard
	}
	note := ofSilence + slot.Notifier + ": " + value.Counted(left, "message", "messages")
	switch {
	case unlisted > 0 && len(heard) == 0:
		note += fmt.Sprintf("; %d more, which the digest does not list, are left out with them", unlisted)
	case unlisted > 0:
		slot.Count -= left
		note += fmt.Sprintf("; %d more, which the digest does not list, are counted whether silenced or not", unlisted)
	default:
		*slot = slot.Left(joined)
		w.Events = nil // the newest member may be left out
	}
	result.Notes = append(result.Notes, note)
	return heard
}

// silenceOf returns the silence that holds back a member of a digest, or nil.
func (w *waking) silenceOf(slot *flow.DigestSlot, m *listed, ev *event.Event) *silence.Silence {
	f := silence.Fields{Rule: w.ruleName(), Notifier: slot.Notifier, Level: m.Level, Project: ev.Project, Source: ev.Source,
		Event: ev.Name, Entity: ev.EntityKey(), Environment: value.PlainText(m.Entity["environment"]),
		Plan: value.PlainText(m.Entity["plan"])}
	return w.state.Silences.Find(w.state.Now, &f, func() *condition.Env { return w.view(ev, w.state).all() })
}

// listed is a member with its event.
type listed struct {
	member
	event *event.Event
}

// members returns the items of the slot. A faulty one has the name of its event as title.
func (w *waking) members() []listed {
	all := make([]listed, 0, len(w.Items))
	for _, it := range w.Items {
		var m member
		if json.Unmarshal(it.Data, &m) != nil {
			m = member{Level: message.Info, Title: "a message that cannot be read"}
		}
		m.Entity, m.Actor, m.Previous = value.Normalized(m.Entity), value.Normalized(m.Actor), value.Normalized(m.Previous)
		all = append(all, listed{m, it.Event})
	}
	return all
}

// alone returns the notification of the only member, as it would have been sent at once. ok is false for several members.
func (w *waking) alone(slot *flow.DigestSlot, members []listed, result *Result) (n Notification, ok bool) {
	if slot.Count != 1 || len(members) != 1 {
		return n, false
	}
	if m := members[0].Single; m != nil {
		m.Message.Rule = w.ruleName()
		return Notification{Message: m.Message, Notifier: slot.Notifier, Options: m.Options, Fallbacks: m.Fallbacks,
			EntityKey: m.EntityKey, Series: m.Series, Person: slot.Person}, true
	}
	to := w.target(slot) // the others were silenced
	if members[0].event == nil || to == nil {
		return n, false
	}
	r, v := w.rule.ofStep(w.stepOf(slot)), w.view(members[0].event, w.state)
	members[0].setTiming(v)
	if v.late != nil && v.late.Resolved {
		r.Level = message.Success
	}
	for _, n := range w.notify(r, []*Target{to}, v, result) {
		if address, _ := target.SplitContent(n.Options); string(address) == string(slot.Options) {
			return n, true
		}
	}
	return n, false
}

// setTiming lets the message of the view say what that of the member said about the wait and the throttle.
func (m *member) setTiming(v *view) {
	if m.Late != nil {
		v.setLate(m.Late)
	}
	if m.Since != nil {
		v.suppress(m.Held, *m.Since)
	}
}

// eventOr returns an event, or one that has only what is known of all members.
func (w *waking) eventOr(ev *event.Event, slot *flow.DigestSlot) *event.Event {
	if ev != nil {
		return ev
	}
	return &event.Event{Source: slot.Source, Name: DigestEvent, Project: slot.Project, Timestamp: w.state.Now.Unix(),
		Payload: map[string]any{}, ReceivedAt: w.state.Now}
}

// digestRow returns the row of a digest.
func (w *waking) digestRow(slot *flow.DigestSlot, members []listed) *Row {
	var events [][]byte
	for _, m := range members {
		if m.event != nil {
			events = append(events, m.event.Body)
		}
	}
	return &Row{Kind: RowDigest, Source: slot.Source, Name: DigestEvent, Project: slot.Project,
		Body: slot.Body(DigestEvent, w.state.Now, events)}
}

// composeDigest returns the notification of a digest with several members.
func (w *waking) composeDigest(slot *flow.DigestSlot, members []listed, result *Result) Notification {
	v := w.digestView(slot, members)
	d := digestWriter{waking: w, slot: slot, members: members, view: v}
	m := d.message()
	result.Notes = append(result.Notes, d.notes...)
	n := Notification{Message: m, Notifier: slot.Notifier, Options: slot.Options, Person: slot.Person, EntityKey: slot.Entity}
	if slot.Several || n.EntityKey == "" {
		n.EntityKey = event.JoinKey("digest", w.name.Owner, w.name.Hash)
	}
	t := w.target(slot)
	if t == nil {
		return n
	}
	w.setMessage(v.context(), &m)
	var notes []string
	n.Options, notes = t.WithContent(v.context(), slot.Options, slot.Mention)
	result.Notes = append(result.Notes, notes...)
	n.Fallbacks, notes = t.RenderFallbacks(v.context(), w.personOf(slot))
	result.Notes = append(result.Notes, notes...)
	return n
}

// personOf returns the person who alone gets a digest, or nil.
func (w *waking) personOf(slot *flow.DigestSlot) *people.Recipient {
	if all := w.people.Resolve(slot.Person); slot.Person != "" && len(all) == 1 {
		return &all[0]
	}
	return nil
}

// stepOf returns the step of the rule's wait whose messages are in a digest, if it has targets of its own, or nil.
func (w *waking) stepOf(slot *flow.DigestSlot) *Step {
	if a := w.rule.After; a != nil && 0 < slot.Step && slot.Step <= len(a.Steps) {
		return &a.Steps[slot.Step-1]
	}
	return nil
}

// target returns the entry of notify that the digest is for, or nil if it is gone.
func (w *waking) target(slot *flow.DigestSlot) *Target {
	if w.rule == nil || !w.rule.Enabled {
		return nil
	}
	own := w.rule.ofStep(w.stepOf(slot)).Targets
	if slot.Target < len(own) && own[slot.Target].Notifier == slot.Notifier {
		return own[slot.Target]
	}
	for _, t := range slices.Concat(own, w.rule.allTargets()) {
		if t.Notifier == slot.Notifier {
			return t
		}
	}
	return nil
}

// digestView returns the variables of a digest: those of its newest member, and the members.
func (w *waking) digestView(slot *flow.DigestSlot, members []listed) *view {
	newest := w.event()
	if newest == nil && len(members) > 0 {
		newest = members[len(members)-1].event
	}
	v := w.view(w.eventOr(newest, slot), w.state)
	v.listMembers(w.Set, members, slot.Count)
	c := v.context()
	c.Vars["since"] = slot.OpenedAt().In(w.settings.Location)
	c.Vars["until"] = w.state.Now.In(w.settings.Location)
	return v
}

// listMembers sets the variables about the members of a digest.
func (v *view) listMembers(s *Set, members []listed, count int) {
	events := make([]any, len(members))
	for i := range members {
		events[i] = members[i].vars(s, members[i].event)
	}
	vars := v.context().Vars
	vars["events"], vars["count"], vars["more"] = events, count, count-len(members)
	vars["since"], vars["until"] = v.now.In(s.settings.Location), v.now.In(s.settings.Location)
}

// digestWriter writes the message of a digest.
type digestWriter struct {
	*waking
	slot    *flow.DigestSlot
	members []listed
	view    *view
	notes   []string
}

// message returns the message. Each part is that of group, else that of the rule if it reads the members, else the
// default.
func (d *digestWriter) message() message.Message {
	m := message.Message{Rule: d.ruleName(), Level: d.slot.Level, Label: "SUMMARY"}
	if !message.IsLevel(m.Level) {
		m.Level = message.Info
	}
	var title, body *template.Template
	if r := d.rule; r != nil {
		title, body = r.DigestTemplates()
		if r.Group != nil && r.Group.Level != "" {
			m.Level = r.Group.Level
		}
	}
	if !d.slot.Several && len(d.members) > 0 {
		m.URL = d.members[len(d.members)-1].URL
	}
	m.SetVariables(d.view.context().Vars)
	own := false
	if m.Title, own = d.write("title", title); !own || m.Title == "" {
		m.Title = d.byDefault().WriteTitle()
	}
	if !d.settings.NoEmoji && !(own && message.HasSign(m.Title)) {
		m.Sign = message.Sign(m.Level)
	}
	if m.Body, own = d.write("body", body); !own {
		m.Body = d.byDefault().WriteBody()
	}
	m.Title, m.Body = strings.TrimSpace(value.OneLine(m.Title)), strings.TrimSpace(m.Body)
	return m
}

// DigestTemplates returns the templates of a digest of several messages: those of group, else those of the rule if they
// read the members, else nil for the default.
func (r *Rule) DigestTemplates() (title, body *template.Template) {
	var g Group
	if r.Group != nil {
		g = *r.Group
	}
	return ofDigest(g.Title, r.Title), ofDigest(g.Body, r.Body)
}

func ofDigest(group, rule *template.Template) *template.Template {
	if group == nil && rule.ReadsMembers() {
		return rule
	}
	return group
}

// write renders a template of the rule, if it has one.
func (d *digestWriter) write(part string, t *template.Template) (text string, ok bool) {
	if t == nil {
		return "", false
	}
	text, err := t.Render(d.view.context())
	if err != nil {
		d.notes = append(d.notes, fmt.Sprintf("%s: the template failed, so the default digest was used: %v", part, err))
		return "", false
	}
	return text, true
}

// byDefault returns the writer of the default digest.
func (d *digestWriter) byDefault() *defaults.DigestWriter {
	w := &defaults.DigestWriter{Rule: d.ruleName(), Project: d.slot.Project, Count: d.slot.Count,
		Opened: d.slot.OpenedAt(), Now: d.state.Now, Location: d.settings.Location, NoEmoji: d.settings.NoEmoji,
		Room: d.roomFor(d.slot.Notifier)}
	for _, m := range d.members {
		line := defaults.DigestLine{Title: m.Title, Level: m.Level, URL: m.URL}
		if m.event != nil {
			line.Time = m.event.ReceivedAt
		}
		w.Members = append(w.Members, line)
	}
	return w
}

// roomFor returns the room for the default digest.
func (w *waking) roomFor(notifier string) flow.Room {
	if w.room != nil {
		if own := w.room(notifier); own.Most > 0 {
			return own
		}
	}
	return flow.Room{Most: defaults.DefaultRoom}
}
