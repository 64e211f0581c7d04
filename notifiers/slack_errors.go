package notifiers

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// slackCode returns the error code in an answer, which is a single word or a JSON object, or nothing.
func slackCode(body string) string {
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

// slackRefusal is what Slack says in place of ok.
type slackRefusal struct {
	code   string // such as channel_not_found, or empty
	detail string // what is wrong with the message, in Slack's words
	needed string // the scope that is missing
	place  string // where the message was to go, if it was for a channel or person
}

// slackError is a refusal with its code, for those who can do something about it.
type slackError struct{ code, text string }

func (e *slackError) Error() string { return e.text }

// slackErrorCode returns the code in err, or nothing.
func slackErrorCode(err error) string {
	var refused *slackError
	if errors.As(err, &refused) {
		return refused.code
	}
	return ""
}

// slackFailure says what an answer that is no success means for the delivery.
func (n *slackNotifier) slackFailure(doing string, a answer, r slackRefusal) error {
	text := doing + ": Slack answered " + n.mask.mask(cmp.Or(r.code, a.status))
	if r.detail != "" {
		text += " (" + n.mask.mask(cut(oneLine(r.detail), 500)) + ")"
	}
	var failed error = &slackError{r.code, text}
	class := r.class()
	switch {
	case a.code == http.StatusTooManyRequests:
		return a.again(ReasonRate, failed)
	case a.code >= 500, a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly:
		return a.again(ReasonServer, failed)
	case class.advice != "":
		return &PermanentError{class.reason, fmt.Errorf("%w: %s", failed, n.mask.mask(class.advice))}
	case class.reason != "":
		return a.again(class.reason, failed)
	case a.code >= 300 && a.code < 400:
		return &PermanentError{Err: fmt.Errorf("%w: redirects are not followed; write the final address as webhook_url or api_url", failed)}
	case a.code >= 400:
		return &PermanentError{Err: fmt.Errorf("%w: check webhook_url or api_url", failed)}
	case r.code == "":
		return a.again(ReasonServer, fmt.Errorf("%w, but not in the form of its API; it may be in maintenance", failed))
	}
	return a.again(ReasonOther, &DoubtfulError{failed}) // Slack adds codes, and says that some come only while it is in trouble
}

// slackGone reports whether err says that the message kept for a key can be used no more: it is deleted, can be changed no more
// or not into this one, or its channel is no longer there for us.
func slackGone(err error) bool {
	return slices.Contains([]string{
		"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
		"channel_not_found", "is_archived", "is_inactive", "not_in_channel", "block_mismatch",
	}, slackErrorCode(err))
}
