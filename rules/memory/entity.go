// Package memory is what the relay remembers between events: the state of each entity, such as a run, and the last finished
// runs of each series. It turns stored values into variables of conditions and templates, and back. It is pure.
package memory

import (
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"qaserelay/rules/event"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// Limits of a stored entity.
const (
	maxFieldBytes  = 4 << 10  // of one field, as JSON
	maxEntityBytes = 32 << 10 // of all fields
)

// refreshAfter is the age in seconds of a stored entity after which an event stores it again, to keep it from expiring.
const refreshAfter = 24 * 3600

// EntityPrefix begins the keys of stored entities.
const EntityPrefix = "entity:"

// Entity is the state of an entity, such as a run or a defect, that earlier events have set.
type Entity struct {
	Fields    map[string]any
	StartedAt int64 // Unix seconds
	CreatedBy map[string]any
	Reviewers []any          // user objects
	Members   map[string]any // the user objects of people who acted, by their member ids
	Seen      int64          // Unix seconds of the event that stored it
	// Done are the rules whose waits an event has ended, each with the timestamp of the last such event.
	Done map[string]int64

	lent bool // Fields are those of an event, which are not to be changed
}

// New returns the state of an entity of which nothing but the fields of an event is known. It never changes the fields.
func New(fields map[string]any) Entity { return Entity{Fields: fields, lent: true} }

// set changes a field.
func (e *Entity) set(key string, v any) {
	e.own()
	e.Fields[key] = v
}

// own makes Fields a map that may be changed.
func (e *Entity) own() {
	if e.lent {
		e.Fields, e.lent = maps.Clone(e.Fields), false
	}
	if e.Fields == nil {
		e.Fields = map[string]any{}
	}
}

// HasTitle reports whether the stored state of an entity has a title.
func HasTitle(stored []byte) bool {
	title, _ := Decode(stored).Fields["title"].(string)
	return title != ""
}

// HasStart reports whether the stored state of an entity has its start, with which the plan and environment of a run come.
func HasStart(stored []byte) bool { return Decode(stored).StartedAt > 0 }

// Decode reads the output of Encode. It returns an empty state for anything else.
func Decode(data []byte) *Entity {
	e := &Entity{Fields: map[string]any{}}
	if len(data) == 0 {
		return e
	}
	v, err := value.DecodeJSON(data)
	kept, ok := v.(map[string]any)
	if err != nil || !ok {
		return e
	}
	if fields, ok := kept["fields"].(map[string]any); ok {
		e.Fields = fields
	}
	e.StartedAt, e.Seen = int64(event.Int(kept["started_at"])), int64(event.Int(kept["seen"]))
	e.CreatedBy, _ = kept["created_by"].(map[string]any)
	e.Reviewers, _ = kept["reviewers"].([]any)
	e.Members, _ = kept["members"].(map[string]any)
	if done, ok := kept["done"].(map[string]any); ok {
		e.Done = make(map[string]int64, len(done))
		for rule, timestamp := range done {
			e.Done[rule] = int64(event.Int(timestamp))
		}
	}
	return e
}

// Merge adds fetched fields that no event has set, and reports whether there were any.
func (e *Entity) Merge(fetched map[string]any) (changed bool) {
	for key, value := range fetched {
		switch {
		case key == "started_at":
			if at, _ := value.(int); e.StartedAt == 0 && at > 0 {
				e.StartedAt, changed = int64(at), true
			}
		case key == "environment" && e.Fields[key] != value && e.Fields[key] == fetched[environmentTitle]:
			e.set(key, value) // older versions have stored the title
			changed = true
		case e.Fields[key] == nil && value != nil:
			e.set(key, value)
			changed = true
		}
	}
	return changed
}

// Apply updates the state with an event and reports whether it has to be stored. actor returns the person who acted.
func (e *Entity) Apply(ev *event.Event, actor func() people.Actor) bool {
	changed := e.lent
	for key, value := range ev.Payload {
		if e.lent { // they are those of the event
			break
		}
		if old, known := e.Fields[key]; !known || !reflect.DeepEqual(old, value) {
			e.set(key, value)
			changed = true
		}
	}
	if user := people.EventUser(ev); user != nil && !ev.MemberAssumed && e.learn(ev.MemberID, user) {
		changed = true
	}
	if ev.Name == "run.started" || ev.Action() == "created" {
		e.StartedAt, e.CreatedBy, changed = ev.Timestamp, creator(ev, actor()), true
	}
	if reviewer, ok := ev.Payload["reviewer"].(map[string]any); ok {
		e.review(ev.Action(), reviewer)
		e.own()
		delete(e.Fields, "reviewer")
		changed = true
	}
	changed = changed || ev.ReceivedAt.Unix()-e.Seen > refreshAfter
	if changed {
		e.Seen = ev.ReceivedAt.Unix()
	}
	return changed
}

// maxMembers bounds the people whose member ids an entity remembers.
const maxMembers = 20

// learn keeps the user object of a member, and reports whether it is new.
func (e *Entity) learn(id int, user map[string]any) bool {
	key := strconv.Itoa(id)
	if id == 0 || e.Members[key] == nil && len(e.Members) >= maxMembers || reflect.DeepEqual(e.Members[key], any(user)) {
		return false
	}
	if e.Members == nil {
		e.Members = map[string]any{}
	}
	e.Members[key] = user
	return true
}

// Member returns the user object of a member who has acted on the entity before, or nil.
func (e *Entity) Member(id int) map[string]any {
	user, _ := e.Members[strconv.Itoa(id)].(map[string]any)
	return user
}

// creator returns the creator of an entity, which is the actor of the event.
func creator(ev *event.Event, actor people.Actor) map[string]any {
	by := map[string]any{"name": actor.Name}
	if !ev.MemberAssumed || people.EventUser(ev) == nil {
		by["member_id"] = ev.MemberID
	}
	if actor.Email != "" {
		by["email"] = actor.Email
	}
	return by
}

// review adds or removes a reviewer.
func (e *Entity) review(action string, reviewer map[string]any) {
	kept := e.Reviewers[:0:0]
	for _, one := range e.Reviewers {
		if user, _ := one.(map[string]any); !sameUser(user, reviewer) {
			kept = append(kept, one)
		}
	}
	if action == "reviewer_added" {
		kept = append(kept, reviewer)
	}
	e.Reviewers = kept
}

// sameUser reports whether two user objects have the same email, or the same name if neither has an email.
func sameUser(a, b map[string]any) bool {
	x, y := value.PlainText(a["email"]), value.PlainText(b["email"])
	if x == "" && y == "" {
		return value.PlainText(a["name"]) == value.PlainText(b["name"])
	}
	return strings.EqualFold(x, y)
}

// Encode returns the state as JSON, without fields that are too large.
func (e *Entity) Encode() []byte { return e.Append(nil) }

// Append appends the output of Encode.
func (e *Entity) Append(out []byte) []byte {
	begin := len(out)
	out = append(out, `{"fields":{`...)
	first := len(out)
	var buffer [24]string
	for _, key := range value.AppendSortedKeys(buffer[:0], e.Fields) {
		before := len(out)
		if before > first {
			out = append(out, ',')
		}
		out = append(value.AppendJSONString(out, key), ':')
		start := len(out)
		if out = value.AppendJSON(out, e.Fields[key]); len(out)-start > maxFieldBytes || len(out)-begin > maxEntityBytes {
			out = out[:before]
		}
	}
	out = strconv.AppendInt(append(out, `},"seen":`...), e.Seen, 10)
	if e.StartedAt != 0 {
		out = strconv.AppendInt(append(out, `,"started_at":`...), e.StartedAt, 10)
	}
	if e.CreatedBy != nil {
		out = value.AppendJSON(append(out, `,"created_by":`...), e.CreatedBy)
	}
	if len(e.Reviewers) > 0 {
		out = value.AppendJSON(append(out, `,"reviewers":`...), e.Reviewers)
	}
	if len(e.Members) > 0 {
		out = value.AppendJSON(append(out, `,"members":`...), e.Members)
	}
	if len(e.Done) > 0 {
		out = value.AppendJSON(append(out, `,"done":`...), e.Done)
	}
	return append(out, '}')
}

// DoneSince returns the greatest timestamp of an event that has ended waits of a rule with one of these names, or 0.
func (e *Entity) DoneSince(names []string) (timestamp int64) {
	if e == nil {
		return 0
	}
	for _, name := range names {
		timestamp = max(timestamp, e.Done[name])
	}
	return timestamp
}

// maxDone is how many rules an entity has a timestamp of.
const maxDone = 64

// MarkDone keeps that an event ends waits of a rule, for those whose first event comes late, and reports whether that is
// new.
func (e *Entity) MarkDone(rule string, timestamp int64) bool {
	if e == nil || e.Done[rule] >= timestamp {
		return false
	}
	done := map[string]int64{rule: timestamp}
	for name, timestamp := range e.Done {
		if name != rule && len(done) < maxDone {
			done[name] = timestamp
		}
	}
	e.Done = done
	return true
}

// TookMS returns how many milliseconds the entity, a run, took until an event: by its start, or by what the event says.
func (e *Entity) TookMS(ev *event.Event) int64 {
	if e.StartedAt > 0 && ev.Timestamp > e.StartedAt {
		return (ev.Timestamp - e.StartedAt) * 1000
	}
	ms, _ := value.Float(ev.Payload["duration"])
	return int64(max(0, min(ms, 1e12)))
}

// URL returns the page of the entity in the Qase web app, or "" if there is none.
func (e *Entity) URL(ev *event.Event, qaseURL string) string {
	return event.Entity{Name: ev.Name, Project: ev.Project, ID: ev.EntityID(), Fields: e.Fields}.URL(qaseURL)
}

// Title returns the title of the entity, or one such as "Run 7" if it is not known.
func (e *Entity) Title(ev *event.Event) string {
	if title, _ := e.Fields["title"].(string); strings.TrimSpace(title) != "" {
		return title
	}
	return fallbackTitle(ev)
}

// Vars returns the variable entity of conditions and templates.
func (e *Entity) Vars(ev *event.Event, qaseURL string, location *time.Location) map[string]any {
	entity := make(map[string]any, len(e.Fields)+6)
	maps.Copy(entity, e.Fields)
	entity["url"], entity["title"] = e.URL(ev, qaseURL), e.Title(ev)
	entity["started_at"], entity["created_by"] = nil, nil
	if e.StartedAt > 0 {
		entity["started_at"] = time.Unix(e.StartedAt, 0).In(location)
	}
	if e.CreatedBy != nil {
		entity["created_by"] = e.CreatedBy
	}
	entity["reviewers"] = append([]any{}, e.Reviewers...)
	return entity
}

// TitleOf returns the title of an entity whose state is stored, or one for an entity whose title is not known.
func TitleOf(ev *event.Event, stored []byte) string { return Decode(stored).Title(ev) }

// fallbackTitle names an entity whose title is not known: "Run 7".
func fallbackTitle(ev *event.Event) string {
	kind := strings.ReplaceAll(ev.Type(), "_", " ")
	if kind == "" {
		kind = "event"
	}
	first, size := utf8.DecodeRuneInString(kind)
	title := string(unicode.ToUpper(first)) + kind[size:]
	if id := ev.EntityID(); id != "" {
		if ev.Type() == "shared_step" {
			id = value.Shorten(id, 8)
		}
		title += " " + id
	}
	return value.OneLine(title)
}
