package qaseapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"qaserelay/notifiers/redact"
	"qaserelay/rules"
	"qaserelay/rules/value"
)

const (
	requestTimeout = 5 * time.Second
	errorPause     = 30 * time.Second // of a source after an error of the server, a timeout or a broken answer
	refusedPause   = 10 * time.Minute // of a source whose token is refused, and of a project that it may not read
	minPause       = time.Second      // after 429
	maxPause       = 10 * time.Minute // after 429
)

// request is a question to the Qase API. The client never writes.
type request struct {
	source   *rules.Source
	project  string // the code, or empty if the question is about the workspace
	endpoint string // for metrics
	path     string // behind the address of the API, with its query
	// patient waits for the rate limit; otherwise a request beyond it fails at once.
	patient bool
	budget  *budget // that it is part of, or nil
}

// cause is why a question has no answer.
type cause string

const (
	refused  cause = "refused"  // by Qase, and it will be again: 401, 402, 403
	missing  cause = "missing"  // 404
	limited  cause = "limited"  // by the rate limit of Qase or that of the source, or the budget
	away     cause = "away"     // the API did not answer, or not with what was asked
	cut      cause = "cut"      // the answer is longer than what is read of one
	giveUp   cause = "gave up"  // the caller waits no longer
	rejected cause = "rejected" // Qase does not understand the question: 400, 422
)

// failure is the error of a question without an answer. Its text is a sentence for people, without the token.
type failure struct {
	cause cause
	code  int // status of the answer, or 0
	said  string
	again time.Duration // when once more could help; 0: never
	// detail is for the operator, in the log and in check: it names hosts of the network, which messages do not.
	detail string
}

func (f *failure) Error() string {
	if f.detail != "" {
		return f.said + ": " + f.detail
	}
	return f.said
}

// failureOf returns the failure of an error of this package, or nil for nil.
func failureOf(err error) *failure {
	var f *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	}
	return &failure{cause: away, said: "the answer of the Qase API cannot be read", detail: err.Error(), again: errorPause}
}

// fetch asks a question, and returns what read makes of its result. When ctx ends it returns at once; the request goes
// on to its own limit, so that a slow API is noticed however short the patience of the caller is.
func fetch[T any](ctx context.Context, c *Client, r request, read func(stream) (T, error)) (T, error) {
	type answer struct {
		result T
		err    error
	}
	done := make(chan answer, 1)
	started := c.start(func() {
		a := answer{err: &failure{cause: away, said: "reading the answer of the Qase API failed", again: errorPause}}
		defer func() { done <- a }()
		defer func() {
			if p := recover(); p != nil {
				c.logger.Error("reading an answer of the Qase API panicked", "endpoint", r.endpoint, "panic", p)
			}
		}()
		a.result, a.err = ask(ctx, c, r, read)
	})
	if !started {
		return *new(T), &failure{cause: giveUp, said: "the relay is stopping"}
	}
	select {
	case a := <-done:
		return a.result, a.err
	case <-ctx.Done():
		return *new(T), &failure{cause: giveUp, said: "the Qase API did not answer in time"}
	}
}

// ask sends a request, once more if the answer is empty or cut, which happens to Qase under load.
func ask[T any](ctx context.Context, c *Client, r request, read func(stream) (T, error)) (result T, err error) {
	for range 2 {
		var leave func()
		if leave, err = c.admit(ctx, r); err != nil {
			return result, err
		}
		var once bool
		result, once, err = exchange(c, r, read)
		leave()
		if err == nil || once {
			break
		}
	}
	f := failureOf(redact.New(r.source.APIToken()).Err(err))
	if f != nil {
		c.settle(r, f)
		err = f
	}
	return result, err
}

// exchange sends one request and reads its answer. once is that asking once more makes no sense.
func exchange[T any](c *Client, r request, read func(stream) (T, error)) (result T, once bool, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.source.APIURL+r.path, nil)
	if err != nil {
		return result, true, &failure{cause: away, said: "api_url is not the address of an API", again: errorPause}
	}
	req.Header.Set("Token", r.source.APIToken())
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		c.count(r, "error")
		return result, true, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	c.count(r, strconv.Itoa(resp.StatusCode))
	if resp.StatusCode != http.StatusOK {
		return result, true, statusFailure(resp)
	}
	result, err = readEnvelope(resp.Body, read)
	switch {
	case ctx.Err() != nil:
		return result, true, c.unreachable(ctx, ctx.Err())
	case errors.Is(err, errTooLong), errors.Is(err, errTooDeep):
		return result, true, &failure{cause: cut, said: err.Error(), again: errorPause}
	case err != nil:
		err = &failure{cause: away, said: "the answer of the Qase API is empty or broken", again: errorPause}
	}
	return result, err == nil, err
}

// unreachable returns the failure of a request without an answer.
func (c *Client) unreachable(ctx context.Context, err error) *failure {
	f := &failure{cause: away, again: errorPause}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.said = fmt.Sprintf("the Qase API did not answer within %s", value.HumanDuration(c.Timeout))
		return f
	}
	f.said, f.detail = "the Qase API cannot be reached", shortNetworkError(err)
	return f
}

// statusFailure returns the failure of an answer with another status than 200.
func statusFailure(resp *http.Response) *failure {
	code := resp.StatusCode
	switch {
	case code == http.StatusUnauthorized:
		return &failure{cause: refused, code: code, said: "Qase does not accept the api_token (401)"}
	case code == http.StatusForbidden, code == http.StatusPaymentRequired:
		return &failure{cause: refused, code: code, said: fmt.Sprintf("Qase does not let the api_token read this (%d)", code)}
	case code == http.StatusNotFound:
		return &failure{cause: missing, code: code, said: "Qase does not have it (404)"}
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return &failure{cause: rejected, code: code,
			said: fmt.Sprintf("the Qase API does not understand the question (%d)", code)}
	case code == http.StatusTooManyRequests:
		wait := retryAfter(resp.Header.Get("Retry-After"))
		return &failure{cause: limited, code: code, said: "the Qase API has had too many requests", again: wait}
	case code >= 300 && code < 400:
		return &failure{cause: away, again: errorPause,
			said: fmt.Sprintf("the Qase API redirects to another address (%d); check api_url", code)}
	}
	return &failure{cause: away, again: errorPause,
		said: fmt.Sprintf("the Qase API answered %d %s", code, http.StatusText(code))}
}

// retryAfter reads a header with a number of seconds or a date. Without one it is the pause that Qase documents.
func retryAfter(header string) time.Duration {
	wait := time.Minute
	if seconds, err := strconv.Atoi(header); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, minPause), maxPause)
}

// readEnvelope reads {"status": true, "result": …}.
func readEnvelope[T any](body io.Reader, read func(stream) (T, error)) (result T, err error) {
	s, status, given := newStream(body), true, false
	err = s.object(func(key string) (err error) {
		switch key {
		case "status":
			return s.flag(&status)
		case "result":
			given = true
			result, err = read(s)
			return err
		}
		return s.skip()
	})
	if err == nil && (!status || !given) {
		err = io.ErrUnexpectedEOF
	}
	return result, err
}
