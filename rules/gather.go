package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"qaserelay/rules/defaults"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
	"qaserelay/rules/message"
	"qaserelay/rules/target"
	"qaserelay/rules/timing"
	"qaserelay/rules/value"
)

// maxGenerations is how many digests of one key may be full and not sent yet; then members are counted only.
const maxGenerations = 100

// member is an item of a digest: the message of one event. The first one has all that is needed to send it alone.
type member struct {
	Title    string         `json:"title"`
	Level    string         `json:"level"`
	URL      string         `json:"url,omitempty"`
	Actor    map[string]any `json:"actor,omitempty"`
	Entity   map[string]any `json:"entity,omitempty"`
	Previous map[string]any `json:"previous,omitempty"`
	Mention  []any          `json:"mention,omitempty"`
	// Late, Held and Since are what the message says about the wait and the throttle of its rule.
	Late   *defaults.Late `json:"late,omitempty"`
	Held   int            `json:"held,omitempty"`
	Since  *time.Time     `json:"since,omitempty"`
	Single *single        `json:"single,omitempty"`
}

// single is a notification as it is sent alone.
type single struct {
	Message   message.Message `json:"message"`
	Options   json.RawMessage `json:"options,omitempty"`
	Fallbacks []Fallback      `json:"fallbacks,omitempty"`
	EntityKey string          `json:"entity,omitempty"`
	Series    string          `json:"series,omitempty"`
}

// gather puts messages into their digests, and returns those that are sent at once.
func (p *passage) gather(made []Notification) (sent []Notification) {
	g := p.rule.Group
	for _, n := range made {
		if p.closes != nil && p.closes(n.Notifier, n.Options, n.Level) {
			sent = append(sent, n)
			continue
		}
		if first := p.join(n, time.Time{}); first && g.SendFirst {
			sent = append(sent, n)
		}
	}
	if len(sent) == 0 {
		p.result.Outcome = Grouped
	}
	return sent
}

// join adds a message to its digest, which it opens if there is none, and reports whether it did. opens is when the
// rule's window of time opens, or the zero time if it is open.
func (p *passage) join(n Notification, opens time.Time) (opened bool) {
	var by byValues
	if p.rule.Group != nil {
		by = p.view.by(p.rule.Group.By)
		p.noteOnce(by.notes)
	}
	address, mention := target.SplitContent(n.Options)
	parts := p.digestParts(&n, address, by)
	key, slot, exists := p.openDigest(parts)
	now, counted := p.state.Now, len(by.hashed) > 0
	if !exists && counted && p.isCrowded() {
		by, counted = shared(), false
		parts = p.digestParts(&n, address, by)
		key, slot, exists = p.openDigest(parts)
	}
	if !exists {
		slot = flow.DigestSlot{ID: flow.Hash(key, p.event)[:16], Opened: now.UnixMilli(), By: by.shown, Target: n.target, Step: n.step,
			Notifier: n.Notifier, Options: address, Person: n.Person, Hold: !opens.IsZero(), Entity: p.view.entityKey, Counted: counted}
		if name, _ := flow.Parse(key); name.Hash != flow.Hash(parts...) {
			slot.Behind = flow.Hash(parts...)
		}
		if counted {
			p.countDigest()
		}
	}
	first := !exists && p.rule.Group != nil && p.rule.Group.SendFirst && opens.IsZero()
	if first {
		p.note("group", "sent; what follows until then is one message", by.shown, p.digestDue(&slot, opens))
	} else {
		p.addMember(key, &slot, n, mention)
	}
	slot.Due = p.digestDue(&slot, opens).UnixMilli()
	written := &writtenDigest{flow.Encode(slot), slot}
	p.lastDigest.Store(written)
	p.put(Change{Key: key, Value: written.value, Due: slot.DueAt()})
	p.armSummary(key, &slot)
	if !first {
		p.noteDigest(&slot)
	}
	return !exists
}

// digestParts returns the texts that tell the digest of a message apart. address are the options that say where it goes.
func (p *passage) digestParts(n *Notification, address json.RawMessage, by byValues) []string {
	entry := strconv.Itoa(n.target)
	if n.step > 0 {
		entry += " of step " + strconv.Itoa(n.step)
	}
	return append([]string{n.Notifier, entry, string(address), p.state.Replay}, by.hashed...)
}

// openDigest returns the key and the value of the digest that a member joins. exists is false for one that has yet to be
// opened.
func (p *passage) openDigest(hashed []string) (key string, slot flow.DigestSlot, exists bool) {
	for generation := range maxGenerations {
		parts := hashed
		if generation > 0 {
			parts = append(slices.Clip(hashed), "after "+strconv.Itoa(generation)+" full ones")
		}
		var data []byte
		key, data = p.findSlot(flow.Digest, flow.Hash(parts...))
		if slot, exists = p.readDigest(data); !exists || !p.isFull(&slot) {
			break
		}
	}
	return key, slot, exists
}

// writtenDigest is a digest and its value. It is never changed.
type writtenDigest struct {
	value []byte
	slot  flow.DigestSlot
}

// readDigest reads the value of a digest, which is that of the one that was written last in a burst of members.
func (s *Set) readDigest(value []byte) (flow.DigestSlot, bool) {
	last := s.lastDigest.Load()
	if last == nil || !bytes.Equal(value, last.value) {
		return flow.ReadDigest(value)
	}
	slot := last.slot
	slot.Mention = slices.Clip(slot.Mention)
	return slot, true
}

// isFull reports whether no further member joins a digest. One that was opened when the rule had a greater max is full
// and leaves at its time.
func (p *passage) isFull(slot *flow.DigestSlot) bool {
	g := p.rule.Group
	return slot.Full || g != nil && g.Split && slot.Listed >= g.Max
}

