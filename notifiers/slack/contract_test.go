package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// halfAnswer promises more than it says, and hangs up.
func halfAnswer(says string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, says)
	}
}

func webhookChannel() notifierstest.Channel {
	const html = "<!DOCTYPE html><html>We are down for maintenance</html>"
	at := func(name, want string, h http.HandlerFunc, says string) notifierstest.Answer {
		return notifierstest.Answer{Name: name, Want: want, Says: says, After: 7 * time.Second,
			Make: func(t *testing.T) notifiers.Notifier {
				return webhookNotifier(t, notifierstest.Server(t, h), 10*time.Second)
			}}
	}
	return notifierstest.Channel{
		Name:    "slack webhook",
		Secrets: []string{"hooks3cret", "/services/T000/B000"},
		Answers: []notifierstest.Answer{
			at("ok", "delivered", notifierstest.Reply(200, "ok", ""), ""),
			at("200 with HTML", "retry", notifierstest.Reply(200, html, ""), "maintenance"),
			at("200 with nothing", "retry", notifierstest.Reply(200, "", ""), ""),
			at("200 with an endless body", "retry", notifierstest.Endless(200, ""), ""),
			at("204", "retry", notifierstest.Reply(204, "", ""), ""),
			at("302", "permanent", notifierstest.Reply(302, "", ""), "redirects"),
			at("400 invalid_payload", "permanent", notifierstest.Reply(400, "invalid_payload", ""), "invalid_payload"),
			at("403 action_prohibited", "permanent", notifierstest.Reply(403, "action_prohibited", ""), "admin"),
			at("404 no_service", "permanent", notifierstest.Reply(404, "no_service", ""), "webhook_url"),
			at("403 invalid_token", "permanent", notifierstest.Reply(403, "invalid_token", ""), "webhook_url"),
			at("404 channel_not_found", "permanent", notifierstest.Reply(404, "channel_not_found", ""), "invite"),
			at("410 channel_is_archived", "permanent", notifierstest.Reply(410, "channel_is_archived", ""),
				"unarchive"),
			at("418 with no word", "permanent", notifierstest.Reply(418, html, ""), "418"),
			at("an echoed secret", "permanent", notifierstest.Reply(400, "no /services/T000/B000/hooks3cret", ""), ""),
			at("408", "retry", notifierstest.Reply(408, "", ""), ""),
			at("429", "retry", notifierstest.Reply(429, "rate_limited", ""), ""),
			at("429 with seconds", "retry after", notifierstest.Reply(429, "rate_limited", "7"), ""),
			at("500 rollup_error", "retry", notifierstest.Reply(500, "rollup_error", ""), "rollup_error"),
			at("503 with seconds", "retry after", notifierstest.Reply(503, html, "7"), ""),
		},
		At: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return webhookNotifier(t, "http://"+addr, timeout)
		},
		Accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return webhookNotifier(t, notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
				var post post
				_ = json.NewDecoder(r.Body).Decode(&post)
				seen(post.Attachments[0].Fallback)
				_, _ = io.WriteString(w, "ok")
			}), 10*time.Second)
		},
	}
}

