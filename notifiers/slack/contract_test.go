package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
)

// slackSays answers with a fixed status and body.
func slackSays(code int, body string, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// dated asks for patience for ten minutes, as a date, which is in whole seconds. It is made when the answer is, so that it does not matter
// how busy the machine is.
func dated(w http.ResponseWriter, r *http.Request) {
	slackSays(http.StatusTooManyRequests, "", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))(w, r)
}

// untilDate is a case that dated answers.
func untilDate(a answerCase) answerCase {
	a.after = 10 * time.Minute
	return a
}

// halfAnswer promises more than it says, and hangs up.
func halfAnswer(says string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, says)
	}
}

func slackWebhookChannel() channel {
	const html = "<!DOCTYPE html><html>We are down for maintenance</html>"
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
			return slackWebhook(t, server(t, h), 10*time.Second)
		}}
	}
	return channel{
		name:    "slack webhook",
		secrets: []string{"hooks3cret", "/services/T000/B000"},
		answers: []answerCase{
			at("ok", "delivered", slackSays(200, "ok", ""), ""),
			at("200 with HTML", "again", slackSays(200, html, ""), "maintenance"),
			at("200 with nothing", "again", slackSays(200, "", ""), ""),
			at("200 with an endless body", "again", endless(200), ""),
			at("204", "again", slackSays(204, "", ""), ""),
			at("302", "never", slackSays(302, "", ""), "redirects"),
			at("400 invalid_payload", "never", slackSays(400, "invalid_payload", ""), "invalid_payload"),
			at("403 action_prohibited", "never", slackSays(403, "action_prohibited", ""), "admin"),
			at("404 no_service", "never", slackSays(404, "no_service", ""), "webhook_url"),
			at("403 invalid_token", "never", slackSays(403, "invalid_token", ""), "webhook_url"),
			at("404 channel_not_found", "never", slackSays(404, "channel_not_found", ""), "invite"),
			at("410 channel_is_archived", "never", slackSays(410, "channel_is_archived", ""), "unarchive"),
			at("418 with no word", "never", slackSays(418, html, ""), "418"),
			at("an echoed secret", "never", slackSays(400, "no /services/T000/B000/hooks3cret", ""), ""),
			at("408", "again", slackSays(408, "", ""), ""),
			at("429", "again", slackSays(429, "rate_limited", ""), ""),
			at("429 with seconds", "not before", slackSays(429, "rate_limited", "7"), ""),
			at("500 rollup_error", "again", slackSays(500, "rollup_error", ""), "rollup_error"),
			at("503 with seconds", "not before", slackSays(503, html, "7"), ""),
		},
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return slackWebhook(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return slackWebhook(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var post SlackPost
				_ = json.NewDecoder(r.Body).Decode(&post)
				seen(post.Attachments[0].Fallback)
				_, _ = io.WriteString(w, "ok")
			}), 10*time.Second)
		},
	}
}

func slackTokenChannel() channel {
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
			return slackToken(t, server(t, h), 10*time.Second)
		}}
	}
	return channel{
		name:    "slack token",
		secrets: []string{testToken},
		answers: append(slackWords(), []answerCase{
			at("ok", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2"}`, ""), ""),
			at("ok with a long echo", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"`+strings.Repeat("x", 20000)+`"}}`, ""), ""),
			at("200 with HTML", "again", slackSays(200, "<html>maintenance</html>", ""), "maintenance"),
			at("200 with null", "again", slackSays(200, "null", ""), "not in the form"),
			at("200 with an empty object", "again", slackSays(200, "{}", ""), "not in the form"),
			at("200 that is not ok", "again", slackSays(200, `{"ok":false}`, ""), "not in the form"),
			at("200 with half an answer", "again", halfAnswer(`x`), "in the middle of the answer"),
			at("200 with an endless body", "again", endless(200), ""),
			at("429", "again", slackSays(429, "", ""), ""),
			at("429 with seconds", "not before", slackSays(429, `{"ok":false,"error":"ratelimited"}`, "7"), ""),
			untilDate(at("429 with a date", "not before", dated, "")),
			at("500", "again", slackSays(500, `{"ok":false,"error":"invalid_auth"}`, ""), ""),
			at("503", "not before", slackSays(503, "", "7"), ""),
			at("404", "never", slackSays(404, "", ""), "api_url"),
			at("301", "never", slackSays(301, "", ""), "redirects"),
			at("an echoed secret", "again", slackSays(200, `{"ok":false,"error":"no `+testToken+`"}`, ""), ""),
			at("what is wrong with the blocks", "never", slackSays(200, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be less than 3001 characters"]}}`, ""), "3001"),
		}...),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return slackToken(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return slackToken(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var a []struct{ Fallback string }
				if err := json.Unmarshal([]byte(r.FormValue("attachments")), &a); err != nil || r.URL.Path != "/api/chat.postMessage" {
					t.Errorf("%s: %v", r.URL, err)
				}
				seen(a[0].Fallback)
				_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1.2"}`)
			}), 10*time.Second)
		},
	}
}

// slackWords are the error codes in answers with status 200.
func slackWords() []answerCase {
	fails := func(code, want, says string) answerCase {
		return answerCase{name: code, want: want, says: says, make: func(t *testing.T) notifiers.Notifier {
			return slackToken(t, server(t, slackSays(200, `{"ok":false,"error":"`+code+`"}`, "")), 10*time.Second)
		}}
	}
	return []answerCase{
		fails("ratelimited", "again", ""),
		fails("rate_limited", "again", ""),
		fails("internal_error", "again", ""),
		fails("fatal_error", "again", ""),
		fails("service_unavailable", "again", ""),
		fails("request_timeout", "again", ""),
		fails("team_added_to_org", "again", ""),
		fails("update_failed", "again", ""),
		fails("a_code_of_tomorrow", "again", "a_code_of_tomorrow"),
		fails("channel_not_found", "never", "/invite"),
		fails("not_in_channel", "never", "/invite"),
		fails("is_archived", "never", "unarchive"),
		fails("invalid_auth", "never", "bot token"),
		fails("not_authed", "never", "bot token"),
		fails("account_inactive", "never", "bot token"),
		fails("token_revoked", "never", "bot token"),
		fails("missing_scope", "never", "chat:write"),
		fails("restricted_action", "never", "admin"),
		fails("msg_too_long", "never", "message"),
		fails("invalid_blocks", "never", "message"),
		fails("no_text", "never", "message"),
		fails("invalid_attachments_format", "never", "message"),
		fails("accesslimited", "never", "admin"),
		fails("two_factor_setup_required", "never", "two-factor"),
		fails("team_not_found", "never", "(C…)"),
		fails("is_inactive", "never", "unarchive"),
		fails("messages_tab_disabled", "never", "App Home"),
		fails("slack_connect_canvas_sharing_blocked", "never", "canvas"),
		fails("invalid_user_combination", "never", "share no channel"),
		fails("invalid_json", "never", "api_url"),
		fails("unknown_method", "never", "api_url"),
	}
}
