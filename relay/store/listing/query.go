package listing

import (
	"slices"
	"strconv"
	"strings"
)

// Where collects the conditions of a filter.
type Where struct {
	Conds []string
	Args  []any
}

// Add adds a condition with one parameter.
func (w *Where) Add(cond string, arg any) {
	w.Conds, w.Args = append(w.Conds, cond), append(w.Args, arg)
}

// Equal adds that a column has a value, unless the value is empty.
func (w *Where) Equal(column, value string) {
	if value != "" {
		w.Add(column+" = ?", value)
	}
}

// Within returns the conditions with those of a span added.
func (w *Where) Within(column string, s Span) Where {
	both := Where{slices.Clone(w.Conds), slices.Clone(w.Args)}
	if s.After != 0 {
		both.Add(column+" > ?", s.After)
	}
	if s.Before != 0 {
		both.Add(column+" < ?", s.Before)
	}
	return both
}

// OfEvent selects deliveries by the name and project of their events.
func (w *Where) OfEvent(name, project string) {
	var e Where
	e.Equal("e.name", name)
	e.Equal("e.project", project)
	if len(e.Conds) > 0 {
		const events = "SELECT 1 FROM events e INDEXED BY events_outline WHERE e.id = event_id AND "
		w.Conds = append(w.Conds, "EXISTS ("+events+strings.Join(e.Conds, " AND ")+")")
		w.Args = append(w.Args, e.Args...)
	}
}

// OfAttempts selects deliveries of which an attempt failed for a reason, unless the reason is empty. id is the column of
// their ids.
func (w *Where) OfAttempts(id, reason string) {
	if reason != "" {
		w.Add("EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = "+id+" AND a.reason = ?)", reason)
	}
}

// Text returns the conditions as a clause, or nothing.
func (w *Where) Text() string {
	if len(w.Conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.Conds, " AND ")
}

// Numbered returns a query of PostgreSQL, whose parameters are numbered, and its arguments. n is that of the tail.
func (w *Where) Numbered(text, tail string, n int) (query string, args []any) {
	query, args = text+w.Text()+tail, append(w.Args, n)
	for i := range args {
		query = strings.Replace(query, "?", "$"+strconv.Itoa(i+1), 1)
	}
	return query, args
}