func tokenChannel() notifierstest.Channel {
	at := func(name, want string, h http.HandlerFunc, says string) notifierstest.Answer {
		return notifierstest.Answer{Name: name, Want: want, Says: says, After: 7 * time.Second,
			Make: func(t *testing.T) notifiers.Notifier {
				return tokenNotifier(t, notifierstest.Server(t, h), 10*time.Second)
			}}
	}
	return notifierstest.Channel{
		Name:    "slack token",
		Options: `{"channel":"#qa"}`,
		Secrets: []string{testToken},
		Answers: append(answerWords(), []notifierstest.Answer{
			at("ok", "delivered", notifierstest.Reply(200, `{"ok":true,"channel":"C1","ts":"1.2"}`, ""), ""),
			at("ok with a long echo", "delivered",
				notifierstest.Reply(200, `{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"`+strings.Repeat("x",
					20000)+`"}}`, ""), ""),
			at("200 with HTML", "retry", notifierstest.Reply(200, "<html>maintenance</html>", ""), "maintenance"),
			at("200 with null", "retry", notifierstest.Reply(200, "null", ""), "not in the form"),
			at("200 with an empty object", "retry", notifierstest.Reply(200, "{}", ""), "not in the form"),
			at("200 that is not ok", "retry", notifierstest.Reply(200, `{"ok":false}`, ""), "not in the form"),
			at("200 with half an answer", "retry", halfAnswer(`x`), "in the middle of the answer"),
			at("200 with an endless body", "retry", notifierstest.Endless(200, ""), ""),
			at("429", "retry", notifierstest.Reply(429, "", ""), ""),
			at("429 with seconds", "retry after", notifierstest.Reply(429, `{"ok":false,"error":"ratelimited"}`, "7"),
				""),
			notifierstest.TenMinutes(at("429 with a date", "retry after", notifierstest.InTenMinutes, "")),
			at("500", "retry", notifierstest.Reply(500, `{"ok":false,"error":"invalid_auth"}`, ""), ""),
			at("503", "retry after", notifierstest.Reply(503, "", "7"), ""),
			at("404", "permanent", notifierstest.Reply(404, "", ""), "api_url"),
			at("301", "permanent", notifierstest.Reply(301, "", ""), "redirects"),
			at("an echoed secret", "retry", notifierstest.Reply(200, `{"ok":false,"error":"no `+testToken+`"}`, ""),
				""),
			at("what is wrong with the blocks", "permanent",
				notifierstest.Reply(200,
					`{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be less than 3001 characters"]}}`, ""), "3001"),
		}...),
		At: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return tokenNotifier(t, "http://"+addr, timeout)
		},
		Accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return tokenNotifier(t, notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
				var a []struct{ Fallback string }
				if err := json.Unmarshal([]byte(r.FormValue("attachments")), &a); err != nil ||
					r.URL.Path != "/api/chat.postMessage" {
					t.Errorf("%s: %v", r.URL, err)
				}
				seen(a[0].Fallback)
				_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1.2"}`)
			}), 10*time.Second)
		},
	}
}

// answerWords are the error codes in answers with status 200.
func answerWords() []notifierstest.Answer {
	fails := func(code, want, says string) notifierstest.Answer {
		return notifierstest.Answer{Name: code, Want: want, Says: says, Make: func(t *testing.T) notifiers.Notifier {
			return tokenNotifier(t, notifierstest.Server(t,
				notifierstest.Reply(200, `{"ok":false,"error":"`+code+`"}`, "")), 10*time.Second)
		}}
	}
	return []notifierstest.Answer{
		fails("ratelimited", "retry", ""),
		fails("rate_limited", "retry", ""),
		fails("internal_error", "retry", ""),
		fails("fatal_error", "retry", ""),
		fails("service_unavailable", "retry", ""),
		fails("request_timeout", "retry", ""),
		fails("team_added_to_org", "retry", ""),
		fails("update_failed", "retry", ""),
		fails("a_code_of_tomorrow", "retry", "a_code_of_tomorrow"),
		fails("channel_not_found", "permanent", "/invite"),
		fails("not_in_channel", "permanent", "/invite"),
		fails("is_archived", "permanent", "unarchive"),
		fails("invalid_auth", "permanent", "bot token"),
		fails("not_authed", "permanent", "bot token"),
		fails("account_inactive", "permanent", "bot token"),
		fails("token_revoked", "permanent", "bot token"),
		fails("missing_scope", "permanent", "chat:write"),
		fails("restricted_action", "permanent", "admin"),
		fails("msg_too_long", "permanent", "message"),
		fails("invalid_blocks", "permanent", "message"),
		fails("no_text", "permanent", "message"),
		fails("invalid_attachments_format", "permanent", "message"),
		fails("accesslimited", "permanent", "admin"),
		fails("two_factor_setup_required", "permanent", "two-factor"),
		fails("team_not_found", "permanent", "(C…)"),
		fails("is_inactive", "permanent", "unarchive"),
		fails("messages_tab_disabled", "permanent", "App Home"),
		fails("slack_connect_canvas_sharing_blocked", "permanent", "canvas"),
		fails("invalid_user_combination", "permanent", "share no channel"),
		fails("invalid_json", "permanent", "api_url"),
		fails("unknown_method", "permanent", "api_url"),
	}
}
