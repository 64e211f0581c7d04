package slack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// parseCode returns the error code in an answer, which is a single word or a JSON object, or "".
func parseCode(body string) string {
	body = strings.TrimSpace(body)
	var object struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(body), &object) == nil {
		return object.Error
	}
	if regexp.MustCompile(`^[a-z][a-z0-9_]{1,80}$`).MatchString(body) {
		return body
	}
	return ""
}

// refusal is an answer other than ok.
type refusal struct {
	code   string // such as channel_not_found, or empty
	detail string // the cause, in Slack's words
	needed string // the scope that is missing
	place  string // destination, if the call was for a channel or person
}

// apiError is a refusal with its code.
type apiError struct{ code, text string }

func (e *apiError) Error() string { return e.text }

// errorCode returns the code in err, or "".
func errorCode(err error) string {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.code
	}
	return ""
}

// failure classifies an answer that is not a success.
func (n *notifier) failure(doing string, a httpclient.Answer, r refusal) error {
	text := doing + ": Slack answered " + n.mask.Redact(cmp.Or(r.code, a.Status))
	if r.detail != "" {
		text += " (" + notifiers.Cut(n.mask.Redact(notifiers.OneLine(r.detail)), 500) + ")"
	}
	var failed error = &apiError{r.code, text}
	class := r.class()
	switch {
	case a.RetryReason() != "":
		return a.Retry(a.RetryReason(), failed)
	case class.advice != "":
		return &notifiers.PermanentError{Reason: class.reason,
			Err: fmt.Errorf("%w: %s", failed, n.mask.Redact(class.advice))}
	case class.reason != "":
		return a.Retry(class.reason, failed)
	case a.IsRedirect():
		return notifiers.Permanent(
			"%w: redirects are not followed; write the final address as webhook_url or api_url", failed)
	case a.Code >= 400:
		return notifiers.Permanent("%w: check webhook_url or api_url", failed)
	case r.code == "":
		return a.Retry(notifiers.ReasonServer,
			fmt.Errorf("%w, but not in the form of its API; it may be in maintenance", failed))
	}
	// Slack adds codes over time, and documents that some of them only come with an outage.
	return a.Retry(notifiers.ReasonOther, &notifiers.DoubtfulError{Err: failed})
}

// isGone reports whether err means that the stored message of a key cannot be used any more: it was deleted, can no
// longer be changed or not into this one, or the app has lost its channel.
func isGone(err error) bool {
	return slices.Contains([]string{
		"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
		"channel_not_found", "is_archived", "is_inactive", "not_in_channel", "block_mismatch",
	}, errorCode(err))
}
