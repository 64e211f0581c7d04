package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/value"
)

// Event says which event is meant: a stored one, an example of the catalog with changes, or a body as Qase sends it. In
// JSON it can also be the text of an id or a name, or such a body itself.
type Event struct {
	ID   string                     `json:"id,omitempty"`
	Name string                     `json:"name,omitempty"`
	Set  map[string]json.RawMessage `json:"set,omitempty"` // values by their paths, such as payload.failed
	Body json.RawMessage            `json:"body,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Event) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		if *e = (Event{Name: text}); !strings.Contains(text, ".") {
			*e = Event{ID: text}
		}
		return nil
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return errors.New(`want {"id": "…"}, {"name": "run.completed", "set": {…}} or {"body": {…}}`)
	}
	if keys["event_name"] != nil {
		*e = Event{Body: bytes.Clone(data)}
		return nil
	}
	type plain Event
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(e))
}

// scene is an event that is tried, with those before it.
type scene struct {
	happened []Happening
	tried    []Tried
	notes    []string
}

// prepare reads the events of a request.
func (t *Trial) prepare(ctx context.Context, cfg *config.Config, r *Request) (*scene, error) {
	s := &scene{notes: []string{}}
	ev, id, err := t.read(ctx, cfg, r, r.Event)
	if err != nil {
		return nil, err
	}
	at := ev.ReceivedAt
	if r.At != nil {
		at = *r.At
	}
	given := []Event{}
	switch {
	case r.Given != nil:
		given = *r.Given
	case id != 0:
		if err := t.addEarlier(ctx, s, ev, id); err != nil {
			return nil, err
		}
	}
	if len(given) > MaxGiven {
		return nil, wrong("given: at most %d events", MaxGiven)
	}
	for i, one := range given {
		earlier, earlierID, err := t.read(ctx, cfg, r, one.like(ev))
		if err != nil {
			return nil, fmt.Errorf("given, number %d: %w", i+1, err)
		}
		when := earlier.ReceivedAt
		if earlierID == 0 || when.After(at) {
			when = at
		}
		s.add(earlier, earlierID, when)
	}
	s.add(ev, id, at)
	if readsOthers(cfg, r.Draft) {
		s.notes = append(s.notes, "of other runs (previous, trend) only the events before this one are read")
	}
	s.tried[len(s.tried)-1].Body = encodedBody(ev.Body)
	source, err := chosen(cfg, ev.Source)
	if err == nil && !source.Takes(ev.Project) {
		s.notes = append(s.notes, fmt.Sprintf("the source %s takes events of the projects %s only, so that it would refuse this event with 403",
			source.Name, strings.Join(source.Projects, ", ")))
	}
	return s, nil
}

// readsOthers reports whether the rules read what is known of other runs.
func readsOthers(cfg *config.Config, d Draft) bool {
	return strings.Contains(d.Rule+d.File, "previous") || strings.Contains(d.Rule+d.File, "trend") ||
		slices.ContainsFunc(cfg.Rules.All(), func(r *rules.Rule) bool {
			return r.Condition != nil && (r.Condition.Reads("previous") || r.Condition.Reads("trend"))
		})
}

// encodedBody returns a body as JSON that any program reads.
func encodedBody(body []byte) json.RawMessage {
	if !json.Valid(body) {
		return nil
	}
	return bytes.ToValidUTF8(bytes.TrimPrefix(body, []byte("\uFEFF")), []byte("\uFFFD"))
}

// add adds an event that happens at a time.
func (s *scene) add(ev *event.Event, id store.ID, at time.Time) {
	text := ""
	if id != 0 {
		text = id.String()
	}
	s.happened = append(s.happened, Happening{Source: ev.Source, Body: ev.Body, Facts: ev.Facts, At: at})
	s.tried = append(s.tried, Tried{ID: text, Name: ev.Name, Project: ev.Project, Source: ev.Source, At: at})
}

// like makes an example that comes before an event one about the same entity.
func (e Event) like(ev *event.Event) Event {
	kind, _, _ := strings.Cut(e.Name, ".")
	if e.Name == "" || kind != ev.Type() || e.Name == ev.Name {
		return e
	}
	key, set := "id", map[string]json.RawMessage{}
	if kind == "shared_step" {
		key = "hash"
	}
	if id, known := ev.Payload[key]; known {
		set["payload."+key] = json.RawMessage(value.JSONText(id))
	}
	if ev.Project != "" {
		set["project_code"] = json.RawMessage(value.JSONText(ev.Project))
	}
	for path, v := range e.Set {
		set[path] = v
	}
	e.Set = set
	return e
}

// read reads one event. The id is 0 unless it is stored.
func (t *Trial) read(ctx context.Context, cfg *config.Config, r *Request, e Event) (*event.Event, store.ID, error) {
	given := 0
	for _, is := range []bool{e.ID != "", e.Name != "", e.Body != nil} {
		if is {
			given++
		}
	}
	if given != 1 || e.Set != nil && e.Name == "" {
		return nil, 0, wrong(`event: name it in one way: {"id": "…"} of a stored one, {"name": "run.completed", "set": {"payload.failed": 3}} ` +
			`of an example, or {"body": {…}} as Qase sends it`)
	}
	if e.ID != "" {
		return t.stored(ctx, r, e.ID)
	}
	source, err := chosen(cfg, r.From)
	if err != nil {
		return nil, 0, err
	}
	at := t.o.Now().UTC()
	if r.At != nil {
		at = *r.At
	}
	body := []byte(e.Body)
	if e.Name != "" {
		if body, err = e.example(source, at); err != nil {
			return nil, 0, err
		}
	}
	if len(body) > MaxEvent {
		return nil, 0, wrong("event: it has more than %d MiB, which a relay refuses with 413", MaxEvent>>20)
	}
	ev, err := event.Parse(source.Name, body, at)
	if err == nil {
		err = event.CheckOutside(ev)
	}
	if err != nil {
		return nil, 0, wrong("event: a relay would refuse it with 400: %v", err)
	}
	return ev, 0, nil
}

// stored reads a stored event.
func (t *Trial) stored(ctx context.Context, r *Request, text string) (*event.Event, store.ID, error) {
	id, err := store.ParseID(text)
	if err != nil {
		return nil, 0, wrong("event: %v", err)
	}
	e, err := t.o.Store.Event(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, 0, wrong("event: no event has the id %s; events are deleted after settings.retention", text)
	case err != nil:
		return nil, 0, err
	}
	e.Source = nameOf(r.From, e.Source)
	ev, err := received(&e)
	if err != nil {
		return nil, 0, wrong("event: %s cannot be tried: %v", text, err)
	}
	return ev, id, nil
}

const (
	// maxEarlier is how many earlier events of an entity count, and maxFinding how long they are looked for.
	maxEarlier = 20
	maxFinding = time.Second
)

// addEarlier adds the earlier stored events of the entity of an event, the oldest first.
func (t *Trial) addEarlier(ctx context.Context, s *scene, ev *event.Event, id store.ID) error {
	key := ev.EntityKey()
	if key == "" {
		return nil
	}
	f := store.SearchFilter{Before: id, Limit: maxEarlier, Terms: search.Query{}.OfThing(ev.Type(), ev.EntityID()).
		Of(search.Source, ev.Source).With(store.Term{Text: search.Facet(search.Project, ev.Project)})}
	type found struct {
		ev *event.Event
		id store.ID
	}
	var all []found
	for began := time.Now(); len(all) < maxEarlier; {
		ids, next, err := t.o.Store.FindEvents(ctx, f)
		if err != nil {
			return err
		}
		for _, id := range ids {
			stored, err := t.o.Store.Event(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue // it was deleted a moment ago
			}
			if err != nil {
				return err
			}
			earlier, err := received(&stored)
			if err == nil && stored.ReplayOf == 0 && earlier.EntityKey() == key && len(all) < maxEarlier {
				all = append(all, found{earlier, id})
			}
		}
		if f.Before = next; next == 0 {
			break
		}
		if time.Since(began) > maxFinding {
			s.notes = append(s.notes, "earlier events of the same entity were searched back to "+next.Time().UTC().Format(time.RFC3339))
			break
		}
	}
	for _, one := range slices.Backward(all) {
		s.add(one.ev, one.id, one.ev.ReceivedAt)
	}
	return nil
}

// example returns the example of an event with the changes.
func (e Event) example(source rules.Source, at time.Time) ([]byte, error) {
	envelope := event.Sample(e.Name)
	if _, known := catalog.Lookup(e.Name); !known {
		envelope["payload"], envelope["project_code"], envelope["team_member_id"] = map[string]any{"id": 1}, "WEB", 0
	}
	envelope["timestamp"] = at.Unix()
	if len(source.Projects) > 0 {
		envelope["project_code"] = source.Projects[0]
	}
	for _, path := range slices.Sorted(maps.Keys(e.Set)) {
		raw := e.Set[path]
		if err := checkPath(path); err != nil {
			return nil, err
		}
		v, err := value.DecodeJSON(raw)
		if err != nil {
			return nil, wrong("event.set.%s: %v", path, err)
		}
		if err := event.SetPath(envelope, strings.Split(path, "."), v); err != nil {
			return nil, wrong("event.set.%s: %v", path, err)
		}
	}
	return json.Marshal(envelope)
}

// checkPath returns an error for a path that does not begin with a field of an event.
func checkPath(path string) error {
	key, _, _ := strings.Cut(path, ".")
	var names []string
	for _, f := range catalog.Envelope() {
		names = append(names, f.Name)
	}
	if slices.Contains(names, key) {
		return nil
	}
	return wrong("event.set: an event has no field %s; write payload.%s, or one of %s", path, path, strings.Join(names, ", "))
}
