package rules

import (
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"qaserelay/rules/event"
	valuepkg "qaserelay/rules/value"
)

// Bounds on what is remembered.
const (
	maxRemembered  = 4 << 10  // bytes of one field, as JSON
	maxEntityBytes = 32 << 10 // bytes of one entity
	maxShortText   = 200      // bytes of a text of a finished run, such as its title
)

// Prefixes of the keys of what is remembered.
const (
	entityPrefix   = "entity:"
	finishedPrefix = "finished:"
)

// memory is what is kept about one entity.
type memory struct {
	Fields    map[string]any
	StartedAt int64 // Unix seconds
	CreatedBy map[string]any
	Reviewers []any // user objects
	Seen      int64 // Unix seconds of the event that was written last
}

// recall reads what encode wrote. What cannot be read counts as nothing known.
func recall(data []byte) *memory {
	m := &memory{Fields: map[string]any{}}
	if len(data) == 0 {
		return m
	}
	v, err := valuepkg.DecodeJSON(data)
	kept, ok := v.(map[string]any)
	if err != nil || !ok {
		return m
	}
	if fields, ok := kept["fields"].(map[string]any); ok {
		m.Fields = fields
	}
	m.StartedAt, m.Seen = int64(event.Int(kept["started_at"])), int64(event.Int(kept["seen"]))
	m.CreatedBy, _ = kept["created_by"].(map[string]any)
	m.Reviewers, _ = kept["reviewers"].([]any)
	return m
}

// adopt takes in what was found out elsewhere, where nothing is known yet.
func (m *memory) adopt(fetched map[string]any) (changed bool) {
	for key, value := range fetched {
		switch {
		case key == "started_at":
			if at, _ := value.(int); m.StartedAt == 0 && at > 0 {
				m.StartedAt, changed = int64(at), true
			}
		case m.Fields[key] == nil && value != nil:
			m.Fields[key], changed = value, true
		}
	}
	return changed
}

// learn takes in an event and reports whether that is worth writing down.
func (m *memory) learn(ev *event.Event, actor map[string]any) bool {
	changed := false
	for key, value := range ev.Payload {
		if old, known := m.Fields[key]; !known || !reflect.DeepEqual(old, value) {
			m.Fields[key] = value
			changed = true
		}
	}
	if ev.Name == "run.started" || ev.Action() == "created" {
		m.StartedAt, m.CreatedBy, changed = ev.Timestamp, creator(ev, actor), true
	}
	if reviewer, ok := ev.Payload["reviewer"].(map[string]any); ok {
		m.review(ev.Action(), reviewer)
		delete(m.Fields, "reviewer")
		changed = true
	}
	changed = changed || ev.ReceivedAt.Unix()-m.Seen > 24*3600
	if changed {
		m.Seen = ev.ReceivedAt.Unix()
	}
	return changed
}

func creator(ev *event.Event, actor map[string]any) map[string]any {
	by := map[string]any{"member_id": ev.MemberID, "name": actor["name"]}
	if email := actor["email"]; email != nil {
		by["email"] = email
	}
	return by
}

// review adds a reviewer or takes one away.
func (m *memory) review(action string, reviewer map[string]any) {
	kept := m.Reviewers[:0:0]
	for _, one := range m.Reviewers {
		if user, _ := one.(map[string]any); !sameUser(user, reviewer) {
			kept = append(kept, one)
		}
	}
	if action == "reviewer_added" {
		kept = append(kept, reviewer)
	}
	m.Reviewers = kept
}

func sameUser(a, b map[string]any) bool {
	x, y := valuepkg.PlainText(a["email"]), valuepkg.PlainText(b["email"])
	if x == "" && y == "" {
		return valuepkg.PlainText(a["name"]) == valuepkg.PlainText(b["name"])
	}
	return strings.EqualFold(x, y)
}

