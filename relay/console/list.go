package console

import (
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

// listQuery is the filter of a list, as its URL has it. A value that the list does not know becomes a note: it says so,
// and shows what the others select.
type listQuery struct {
	filters []string // their names, in order
	values  map[string]string
	Notes   []string // what the list does not follow

	before, after store.ID
}

// parseList reads the filters of a list in a URL.
func parseList(v url.Values, filters []string) listQuery {
	q := listQuery{filters: filters, values: map[string]string{}}
	for name := range v {
		switch {
		case slices.Contains(filters, name):
			if text := strings.TrimSpace(v.Get(name)); text != "" {
				q.values[name] = text
			}
		case name != "before" && name != "after" && name != "again" && name != "live":
			q.Notes = append(q.Notes, "The list has no filter "+name+".")
		}
	}
	slices.Sort(q.Notes)
	q.before, q.after = q.cursor("before", v), q.cursor("after", v)
	return q
}

// Get returns the value of a filter, or an empty text.
func (q listQuery) Get(name string) string { return q.values[name] }

// Filtered reports whether a filter is set.
func (q listQuery) Filtered() bool { return len(q.values) > 0 }

// With returns the query of the list with another value of one parameter.
func (q listQuery) With(name, value string) string {
	v := url.Values{}
	for name, text := range q.values {
		v.Set(name, text)
	}
	if v.Set(name, value); value == "" {
		v.Del(name)
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Query returns the query of the list, for links to the same rows in another form.
func (q listQuery) Query() string { return q.With("", "") }

// SilenceQuery fills the form for a silence about the messages that the list selects by project, event, rule, notifier or
// source. It is empty for a list that none of these filters.
func (q listQuery) SilenceQuery() template.URL {
	v := url.Values{}
	for _, name := range []string{"project", "event", "rule", "notifier", "source"} {
		text := q.values[name]
		if _, id := desk.ParseEvent(text); text != "" && (name != "event" || id == 0) {
			v.Set(name, text)
		}
	}
	return template.URL(v.Encode())
}

// Words says in words what is selected.
func (q listQuery) Words() string {
	var words []string
	for _, name := range q.filters {
		if text := q.values[name]; text != "" {
			if name == "q" {
				name = "words"
			}
			words = append(words, name+" "+text)
		}
	}
	return strings.Join(words, ", ")
}

func (q *listQuery) note(err error) {
	if err != nil {
		q.Notes = append(q.Notes, "Not filtered by "+err.Error()+".")
	}
}

func (q *listQuery) cursor(name string, v url.Values) store.ID {
	if v.Get(name) == "" {
		return 0
	}
	id, err := store.ParseID(v.Get(name))
	if err != nil {
		q.Notes = append(q.Notes, "Not filtered by "+name+": "+err.Error()+".")
	}
	return id
}

// refused notes what the desk does not look for, and reports whether that is why it failed.
func (q *listQuery) refused(err error) bool {
	var input *desk.InputError
	if !errors.As(err, &input) {
		return false
	}
	q.note(input)
	return true
}

// words reads the words and the entity that events have to have.
func (q *listQuery) words() (terms []store.Term) {
	for _, name := range []string{"q", "entity"} {
		asked := map[string]string{name: q.Get(name)}
		some, err := desk.ParseWords(asked["q"], asked["entity"])
		q.note(err)
		terms = append(terms, some...)
	}
	return terms
}

// within returns the part of the list that its page and the filters since and until leave.
func (q *listQuery) within() desk.Range {
	r := desk.Range{Before: q.before, After: q.after, OldestFirst: q.after != 0}
	for _, bound := range [][2]string{{q.Get("since"), ""}, {"", q.Get("until")}} {
		narrowed := r
		if err := narrowed.Narrow(bound[0], bound[1]); err != nil {
			q.note(err)
			continue
		}
		r = narrowed
	}
	return r
}

// listPager leads to the pages beside this one.
type listPager struct {
	Older, Newer string // the queries of these pages, or empty
	Paged        bool   // this is not the newest page
	More         bool   // there are older rows that were not looked at
	Reached      time.Time
}

// pager returns the pager of a page with these ids, the newest first. next is the cursor that the desk returned.
func (q *listQuery) pager(ids []string, next string) (p listPager) {
	p.Paged = q.before != 0 || q.after != 0
	first, last := "", next
	switch {
	case q.after != 0:
		first, last = next, ""
		if len(ids) > 0 {
			last = ids[len(ids)-1]
		}
	case len(ids) > 0 && q.before != 0:
		first = ids[0]
	}
	if first != "" {
		p.Newer = q.With("after", first)
	}
	if last != "" {
		p.Older, p.More = q.With("before", last), true
		if id, err := store.ParseID(last); err == nil {
			p.Reached = id.Time()
		}
	}
	return p
}

// eachRow calls yield for the rows of a list, page after page, until it returns an error. read returns the rows before
// an id, and the id that the next page is before, or an empty text behind the last one.
func eachRow[T any](before store.ID, read func(before store.ID) ([]T, string, error), yield func(T) error) error {
	for {
		rows, next, err := read(before)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := yield(row); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if before, err = store.ParseID(next); err != nil {
			return err
		}
	}
}
