package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

// query reads the parameters of a request and collects their errors.
type query struct {
	values url.Values
	errs   []error
}

func newQuery(values url.Values, allowed ...string) *query {
	q := &query{values: values}
	for name := range values {
		if !slices.Contains(allowed, name) {
			q.add(fmt.Errorf("unknown parameter %q; available: %s", name, strings.Join(allowed, ", ")))
		}
	}
	return q
}

func (q *query) add(err error) {
	if err != nil {
		q.errs = append(q.errs, err)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) id(name string) store.ID {
	text := q.text(name)
	if text == "" {
		return 0
	}
	id, err := store.ParseID(text)
	if err != nil {
		q.add(fmt.Errorf("%s: %w", name, err))
	}
	return id
}

func (q *query) limit() int {
	text := q.text("limit")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > desk.MaxPage {
		q.add(fmt.Errorf("limit: want a number from 1 to %d, not %q", desk.MaxPage, text))
		return 1
	}
	return n
}

// within reads before, after, order, since and until.
func (q *query) within() desk.Range {
	r := desk.Range{Before: q.id("before"), After: q.id("after")}
	switch order := q.text("order"); order {
	case "", "desc":
	case "asc":
		r.OldestFirst = true
	default:
		q.add(fmt.Errorf("order: want desc (newest first) or asc, not %q", order))
	}
	q.add(r.Narrow(q.text("since"), q.text("until")))
	return r
}

func (q *query) state() store.State {
	state, err := desk.ParseState(q.text("state"))
	q.add(err)
	return state
}

func (q *query) reason() string {
	reason, err := desk.ParseReason(q.text("reason"))
	q.add(err)
	return reason
}

func (q *query) outcome() string {
	outcome, err := desk.ParseOutcome(q.text("outcome"))
	q.add(err)
	return outcome
}

// words reads q and entity.
func (q *query) words() []store.Term {
	terms, err := desk.ParseWords(q.text("q"), q.text("entity"))
	q.add(err)
	return terms
}

// refuse answers 400 if there were errors, and reports whether it did.
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
