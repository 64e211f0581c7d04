package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
)

const (
	// maxBody is the size of the largest body of a request.
	maxBody = 1 << 20
	// maxIDs is the number of events or deliveries that one request may name.
	maxIDs = 10_000
	// longAnswer is the time for the answer to a request about many things.
	longAnswer = 10 * time.Minute
)

// Replays is the answer to a replay of several events.
type Replays struct {
	DryRun  bool          `json:"dry_run"`
	Replays []desk.Replay `json:"replays"`
}

// replayBody is the body of a replay.
type replayBody struct {
	IDs    []string `json:"ids"`
	DryRun bool     `json:"dry_run"`
	Force  bool     `json:"force"` // also what silences hold back
	// AskAgain asks the Qase API anew, instead of deciding by what it said when the event came.
	AskAgain bool `json:"ask_again"`
}

func (b *replayBody) options() relay.ReplayOptions {
	return relay.ReplayOptions{Dry: b.DryRun, Force: b.Force, AskAgain: b.AskAgain}
}

func (b *replayBody) parse() ([]store.ID, error) {
	if len(b.IDs) == 0 {
		return nil, errors.New(`say which events: {"ids": ["…"]}`)
	}
	return parseIDs(b.IDs)
}

// retryBody is the body of a retry of one delivery.
type retryBody struct {
	Rerender bool `json:"rerender,omitempty"` // by the current rules
}

// choice is the body of a retry of many: ids, or a filter.
type choice struct {
	IDs []string `json:"ids,omitempty"`
	retryBody
	filter
}

// Retried is the answer to a retry of several deliveries.
type Retried struct {
	Retried int `json:"retried"`
	// Refused says which deliveries the current rules do not render again, and why.
	Refused []desk.Refusal `json:"refused,omitempty"`
	// Job is the job that goes on, if the answer is not complete.
	Job string `json:"job,omitempty"`
}

// filter selects deliveries. Empty fields select all, except that an empty state means dead.
type filter struct {
	State    store.State `json:"state,omitempty"` // dead or pending
	Rule     string      `json:"rule,omitempty"`
	Notifier string      `json:"notifier,omitempty"`
	Project  string      `json:"project,omitempty"`
	Event    string      `json:"event,omitempty"`  // a name, or the id of an event
	Reason   string      `json:"reason,omitempty"` // why an attempt failed, in one word
	Since    string      `json:"since,omitempty"`  // made at this time or later
	Until    string      `json:"until,omitempty"`  // made before this time
}

// parse returns the ids or, if there are none, nil and the job that the filter asks for.
func (c *choice) parse() ([]store.ID, desk.JobSpec, error) {
	spec := desk.JobSpec{Verb: jobs.Retry, State: c.State, Rule: c.Rule, Notifier: c.Notifier, Project: c.Project,
		Event: c.Event, Reason: c.Reason, Since: c.Since, Until: c.Until}
	if c.Rerender {
		spec.Verb = jobs.Rerender
	}
	switch hasFilter := c.filter != (filter{}); {
	case len(c.IDs) > 0 && hasFilter:
		return nil, spec, errors.New("name either ids or a filter, not both")
	case len(c.IDs) > 0:
		ids, err := parseIDs(c.IDs)
		return ids, spec, err
	}
	return nil, spec, nil
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

// readBody decodes the body of a request into v, or answers the error. An empty body leaves v as it is.
func readBody(w http.ResponseWriter, r *http.Request, v any) bool {
	return readBodyOf(w, r, v, maxBody)
}

// readBodyOf is readBody for a body of at most some bytes.
func readBodyOf(w http.ResponseWriter, r *http.Request, v any, most int64) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("unexpected text after the object")
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeError(w, http.StatusRequestEntityTooLarge, "the body is too large")
		return false
	case err != nil && !errors.Is(err, io.EOF):
		writeError(w, http.StatusBadRequest, "the body is not valid JSON for this request: "+err.Error())
		return false
	}
	return true
}

// extendDeadline gives the answer more time than others have.
func extendDeadline(w http.ResponseWriter) {
	// A writer without deadlines needs no other one.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longAnswer))
}
