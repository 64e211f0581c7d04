package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

const (
	// maxQuestion is how long the body of a question may be.
	maxQuestion = 1 << 20
	// maxIDs is how many events or deliveries one question may name.
	maxIDs = 10_000
	// longAnswer is how long a question about many may take.
	longAnswer = 10 * time.Minute
)

// Choice says which deliveries are meant: these, or those that a filter selects.
type Choice struct {
	IDs []string `json:"ids,omitempty"`
	Filter
}

// Filter selects deliveries. Empty fields select all, but for the state, which is then dead.
type Filter struct {
	State    store.State `json:"state,omitempty"` // dead or pending
	Rule     string      `json:"rule,omitempty"`
	Notifier string      `json:"notifier,omitempty"`
	Project  string      `json:"project,omitempty"`
	Event    string      `json:"event,omitempty"` // a name, or the id of one
	Since    string      `json:"since,omitempty"` // made at this time or later
	Until    string      `json:"until,omitempty"` // made before this time
}

func (s *server) retryOne(w http.ResponseWriter, r *http.Request) {
	id, ok := s.knownDelivery(w, r)
	if !ok {
		return
	}
	n, err := s.Retry(r.Context(), []store.ID{id})
	switch {
	case err != nil:
		s.fail(w, "retrying a delivery", err)
	case n == 0:
		writeError(w, http.StatusConflict, "only dead and pending deliveries can be retried")
	default:
		writeJSON(w, http.StatusOK, map[string]int{"retried": n})
	}
}

// resume lets a notifier try its receiver now. It changes nothing where messages go out already.
func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err == nil {
		err = s.Resume(r.Context(), name)
	}
	switch {
	case errors.Is(err, dispatch.ErrNoNotifier):
		writeError(w, http.StatusNotFound, err.Error())
	case err != nil:
		s.fail(w, "resuming a notifier", err)
	default:
		writeJSON(w, http.StatusOK, map[string]string{"status": "the next message tries the receiver"})
	}
}

func (s *server) cancel(w http.ResponseWriter, r *http.Request) {
	id, ok := s.knownDelivery(w, r)
	if !ok {
		return
	}
	n, err := s.Store.Cancel(r.Context(), []store.ID{id}, "cancelled by a person")
	switch {
	case err != nil:
		s.fail(w, "cancelling a delivery", err)
	case n == 0:
		writeError(w, http.StatusConflict, "only dead and pending deliveries can be cancelled")
	default:
		writeJSON(w, http.StatusOK, map[string]int{"cancelled": n})
	}
}

// knownDelivery reads the id in the path, or answers 404.
func (s *server) knownDelivery(w http.ResponseWriter, r *http.Request) (store.ID, bool) {
	id, ok := pathID(w, r)
	if !ok {
		return 0, false
	}
	if _, _, err := s.Store.Delivery(r.Context(), id); err != nil {
		s.fail(w, "reading a delivery", err)
		return 0, false
	}
	return id, true
}

func (s *server) retryMany(w http.ResponseWriter, r *http.Request) {
	var c Choice
	if !readQuestion(w, r, &c) {
		return
	}
	takeTime(w)
	var n int
	ids, f, err := c.read()
	switch {
	case err != nil:
		writeError(w, http.StatusBadRequest, err.Error())
		return
	case ids != nil:
		n, err = s.Retry(r.Context(), ids)
	default:
		n, err = s.retryAll(r, f)
	}
	if err != nil {
		s.fail(w, fmt.Sprintf("retrying deliveries, after %d,", n), err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]int{"retried": n})
}

// read checks the choice. There are either ids or a filter.
func (c *Choice) read() ([]store.ID, store.DeliveryFilter, error) {
	ids, f := c.IDs, store.DeliveryFilter{State: c.State, Rule: c.Rule, Notifier: c.Notifier, Project: c.Project}
	f.EventName, f.Event = nameOrID(c.Event)
	isFilter := c.Filter != Filter{}
	switch {
	case len(ids) > 0 && isFilter:
		return nil, f, errors.New("name either ids or a filter, not both")
	case len(ids) > 0:
		parsed, err := parseIDs(ids)
		return parsed, f, err
	case !isFilter:
		return nil, f, errors.New(`say which deliveries: {"ids": ["…"]}, or a filter such as {"state": "dead", "notifier": "mail"}`)
	}
	if f.State == "" {
		f.State = store.Dead
	}
	if f.State != store.Dead && f.State != store.Pending {
		return nil, f, fmt.Errorf("state: only dead and pending deliveries can be retried, not %q", f.State)
	}
	var span span
	err := span.read(c.Since, c.Until)
	f.Before, f.After = span.before, span.after
	return nil, f, err
}

// retryAll retries what a filter selects, page by page, from the newest to the oldest; what dies again meanwhile is not met twice.
func (s *server) retryAll(r *http.Request, f store.DeliveryFilter) (total int, err error) {
	for f.Limit = maxLimit; ; {
		page, next, err := s.Store.Deliveries(r.Context(), f)
		if err != nil {
			return total, err
		}
		ids := make([]store.ID, len(page))
		for i, d := range page {
			ids[i] = d.ID
		}
		n, err := s.Retry(r.Context(), ids)
		total += n
		if f.Before = next; err != nil || next == 0 {
			return total, err
		}
	}
}

func parseIDs(texts []string) ([]store.ID, error) {
	if len(texts) > maxIDs {
		return nil, fmt.Errorf("ids: at most %d at once", maxIDs)
	}
	ids := make([]store.ID, len(texts))
	for i, text := range texts {
		id, err := store.ParseID(text)
		if err != nil {
			return nil, fmt.Errorf("ids: %w", err)
		}
		ids[i] = id
	}
	return ids, nil
}

// readQuestion decodes the body, of which nothing is one without any keys, or answers what is wrong with it.
func readQuestion(w http.ResponseWriter, r *http.Request, v any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("there is something behind the object")
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeError(w, http.StatusRequestEntityTooLarge, "the question is too long")
		return false
	case err != nil && !errors.Is(err, io.EOF):
		writeError(w, http.StatusBadRequest, "the body is not the JSON that is wanted here: "+err.Error())
		return false
	}
	return true
}

// takeTime lets the answer come later than others may.
func takeTime(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longAnswer)) // a writer without deadlines needs none
}
