package search

import (
	"qaserelay/relay/store"
	"qaserelay/rules/event"
	"qaserelay/rules/value"
)

// Document is what is indexed of an event: the event with its outline, and what its deliveries say.
type Document struct {
	Event store.StoredEvent
	store.Outline
	Deliveries []Message
}

// Message is what is indexed of a delivery.
type Message struct{ Rule, Notifier, Title string }

// usualWords is more words than most events have.
const usualWords = 56

// maxDepth is how deep lists and objects of a body are looked through.
const maxDepth = 64

// Words returns the words and facets of an event, each once: first its facets, then the words of its names and its
// subject, of the titles of its messages, and of the values of its body.
func (d *Document) Words() []string {
	s := splitter{words: make([]string, 0, usualWords), seen: make(map[string]bool, usualWords)}
	e := &d.Event
	facet := func(kind Kind, value string) {
		if value != "" {
			s.put(Facet(kind, value))
		}
	}
	s.put(Facet(Project, e.Project)) // also that of none
	facet(Name, e.Name)
	facet(Source, e.Source)
	facet(Outcome, d.Outcome)
	for _, r := range d.Rules {
		facet(Rule, r.Rule)
		facet(Outcome, r.Outcome)
	}
	for _, m := range d.Deliveries {
		facet(Sent, m.Rule)
		facet(Notifier, m.Notifier)
	}
	body, _ := value.DecodeObject(e.Body) // one that cannot be read has no words
	payload, _ := body["payload"].(map[string]any)
	if ev := (&event.Event{Name: e.Name, Payload: payload}); e.Kind == "" && ev.EntityID() != "" {
		facet(Entity, entityText(ev.Type(), ev.EntityID()))
	}
	for _, text := range []string{e.ID.String(), e.Name, e.Project, e.Source, d.Subject} {
		s.add(text)
	}
	for _, m := range d.Deliveries {
		s.add(m.Title)
	}
	s.values(body, maxDepth)
	return s.words
}

// values adds the words of the values of a body, not of the keys.
func (s *splitter) values(v any, depth int) {
	if depth == 0 || s.full() {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range value.SortedKeys(v) {
			s.values(v[key], depth-1)
		}
	case []any:
		for _, one := range v {
			s.values(one, depth-1)
		}
	case string:
		s.add(v)
	case bool, nil:
	default:
		s.add(event.IDText(v))
	}
}
