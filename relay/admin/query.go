package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// maxLimit is how long a page may be.
const maxLimit = 500

// query reads parameters and collects what is wrong with them.
type query struct {
	values url.Values
	errs   []error
}

func newQuery(values url.Values, allowed ...string) *query {
	q := &query{values: values}
	for name := range values {
		if !slices.Contains(allowed, name) {
			q.errs = append(q.errs, fmt.Errorf("no parameter %q: there are %s", name, strings.Join(allowed, ", ")))
		}
	}
	return q
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) id(name string) store.ID {
	text := q.values.Get(name)
	if text == "" {
		return 0
	}
	id, err := store.ParseID(text)
	if err != nil {
		q.errs = append(q.errs, fmt.Errorf("%s: %w", name, err))
	}
	return id
}

func (q *query) limit() int {
	text := q.values.Get("limit")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.errs = append(q.errs, fmt.Errorf("limit: want a number from 1 to %d, not %q", maxLimit, text))
		return 1
	}
	return n
}

// span is what lists and retries may reach, in the order in which they are to be listed.
type span struct {
	before, after store.ID
	oldestFirst   bool
}

// span reads since, until, before, after and order.
func (q *query) span() span {
	s := span{before: q.id("before"), after: q.id("after")}
	switch order := q.text("order"); order {
	case "", "desc":
	case "asc":
		s.oldestFirst = true
	default:
		q.errs = append(q.errs, fmt.Errorf("order: want desc (newest first) or asc, not %q", order))
	}
	if err := s.read(q.text("since"), q.text("until")); err != nil {
		q.errs = append(q.errs, err)
	}
	return s
}

// read narrows the span to what was made from since on and before until, where they are given.
func (s *span) read(since, until string) error {
	from, err1 := moment("since", since)
	to, err2 := moment("until", until)
	if since != "" {
		s.after = max(s.after, store.FirstID(from)-1)
	}
	if first := max(1, store.FirstID(to)); until != "" && (s.before == 0 || first < s.before) {
		s.before = first
	}
	return errors.Join(err1, err2)
}

// moment reads a time, or how long ago it was.
func moment(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil || text == "" {
		return t, nil
	}
	ago, err := value.ParseDuration(text)
	if err != nil {
		return t, fmt.Errorf("%s: want a time such as 2026-01-02T15:04:05Z, or how long ago, such as 24h or 7d, not %q", name, text)
	}
	return time.Now().Add(-ago), nil
}

func (q *query) state() store.State {
	states := []string{"pending", "sending", "delivered", "dead", "cancelled"}
	text := q.values.Get("state")
	if text != "" && !slices.Contains(states, text) {
		q.errs = append(q.errs, fmt.Errorf("state: want one of %s, not %q", strings.Join(states, ", "), text))
	}
	return store.State(text)
}

// refuse answers 400 if anything was wrong, and reports whether it did.
func (q *query) refuse(w http.ResponseWriter) bool {
	if err := errors.Join(q.errs...); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return true
	}
	return false
}

// pathID reads the id in the path, or answers 404.
func pathID(w http.ResponseWriter, r *http.Request) (store.ID, bool) {
	id, err := store.ParseID(mux.Vars(r)["id"])
	if err != nil {
		writeError(w, http.StatusNotFound, err.Error())
	}
	return id, err == nil
}
