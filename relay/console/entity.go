package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/console/payload"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// entityPage is what the page of a run, a defect or the like shows.
type entityPage struct {
	desk.Entity
	Kind     string // its type for people, such as Shared step
	Facts    []fact
	Tree     *payload.Node // all that is remembered, nil for nothing
	Rows     []eventRow
	Messages []desk.Delivery // of these events, the newest first
	Older    string          // the query of the page with older events, or empty
	Paged    bool            // these are not the newest events
	Reached  time.Time       // back to which events were looked at, if there may be older ones
}

// KeyOf returns the key of another entity of the same kind, source and project.
func (p *entityPage) KeyOf(id string) string {
	r := p.EntityRef
	r.ID = id
	return r.Key()
}

// fact is something that is remembered.
type fact struct{ Name, Text string }

// noProject stands for an empty project in the path of an entity.
const noProject = "-"

// entityPath returns the path of the page of an entity, by its key, or an empty text if it can have none.
func entityPath(key string) string {
	r, ok := desk.ParseEntity(key)
	if !ok || r.Project == noProject {
		return ""
	}
	if r.Project == "" {
		r.Project = noProject
	}
	path := "entities"
	for _, part := range []string{r.Source, r.Project, r.Type, r.ID} {
		if part == "" || part == "." || part == ".." { // a browser would take it away
			return ""
		}
		path += "/" + url.PathEscape(part)
	}
	return path
}

// entityOf reads the path of an entity.
func entityOf(r *http.Request) (e desk.EntityRef, err error) {
	for name, part := range map[string]*string{"source": &e.Source, "project": &e.Project, "type": &e.Type, "id": &e.ID} {
		if *part, err = url.PathUnescape(mux.Vars(r)[name]); err != nil {
			return e, &frame.Problem{Status: http.StatusNotFound, Title: "Not found", Text: "The address is not a valid one."}
		}
	}
	if e.Project == noProject {
		e.Project = ""
	}
	return e, nil
}

// eventsOfEntity is how many events the page shows.
const eventsOfEntity = 20

func (c *Console) entity(r *http.Request) (*frame.View, error) {
	ref, err := entityOf(r)
	if err != nil {
		return nil, err
	}
	before := store.ID(0)
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = store.ParseID(text); err != nil {
			return nil, &frame.Problem{Status: http.StatusBadRequest, Title: "Not found", Text: "before: " + err.Error()}
		}
	}
	events, err := c.o.Desk.EntityEvents(r.Context(), ref, before, eventsOfEntity)
	if err != nil {
		return nil, err
	}
	p := &entityPage{Kind: kindText(ref.Type), Paged: before != 0}
	if p.Entity, err = c.o.Desk.Entity(r.Context(), ref, events.Events); err != nil {
		return nil, err
	}
	if len(events.Events)+len(p.Fields) == 0 && !p.Paged && events.Next == "" {
		return nil, &frame.Problem{Status: http.StatusNotFound, Title: "Nothing is known of it",
			Text: "No event about " + strings.ToLower(p.Kind) + " " + value.Shorten(ref.ID, 60) + " is stored. " + c.kept()}
	}
	p.addKnown()
	p.addEvents(&events)
	return &frame.View{Template: "entity", Title: p.Kind + " " + value.Shorten(ref.ID, 60) + " " + ref.Project, Data: p}, nil
}

// entityName names an entity by its key, such as run 7.
func entityName(key string) string {
	r, _ := desk.ParseEntity(key)
	return strings.ToLower(kindText(r.Type)) + " " + value.Shorten(r.ID, 30)
}

// kindText returns the type of an entity as a word that begins a sentence.
func kindText(kind string) string {
	kind = strings.ReplaceAll(kind, "_", " ")
	if kind == "" {
		return "Entity"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// facts are the fields that are shown by name, in order.
func facts() []string {
	return []string{"status", "plan", "environment", "milestone", "severity", "priority", "suite", "cases", "passed", "failed", "blocked",
		"skipped", "duration", "assignee", "author"}
}

// addKnown adds what is remembered.
func (p *entityPage) addKnown() {
	for _, name := range facts() {
		text := factText(p.Fields[name])
		if took, isNumber := value.Float(p.Fields[name]); isNumber && name == "duration" {
			text = value.HumanDuration(time.Duration(took) * time.Millisecond)
		}
		if text != "" {
			p.Facts = append(p.Facts, fact{strings.ToUpper(name[:1]) + name[1:], text})
		}
	}
	for name, of := range map[string]any{"Created by": p.CreatedBy, "Reviewers": p.Reviewers} {
		if text := factText(of); text != "" {
			p.Facts = append(p.Facts, fact{name, text})
		}
	}
	slices.SortStableFunc(p.Facts, func(a, b fact) int { return factRank(a.Name) - factRank(b.Name) })
	if all, err := json.Marshal(p.Fields); err == nil && len(p.Fields) > 0 {
		p.Tree, _ = payload.Tree(all) // it was encoded a moment ago
	}
}

// factRank puts people last.
func factRank(name string) int { return slices.Index([]string{"Created by", "Reviewers"}, name) }

// factText returns the text of a field: of an object its title or name, of a list those of its entries.
func factText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		for _, key := range []string{"title", "name", "email", "id"} {
			if text := factText(v[key]); text != "" {
				return text
			}
		}
		return ""
	case []any:
		var texts []string
		for _, one := range v {
			if text := factText(one); text != "" {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, ", ")
	}
	return payload.Visible(value.Shorten(value.OneLine(value.PlainText(v)), 200))
}

// addEvents adds the events, with their messages.
func (p *entityPage) addEvents(page *desk.EventPage) {
	for i := range page.Events {
		e := &page.Events[i]
		p.Rows = append(p.Rows, rowOf(*e))
		p.Messages = append(p.Messages, e.Deliveries...)
	}
	slices.SortStableFunc(p.Messages, func(a, b desk.Delivery) int { return strings.Compare(b.ID, a.ID) })
	if page.Next == "" {
		return
	}
	p.Older = "?before=" + page.Next
	if id, err := store.ParseID(page.Next); err == nil {
		p.Reached = id.Time()
	}
}