// addMember counts a message as a member of a digest, and lists it if there is room.
func (p *passage) addMember(key string, slot *flow.DigestSlot, n Notification, mention []any) {
	slot.Last = p.state.Now.UnixMilli()
	slot.Newest = p.event
	slot.Join(flow.Joining{Source: p.view.event.Source, Project: p.view.event.Project, Entity: p.view.entityKey, Level: n.Level,
		Mention: mention})
	most := timing.DefaultMaxListed
	if p.rule.Group != nil {
		most = p.rule.Group.Max
	}
	if slot.Listed >= most {
		return
	}
	slot.Listed++
	slot.Full = p.rule.Group != nil && p.rule.Group.Split && slot.Listed == most
	m := p.member(n, slot.Count == 1)
	m.Mention = mention
	data, err := flow.Marshal(m)
	if err != nil {
		p.result.Notes = append(p.result.Notes, "group: "+err.Error())
	}
	p.decision.Items = append(p.decision.Items, Item{Key: key, Event: p.itemEvent(), Data: data})
}

// itemEvent returns the id of the event of an item, or "" for that of the decision.
func (p *passage) itemEvent() string {
	if p.event == p.state.EventID {
		return ""
	}
	return p.event
}

// member returns the item of a message.
func (p *passage) member(n Notification, first bool) member {
	m := member{Title: n.Title, Level: n.Level, URL: n.URL}
	if p.rule.Title.ReadsMembers() { // it is that of the digest
		m.Title = p.view.titleByDefault()
	}
	m.Actor = p.view.actorMap()
	m.Entity, m.Previous = memory.SmallFields(p.view.entityMap()), memory.SmallFields(p.view.previous)
	m.Late = p.view.late
	if m.Held = p.view.suppressed; m.Held > 0 {
		m.Since = &p.view.suppressedSince
	}
	if first {
		m.Single = &single{n.Message, n.Options, n.Fallbacks, n.EntityKey, n.Series}
	}
	return m
}

// maxReplayWait is how long the digest of replayed events is open at the longest.
const maxReplayWait = 30 * time.Second

// digestDue returns when a digest leaves.
func (p *passage) digestDue(slot *flow.DigestSlot, opens time.Time) time.Time {
	now, due := p.state.Now, slot.DueAt()
	g := p.rule.Group
	switch {
	case g == nil || slot.Hold: // until the window opens, as it was when the digest was opened
		if due.IsZero() {
			due = opens
		}
		return due
	case slot.Full:
		due = now
	case p.state.Replay != "":
		due = slot.OpenedAt().Add(min(cmp.Or(g.Wait, maxReplayWait), maxReplayWait))
	case g.At != nil:
		if due.IsZero() {
			due = g.At.Next(now)
		}
	default:
		due = p.waitDue(g, slot, due)
	}
	if a := p.rule.Active; a != nil && p.state.Replay == "" {
		due = a.Window.Next(due)
	}
	return due
}

// waitDue returns when a digest leaves by wait and quiet. Its wait is that of the rule when it was opened; one that was
// opened by at leaves then.
func (p *passage) waitDue(g *Group, slot *flow.DigestSlot, due time.Time) time.Time {
	if slot.Longest == 0 {
		if due.IsZero() {
			due = slot.OpenedAt().Add(g.Wait)
		}
		slot.Longest = due.UnixMilli()
	}
	longest := time.UnixMilli(slot.Longest).UTC()
	if g.Quiet == 0 {
		return longest
	}
	quiet := p.state.Now.Add(g.Quiet)
	if quiet.Before(longest) {
		return quiet
	}
	return longest
}

func (p *passage) noteOnce(notes []string) {
	for _, note := range notes {
		if !slices.Contains(p.result.Notes, note) {
			p.result.Notes = append(p.result.Notes, note)
		}
	}
}

// noteDigest notes the place of a member in its digest.
func (p *passage) noteDigest(slot *flow.DigestSlot) {
	text := fmt.Sprintf("%s of digest %s to %s, goes out at %s", value.Ordinal(slot.Count), slot.ID, slot.Notifier,
		p.clock(slot.DueAt()))
	p.note("group", text, slot.By, slot.DueAt())
	p.result.Flow[len(p.result.Flow)-1].Slot = slot.ID
}

// vars returns the member as an element of .events.
func (m *member) vars(s *Set, ev *event.Event) map[string]any {
	vars := map[string]any{"title": m.Title, "level": m.Level, "url": m.URL, "entity": mapOrEmpty(m.Entity),
		"actor": mapOrEmpty(m.Actor), "previous": nil, "payload": map[string]any{}, "event_name": "", "project_code": "",
		"source": "", "time": nil}
	if m.Previous != nil {
		vars["previous"] = m.Previous
	}
	if ev != nil {
		vars["event_name"], vars["payload"], vars["project_code"] = ev.Name, ev.Payload, ev.Project
		vars["source"], vars["time"] = ev.Source, ev.Time().In(s.settings.Location)
	}
	return vars
}

// listAlone lists the message of a rule with group as the only member of its digest, and returns what is listed, or nil
// without group.
func (s *Set) listAlone(r *Rule, v *view, m *message.Message) map[string]any {
	if r.Group == nil {
		return nil
	}
	alone := member{Title: v.titleByDefault(), Level: m.Level, URL: m.URL}
	alone.Actor, alone.Entity, alone.Previous = v.actorMap(), v.entityMap(), v.previous
	vars := alone.vars(s, v.event)
	v.context().Vars["events"] = []any{vars}
	return vars
}

// titleByDefault returns the title of the default message for the event of a view.
func (v *view) titleByDefault() string {
	return cmp.Or(v.defaultOf().Title(), value.OneLine(v.event.Name))
}

func mapOrEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
