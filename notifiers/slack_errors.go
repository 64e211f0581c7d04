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
	switch {
	case a.code == http.StatusTooManyRequests,
		slices.Contains([]string{"ratelimited", "rate_limited", "message_limit_exceeded"}, r.code):
		return a.again(ReasonRate, failed)
	case a.code >= 500, a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly, slackTransient(r.code):
		return a.again(ReasonServer, failed)
	}
	if reason, advice := r.advice(); advice != "" {
		return &PermanentError{reason, fmt.Errorf("%w: %s", failed, n.mask.mask(advice))}
	}
	switch {
	case a.code >= 300 && a.code < 400:
		return &PermanentError{Err: fmt.Errorf("%w: redirects are not followed; write the final address as webhook_url or api_url", failed)}
	case a.code >= 400:
		return &PermanentError{Err: fmt.Errorf("%w: check webhook_url or api_url", failed)}
	case r.code == "":
		return a.again(ReasonServer, fmt.Errorf("%w, but not in the form of its API; it may be in maintenance", failed))
	}
	return a.again(ReasonOther, failed)
}

// slackTransient reports whether a code stands for a failure on Slack's side.
func slackTransient(code string) bool {
	return slices.Contains([]string{
		"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error",
		"team_added_to_org", "org_login_required", "accesslimited",
	}, code)
}

// advice returns the reason for and what to do about a code that will come again, or nothing for other codes
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
func (r slackRefusal) advice() (reason, advice string) {
	there := cmp.Or(cut(r.place, 100), "the channel")
	switch r.code {
	case "channel_not_found", "not_in_channel":
		return ReasonClient, "check the channel's name, and invite the app to " + there + ": /invite @your-app"
	case "is_archived", "channel_is_archived":
		return ReasonClient, "unarchive " + there + ", or write another one"
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type",
		"invalid_token":
		return ReasonAuth, "put a valid bot token (xoxb-…) of an installed app into token"
	case "missing_scope", "no_permission":
		scope := cmp.Or(cut(oneLine(r.needed), 200), "chat:write (chat:write.public for channels it is not in)")
		return ReasonAuth, "give the app the scope " + scope + " in OAuth & Permissions, and install it again"
	case "access_denied", "ekm_access_denied", "team_access_not_granted", "org_login_required_for_app":
		return ReasonAuth, "ask an admin of the workspace to give the app access to it"
	case "no_service", "no_team", "no_service_id", "no_active_hooks", "team_disabled", "invalid_webhook":
		return ReasonAuth, "make a new incoming webhook and put its URL into webhook_url"
	case "action_prohibited", "posting_to_general_channel_denied", "restricted_action", "messages_tab_disabled",
		"restricted_action_read_only_channel", "restricted_action_thread_only_channel",
		"restricted_action_non_threadable_channel", "restricted_action_thread_locked":
		return ReasonClient, "ask an admin of the workspace to let the app post to " + there + ", or write another one"
	case "user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot":
		return ReasonClient, "write a channel or member that exists"
	case "too_many_users":
		return ReasonClient, "at most 8 people can get a message together; write a channel"
	}
	if r.isAboutMessage() {
		return ReasonClient, "Slack does not take this message; change its title, body or options"
	}
	return "", ""
}

func (r slackRefusal) isAboutMessage() bool {
	return slices.Contains([]string{
		"no_text", "msg_too_long", "msg_blocks_too_long", "too_many_attachments", "invalid_arguments",
		"invalid_arg_name", "invalid_payload", "invalid_form_data", "missing_text_or_fallback_or_attachments",
		"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
	}, r.code) || strings.HasPrefix(r.code, "invalid_blocks") || strings.HasPrefix(r.code, "invalid_attachments") ||
		strings.HasPrefix(r.code, "invalid_metadata")
}

// slackGone reports whether err says that the message kept for a key can be used no more: it is deleted, too old to be changed, or
// its channel is no longer there for us.
func slackGone(err error) bool {
	return slices.Contains([]string{
		"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
		"channel_not_found", "is_archived", "not_in_channel",
	}, slackErrorCode(err))
}