// encode returns what is to be kept, without fields that are too large.
func (m *memory) encode() []byte {
	out := append(make([]byte, 0, 512), `{"fields":{`...)
	first := len(out)
	var buffer [24]string
	for _, key := range valuepkg.AppendSortedKeys(buffer[:0], m.Fields) {
		before := len(out)
		if before > first {
			out = append(out, ',')
		}
		out = append(valuepkg.AppendJSONString(out, key), ':')
		start := len(out)
		if out = valuepkg.AppendJSON(out, m.Fields[key]); len(out)-start > maxRemembered || len(out) > maxEntityBytes {
			out = out[:before]
		}
	}
	out = strconv.AppendInt(append(out, `},"seen":`...), m.Seen, 10)
	if m.StartedAt != 0 {
		out = strconv.AppendInt(append(out, `,"started_at":`...), m.StartedAt, 10)
	}
	if m.CreatedBy != nil {
		out = valuepkg.AppendJSON(append(out, `,"created_by":`...), m.CreatedBy)
	}
	if len(m.Reviewers) > 0 {
		out = valuepkg.AppendJSON(append(out, `,"reviewers":`...), m.Reviewers)
	}
	return append(out, '}')
}

// entity returns what conditions and templates see.
func (m *memory) entity(ev *event.Event, settings *Settings) map[string]any {
	entity := make(map[string]any, len(m.Fields)+6)
	for key, value := range m.Fields {
		entity[key] = value
	}
	entity["url"] = event.Entity{Name: ev.Name, Project: ev.Project, ID: ev.EntityID(), Fields: entity}.URL(settings.QaseURL)
	if title, _ := entity["title"].(string); strings.TrimSpace(title) == "" {
		entity["title"] = fallbackTitle(ev)
	}
	entity["started_at"], entity["created_by"] = nil, nil
	if m.StartedAt > 0 {
		entity["started_at"] = time.Unix(m.StartedAt, 0).In(settings.Location)
	}
	if m.CreatedBy != nil {
		entity["created_by"] = m.CreatedBy
	}
	entity["reviewers"] = append([]any{}, m.Reviewers...)
	return entity
}

// fallbackTitle names a thing whose title is not known: "Run 7".
func fallbackTitle(ev *event.Event) string {
	kind := strings.ReplaceAll(ev.Type(), "_", " ")
	if kind == "" {
		kind = "event"
	}
	first, size := utf8.DecodeRuneInString(kind)
	title := string(unicode.ToUpper(first)) + kind[size:]
	if id := ev.EntityID(); id != "" {
		if ev.Type() == "shared_step" {
			id = valuepkg.Shorten(id, 8)
		}
		title += " " + id
	}
	return valuepkg.OneLine(title)
}

// finishedKey is the key of the last finished run of the same project, plan and environment.
func finishedKey(ev *event.Event, entity map[string]any) string {
	plan, _ := entity["plan"].(map[string]any)
	parts := []string{ev.Source, ev.Project, event.IDText(plan["id"]), valuepkg.PlainText(entity["environment"])}
	for i, part := range parts {
		parts[i] = event.EscapeKey(part)
	}
	return finishedPrefix + strings.Join(parts, "/")
}

// seriesKey is one for all runs of the same project, plan and environment, for messages on how they ended. Runs of which no plan is known have nothing
// in common.
func seriesKey(ev *event.Event, entity map[string]any) string {
	if ev.Name != "run.completed" && ev.Name != "run.aborted" {
		return ""
	}
	plan, _ := entity["plan"].(map[string]any)
	id := event.IDText(plan["id"])
	if id == "" {
		return ""
	}
	return event.EscapeKey(ev.Source) + "/" + event.EscapeKey(ev.Project) + "/plan/" + event.EscapeKey(id) + "/" + event.EscapeKey(valuepkg.PlainText(entity["environment"]))
}

// finished is what is kept of a run that has ended, for previous.
func finished(ev *event.Event, entity map[string]any) []byte {
	out := strconv.AppendInt(append(make([]byte, 0, 256), `{"finished_at":`...), ev.Timestamp, 10)
	var buffer [24]string
	for _, key := range valuepkg.AppendSortedKeys(buffer[:0], entity) {
		value := entity[key]
		switch v := value.(type) {
		case int, float64, bool:
		case string:
			if len(v) > maxShortText {
				continue
			}
		default:
			continue
		}
		out = append(valuepkg.AppendJSONString(append(out, ','), key), ':')
		out = valuepkg.AppendJSON(out, value)
	}
	return append(out, '}')
}

// previousRun reads what finished wrote, or returns nil.
func previousRun(data []byte, location *time.Location) any {
	v, err := valuepkg.DecodeJSON(data)
	run, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	if t, ok := run["finished_at"].(int); ok {
		run["finished_at"] = time.Unix(int64(t), 0).In(location)
	}
	return run
}
