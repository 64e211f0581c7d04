package target

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"qaserelay/rules/people"
	"qaserelay/rules/template"
)

// Except is the option that names people who get no message. It is for the rules alone: no notifier sees it.
const Except = "except"

// People is the value of an option that names people: persons, teams, addresses, ids, and templates of these.
type People struct {
	Entries   []OptionValue
	Directory *people.Directory
	PeopleRole
	Together  bool // one message to all of them, where each would get one
	OfActor   bool // an entry is about the person who acted
	Beside    bool // a message also goes to the place that the other options name
	Inherited bool // the option is the notifier's, which sends to these people unless the message says otherwise
}

// PeopleRole is the part that people have in a message, by the declaration of the option.
type PeopleRole struct {
	Way     people.Way
	Rank    int    // a person in several options is named by that of the lowest rank
	Carries bool   // the message goes to these people alone, so without them to no recipient
	Replies bool   // they get answers, and no message
	Most    int    // if not 0, each gets a message of their own, or at most so many one together
	Place   string // the option with the place that the message goes to in their stead
}

// and returns the people of both.
func (p *People) and(other *People) *People {
	both := *p
	both.Entries = slices.Concat(p.Entries, other.Entries)
	return &both
}

// resolve returns the recipients, each once, of the entries that can be rendered, and the first error of the others.
func (p *People) resolve(c template.Context) (all []people.Recipient, first error) {
	for _, entry := range p.Entries {
		text, err := Render(entry, c)
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		s, _ := text.(string)
		for _, one := range p.Directory.Resolve(s) {
			if !slices.ContainsFunc(all, one.Is) {
				all = append(all, one)
			}
		}
	}
	return all, first
}

// Render returns the texts by which the notifier reaches the people.
func (p *People) Render(c template.Context) (any, error) {
	all, err := p.resolve(c)
	texts := []any{}
	for _, one := range all {
		if text, _ := p.Directory.Reach(p.Way, one); text != "" && !slices.Contains(texts, any(text)) {
			texts = append(texts, text)
		}
	}
	return texts, err
}

// Prepared are the messages of a target for one event. Without any, no recipient is left.
type Prepared struct {
	Messages []Outgoing
	Notes    []string
}

// Outgoing is one message of a target.
type Outgoing struct {
	Options json.RawMessage
	To      string            // the person who alone gets it, as in the options, or ""
	Person  *people.Recipient // the same
}

// limits are what a fallback has to know of the message that it is for.
type limits struct {
	fallback bool
	only     *people.Recipient // the one who alone should have got it, or nil
	except   *People           // the people that the rule leaves out, or nil
}

// Prepare renders the options of a target for an event.
func (t *Target) Prepare(c template.Context) Prepared { return t.prepare(c, limits{}) }

// Fixed returns the messages, if no event changes them, else nil.
func (t *Target) Fixed() *Prepared { return t.fixed }

// prepare renders the options of a target. An option whose template fails is left out and noted, so that the one of the
// notifier holds.
func (t *Target) prepare(c template.Context, l limits) Prepared {
	if t.fixed != nil && (!l.fallback || !t.hasPeople()) {
		return *t.fixed
	}
	w := &targetWriter{Target: t, limits: l, values: make(map[string]any, len(t.Options))}
	var invited []Option
	for _, o := range t.Options {
		if p, isPeople := o.Value.(*People); isPeople {
			if o.Key == Except {
				w.leaveOut(p, c)
			} else {
				invited = append(invited, o)
			}
			continue
		}
		v, err := Render(o.Value, c)
		if err != nil {
			w.note("%s for %s: the template failed: %v", o.Key, t.Notifier, err)
			continue
		}
		w.values[o.Key] = v
	}
	w.leaveOut(l.except, c)
	slices.SortFunc(invited, func(a, b Option) int { return a.Value.(*People).Rank - b.Value.(*People).Rank })
	for _, o := range invited {
		w.invite(o.Key, o.Value.(*People), c)
	}
	if w.carried && len(w.reached) == 0 && !w.beside {
		return Prepared{Notes: append(w.notes, w.whyNobody())}
	}
	w.noteMistakable()
	return Prepared{w.messages(), append(w.notes, w.missed...)}
}

