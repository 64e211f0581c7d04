package notifiers

import (
	"encoding/json"
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

// slackFailure says what an answer that is no success means for the delivery.
func (n *slackNotifier) slackFailure(doing string, a answer, code, detail string) error {
	what := code
	if code == "" {
		what = a.status
	}
	failed := fmt.Errorf("%s: Slack answered %s", doing, n.mask.mask(what))
	if detail != "" {
		failed = fmt.Errorf("%w (%s)", failed, n.mask.mask(cut(oneLine(detail), 500)))
	}
	switch {
	case a.code == http.StatusTooManyRequests,
		slices.Contains([]string{"ratelimited", "rate_limited", "message_limit_exceeded"}, code):
		return a.again(ReasonRate, failed)
	case a.code >= 500, a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly, slackTransient(code):
		return a.again(ReasonServer, failed)
	}
	if reason, advice := slackAdvice(code); advice != "" {
		return &PermanentError{reason, fmt.Errorf("%w: %s", failed, advice)}
	}
	switch {
	case a.code >= 300 && a.code < 400:
		return &PermanentError{Err: fmt.Errorf("%w: redirects are not followed; write the final address as webhook_url or api_url", failed)}
	case a.code >= 400:
		return &PermanentError{Err: fmt.Errorf("%w: check webhook_url or api_url", failed)}
	case code == "":
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

// slackAdvice returns the reason for and what to do about a code that will come again, or nothing for other codes
// (https://docs.slack.dev/reference/methods/chat.postMessage#errors).
func slackAdvice(code string) (reason, advice string) {
	switch code {
	case "channel_not_found", "not_in_channel":
		return ReasonClient, "check the channel's name, and invite the app to it: /invite @your-app"
	case "is_archived", "channel_is_archived":
		return ReasonClient, "unarchive the channel, or write another one"
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type",
		"invalid_token":
		return ReasonAuth, "put a valid bot token (xoxb-…) of an installed app into token"
	case "missing_scope", "no_permission", "access_denied", "ekm_access_denied", "team_access_not_granted":
		return ReasonAuth, "give the app the scope chat:write (chat:write.public for channels it is not in), and install it again"
	case "no_service", "no_team", "no_service_id", "no_active_hooks", "team_disabled", "invalid_webhook":
		return ReasonAuth, "make a new incoming webhook and put its URL into webhook_url"
	case "action_prohibited", "posting_to_general_channel_denied", "restricted_action",
		"restricted_action_read_only_channel", "restricted_action_thread_only_channel",
		"restricted_action_non_threadable_channel":
		return ReasonClient, "ask an admin of the workspace to let the app post there, or write another channel"
	case "user_not_found", "users_not_found":
		return ReasonClient, "write a channel or member that exists"
	}
	if slices.Contains([]string{
		"no_text", "msg_too_long", "msg_blocks_too_long", "too_many_attachments", "invalid_arguments",
		"invalid_arg_name", "invalid_payload", "invalid_form_data", "missing_text_or_fallback_or_attachments",
		"message_not_found", "cant_update_message", "edit_window_closed",
	}, code) || strings.HasPrefix(code, "invalid_blocks") || strings.HasPrefix(code, "invalid_attachments") ||
		strings.HasPrefix(code, "invalid_metadata") {
		return ReasonClient, "Slack does not take this message; change its title, body or options"
	}
	return "", ""
}
