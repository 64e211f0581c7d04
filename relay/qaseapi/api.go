package qaseapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"qaserelay/notifiers/redact"
	"qaserelay/rules/event"
)

// api reads from the Qase API (https://developers.qase.io). It never writes.
type api struct {
	base, token string
	client      *http.Client
}

// entity returns the fields of the entity of ev, in the form that its events use, or nil for entities that have no path
// in the API.
func (q *api) entity(ctx context.Context, ev *event.Event) (map[string]any, error) {
	switch ev.Type() {
	case "run", "review", "defect", "case", "plan", "suite", "milestone":
	default:
		return nil, nil
	}
	var r struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		StartTime   string `json:"start_time"`
		PlanID      int    `json:"plan_id"`
		CaseID      int    `json:"case_id"`
		Environment *struct {
			Title string `json:"title"`
		} `json:"environment"`
	}
	path := "/" + ev.Type() + "/" + url.PathEscape(ev.Project) + "/" + url.PathEscape(ev.EntityID())
	if err := q.get(ctx, path, &r); err != nil {
		return nil, err
	}
	fields := map[string]any{}
	set := func(key string, value any, given bool) {
		if given {
			fields[key] = value
		}
	}
	set("title", r.Title, r.Title != "")
	set("description", r.Description, r.Description != "")
	set("plan", map[string]any{"id": r.PlanID}, r.PlanID > 0)
	set("case_id", r.CaseID, r.CaseID > 0)
	if r.Environment != nil {
		set("environment", r.Environment.Title, r.Environment.Title != "")
	}
	if start, err := time.Parse(time.DateTime, r.StartTime); err == nil {
		fields["started_at"] = int(start.Unix())
	}
	return fields, nil
}

// member returns the name and the email address of a team member.
func (q *api) member(ctx context.Context, id int) (map[string]any, error) {
	var r struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	if err := q.get(ctx, "/author/"+strconv.Itoa(id), &r); err != nil {
		return nil, err
	}
	return map[string]any{"name": r.Name, "email": r.Email}, nil
}

// get requests a path and decodes the result. Its errors do not show the token, which another server may repeat.
func (q *api) get(ctx context.Context, path string, result any) error {
	return redact.New(q.token).Err(q.ask(ctx, path, result))
}

func (q *api) ask(ctx context.Context, path string, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.base+path, nil)
	if err != nil {
		return fmt.Errorf("asking Qase: %w", err)
	}
	req.Header.Set("Token", q.token)
	req.Header.Set("Accept", "application/json")
	resp, err := q.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking Qase: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return errNotFound
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &rateLimitError{time.Duration(min(max(seconds, 10), 600)) * time.Second}
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("asking Qase: the answer is %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	var answer struct {
		Status bool            `json:"status"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswerBytes)).Decode(&answer); err != nil {
		return fmt.Errorf("reading the answer of Qase: %w", err)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("reading the answer of Qase: %w", err)
	}
	return nil
}

// errNotFound is the error for a thing that Qase does not have.
var errNotFound = errors.New("not found")

// rateLimitError is the error of a request beyond the rate limit of Qase.
type rateLimitError struct{ retryAfter time.Duration }

func (e *rateLimitError) Error() string {
	return fmt.Sprintf("too many requests; again in %s", e.retryAfter)
}

// maxAnswerBytes bounds the part of an answer that is read.
const maxAnswerBytes = 1 << 20