func (t *Target) hasPeople() bool {
	return slices.ContainsFunc(t.Options, func(o Option) bool { _, isPeople := o.Value.(*People); return isPeople })
}

// targetWriter renders the options of one target for one event.
type targetWriter struct {
	*Target
	limits
	values  map[string]any
	notes   []string
	missed  []string           // notes on people who could not be reached
	lost    []string           // says of each person why they get no message
	out     []people.Recipient // left out
	named   []people.Recipient // people of any option who were not left out
	gone    []people.Recipient // those who were
	reached []people.Recipient // the message goes to them
	carried bool               // an option names the recipients of the message
	beside  bool               // it also goes elsewhere
	each    *eachOf
}

// eachOf are people who get a message of their own.
type eachOf struct {
	key, place string
	texts      []any
	people     []people.Recipient
}

func (w *targetWriter) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// leaveOut adds the people who get no message.
func (w *targetWriter) leaveOut(p *People, c template.Context) {
	if p == nil {
		return
	}
	all, err := p.resolve(c)
	if err != nil {
		w.note("%s for %s: the template failed: %v", Except, w.Notifier, err)
	}
	if err == nil && len(all) == 0 && p.OfActor {
		if actor := w.unknownActor(c); actor != "" {
			w.note("%s for %s: it is not known who %s is, so nobody is left out; %s", Except, w.Notifier, actor, knowMembers)
		}
	}
	w.out = append(w.out, all...)
}

// knowMembers is the advice about members who are known by id alone.
const knowMembers = "write member_id in people, or api_token in the source"

// unknownActor returns the name of an actor who is known by member id alone, or "".
func (w *targetWriter) unknownActor(c template.Context) string {
	actor, _ := c.Vars["actor"].(map[string]any)
	if automation, _ := actor["automation"].(bool); automation || actor["email"] != nil {
		return ""
	}
	name, _ := actor["name"].(string)
	return name
}

// noteMistakable notes those who are to be left out and may be among the recipients all the same, since only their
// member id is known.
func (w *targetWriter) noteMistakable() {
	for _, one := range w.out {
		if slices.ContainsFunc(w.gone, one.Is) {
			continue // found
		}
		var among []string
		for _, other := range w.named {
			if one.MayBe(other) {
				among = append(among, other.String())
			}
		}
		if len(among) > 0 {
			w.note("%s for %s: %s could not be told from %s, since no name or address is known; %s", Except, w.Notifier,
				one, strings.Join(among, ", "), knowMembers)
		}
	}
}

// whyNobody says why no recipient is left, by the people of the options.
func (w *targetWriter) whyNobody() string {
	kind := ""
	if w.fallback {
		kind = "the fallback "
	}
	return NoRecipient + kind + w.Notifier + ": " + strings.Join(w.lost, "; ")
}

// invite renders an option with people. Those who are left out, or reached by another option, are not among them.
func (w *targetWriter) invite(key string, p *People, c template.Context) {
	all, err := p.resolve(c)
	if err != nil {
		w.note("%s for %s: the template failed: %v", key, w.Notifier, err)
	}
	if err != nil && len(all) == 0 {
		return // the people of the notifier get the message, or it ends as a dead letter
	}
	w.carried = w.carried || p.Carries
	texts, kept := w.reach(key, p, all)
	if i := w.indexOnly(kept); i >= 0 && p.Carries {
		texts, kept = texts[i:i+1], kept[i:i+1]
	}
	if p.Carries {
		w.reached = append(w.reached, kept...)
	}
	if p.Most > 0 {
		w.split(p, &eachOf{key, p.Place, texts, kept})
		return
	}
	if unchanged := len(texts) == len(all); !p.Inherited || !unchanged || !isStatic(p) {
		w.values[key] = texts
	}
}

// reach returns the texts by which those of some people are reached who get the message by this option.
func (w *targetWriter) reach(key string, p *People, all []people.Recipient) (texts []any, kept []people.Recipient) {
	texts = []any{}
	if len(all) == 0 && p.Carries {
		w.lose(key + " names nobody for this event")
	}
	for _, one := range all {
		if !p.Replies && slices.ContainsFunc(w.out, one.Is) {
			w.lose(one.String() + " is left out by " + Except)
			w.gone = append(w.gone, one)
			continue
		}
		if p.Carries && slices.ContainsFunc(w.reached, one.Is) {
			continue
		}
		text, missed := p.Directory.Reach(p.Way, one)
		if missed != "" {
			instead := "was left out"
			if text != "" {
				instead = "is written as a name"
			}
			w.missed = append(w.missed, fmt.Sprintf("%s for %s: %s, and %s", key, w.Notifier, missed, instead))
			w.lose(missed)
		}
		if text != "" && !slices.Contains(texts, any(text)) {
			texts, kept = append(texts, text), append(kept, one)
		}
	}
	if !p.Replies {
		w.named = append(w.named, kept...)
	}
	return texts, kept
}

func (w *targetWriter) lose(reason string) {
	if !slices.Contains(w.lost, reason) {
		w.lost = append(w.lost, reason)
	}
}

// indexOnly returns the index of the only person that a fallback is for, or -1.
func (w *targetWriter) indexOnly(all []people.Recipient) int {
	if w.only == nil {
		return -1
	}
	return slices.IndexFunc(all, w.only.Is)
}

// split keeps the people of an option for messages of their own, or for one together.
func (w *targetWriter) split(p *People, each *eachOf) {
	if p.Together && len(each.texts) > p.Most {
		w.note("%s for %s: %d people are too many for one conversation (at most %d), so each gets a message",
			each.key, w.Notifier, len(each.texts), p.Most)
	} else if p.Together {
		each.people = nil
	}
	w.each, w.beside = each, p.Beside
}

// messages returns the messages that the options make.
func (w *targetWriter) messages() []Outgoing {
	if w.each == nil {
		return []Outgoing{{Options: Encode(w.values)}}
	}
	var all []Outgoing
	if w.beside {
		shared := maps.Clone(w.values)
		if delete(shared, w.each.key); shared[w.each.place] == nil {
			shared[w.each.key] = nil // in place of the people of the notifier
		}
		all = append(all, Outgoing{Options: Encode(shared)})
		delete(w.values, w.each.place)
	}
	if w.each.people == nil && len(w.each.texts) > 0 {
		w.values[w.each.key] = w.each.texts
		return append(all, Outgoing{Options: Encode(w.values)})
	}
	for i, text := range w.each.texts {
		own := maps.Clone(w.values)
		own[w.each.key] = []any{text}
		all = append(all, Outgoing{Encode(own), text.(string), &w.each.people[i]})
	}
	return all
}

// RenderFallbacks renders the options that a message has at each fallback. only is the person who alone gets it, or
// nil. A fallback without a recipient is left out.
func (t *Target) RenderFallbacks(c template.Context, only *people.Recipient) (all []Fallback, notes []string) {
	if len(t.Fallbacks) == 0 {
		return nil, nil
	}
	l := limits{fallback: true, only: only}
	if i := slices.IndexFunc(t.Options, func(o Option) bool { return o.Key == Except }); i >= 0 {
		l.except = t.Options[i].Value.(*People)
	}
	for _, f := range t.Fallbacks {
		p := f.prepare(c, l)
		notes = append(notes, p.Notes...)
		for i, one := range p.Messages {
			all = append(all, Fallback{f.Notifier, one.Options, i > 0})
		}
	}
	return all, notes
}

// Fallback is a notifier that receives a message after another failed permanently, with the options of that message.
type Fallback struct {
	Notifier string          `json:"notifier"`
	Options  json.RawMessage `json:"options,omitempty"`
	// Beside is set if it is sent together with the one before it, to the same notifier: each of several people gets a
	// message.
	Beside bool `json:"beside,omitempty"`
}

// NoRecipient begins the notes that say why a notifier gets no message for lack of recipients.
const NoRecipient = "no recipient is left for "

// IsOfNobody reports whether a note says why a notifier gets no message for lack of recipients.
func IsOfNobody(note string) bool { return strings.HasPrefix(note, NoRecipient) }
