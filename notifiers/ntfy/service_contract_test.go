package ntfy

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/discord"
	"qaserelay/notifiers/googlechat"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/mattermost"
	"qaserelay/notifiers/pagerduty"
	"qaserelay/notifiers/teams"
	"qaserelay/notifiers/telegram"
)

const (
	maintenance = "<!DOCTYPE html><html>We are down for maintenance</html>"
	hookSecret  = "hooks3cret"
)

// serviceChannel describes how a service is spoken to in the contract suite.
type serviceChannel struct {
	name    string
	kind    notifiers.Kind
	secrets []string
	// config makes a configuration whose address is base.
	config   func(base string, timeout time.Duration) any
	defaults string // message options
	ok       string // the answer to a message that was taken
	// title finds a message's title in a request's body.
	title func(body map[string]any) any
	// unread says that a success is told by the status alone.
	unread bool
	// answers are those that only this service gives.
	answers func(at answerAt) []answerCase
}

// answerAt makes a case of an answer.
type answerAt func(code int, body, want, says string) answerCase

func serviceChannels() []channel {
	var all []channel
	for _, s := range []serviceChannel{
		teamsService(), discordService(), telegramService(), googleService(), mattermostService(), pagerService(), ntfyService(),
	} {
		all = append(all, s.channel())
	}
	return all
}

func (s serviceChannel) make(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	t.Helper()
	n, err := s.kind.New(s.config(base, timeout), []byte(s.defaults))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s serviceChannel) channel() channel {
	return channel{
		name:    s.name,
		secrets: s.secrets,
		answers: slices.Concat(s.commonAnswers(), s.answers(func(code int, body, want, says string) answerCase {
			return s.answer(body, want, says, slackSays(code, body, ""))
		})),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return s.make(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return s.make(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				title, _ := s.title(body).(string)
				i := strings.Index(title, "delivery")
				seen(strings.ReplaceAll(strings.Fields(strings.NewReplacer("*", " ", "]", " ").Replace(title[max(i, 0):]))[0], markup.Joiner, ""))
				_, _ = io.WriteString(w, s.ok)
			}), 10*time.Second)
		},
	}
}

func (s serviceChannel) answer(name, want, says string, h http.HandlerFunc) answerCase {
	return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) notifiers.Notifier {
		return s.make(t, server(t, h), 10*time.Second)
	}}
}

// commonAnswers are those that mean the same for every service.
func (s serviceChannel) commonAnswers() []answerCase {
	byStatus := map[bool]string{true: "delivered", false: "again"}[s.unread]
	return []answerCase{
		s.answer("taken", "delivered", "", slackSays(200, s.ok, "")),
		s.answer("200 with an endless body", byStatus, "", endless(200)),
		s.answer("200 with HTML", "again", "form", slackSays(200, maintenance, "")),
		s.answer("302", "never", "redirects", slackSays(302, "", "")),
		s.answer("400 with nothing", "never", "400", slackSays(400, "", "")),
		s.answer("401 with HTML", "never", "401", slackSays(401, maintenance, "")),
		s.answer("403 with HTML", "never", "403", slackSays(403, maintenance, "")),
		s.answer("404 with HTML", "never", "404", slackSays(404, maintenance, "")),
		s.answer("408", "again", "", slackSays(408, "", "")),
		s.answer("410", "gone", "", slackSays(410, "", "")),
		s.answer("413", "never", "", slackSays(413, maintenance, "")),
		s.answer("425", "again", "", slackSays(425, "", "")),
		s.answer("429", "again", "", slackSays(429, maintenance, "")),
		s.answer("429 with seconds", "not before", "", slackSays(429, "", "7")),
		untilDate(s.answer("429 with a date", "not before", "", dated)),
		s.answer("500 with HTML", "again", "", slackSays(500, maintenance, "")),
		s.answer("503 with seconds", "not before", "", slackSays(503, "", "7")),
		s.answer("an echo of all that came", "again", "", echo(500, nil)),
		s.answer("a refusal with an echo", "never", "", echo(400, nil)),
	}
}

func teamsService() serviceChannel {
	fails := func(code string) string { return `{"error":{"code":"` + code + `","message":"no ` + hookSecret + `"}}` }
	return serviceChannel{
		name: "teams", kind: teams.Kind(), secrets: []string{hookSecret, "/workflows/abc"}, unread: true,
		config: func(base string, timeout time.Duration) any {
			return &teams.Config{WebhookURL: notifiers.NewSecret(base + "/workflows/abc/triggers?sig=" + hookSecret), Timeout: timeout}
		},
		title: func(b map[string]any) any {
			card := b["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
			head := card["body"].([]any)[0].(map[string]any)["items"].([]any)[0].(map[string]any)
			return head["inlines"].([]any)[0].(map[string]any)["text"]
		},
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(202, "", "delivered", ""),
				at(200, "1", "delivered", ""),
				at(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", "again", "make a workflow"),
				at(400, fails("TriggerInputSchemaMismatch"), "never", "Adaptive Cards"),
				at(400, fails("WorkflowTriggerIsNotEnabled"), "never", "turn the workflow on"),
				at(401, fails("DirectApiAuthorizationRequired"), "never", "let anyone call it"),
				at(404, fails("WorkflowNotFound"), "never", "deleted"),
				at(502, fails("NoResponse"), "again", "NoResponse"),
			}
		},
	}
}

func discordService() serviceChannel {
	return serviceChannel{
		name: "discord", kind: discord.Kind(), secrets: []string{hookSecret, "/webhooks/1"},
		config: func(base string, timeout time.Duration) any {
			return &discord.Config{WebhookURL: notifiers.NewSecret(base + "/api/webhooks/1/" + hookSecret), Timeout: timeout}
		},
		ok:    `{"id":"123","channel_id":"456"}`,
		title: func(b map[string]any) any { return b["embeds"].([]any)[0].(map[string]any)["title"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(204, "", "delivered", ""),
				at(200, "{}", "again", "not in the form"),
				at(200, "null", "again", "not in the form"),
				at(429, `{"message":"You are being rate limited.","retry_after":6.5,"global":false}`, "not before", "rate limited"),
				at(404, `{"message":"Unknown Webhook","code":10015}`, "gone", "deleted"),
				at(401, `{"message":"Invalid Webhook Token","code":50027}`, "never", "whole URL"),
				at(400, `{"message":"Invalid Form Body","code":50035,"errors":{"embeds":["0"]}}`, "never", "change its title"),
				at(400, `{"message":"Webhooks posted to forum channels must have a thread_name or thread_id","code":220001}`, "never", "forum"),
				at(404, `{"message":"Unknown Channel","code":10003}`, "never", "thread_id"),
			}
		},
	}
}

func telegramService() serviceChannel {
	const token = "110201543:AAHt0kens3cret"
	fails := func(description, parameters string) string {
		return `{"ok":false,"description":"` + description + `","parameters":{` + parameters + `}}`
	}
	return serviceChannel{
		name: "telegram", kind: telegram.Kind(), secrets: []string{token, "AAHt0kens3cret"},
		config: func(base string, timeout time.Duration) any {
			return &telegram.Config{Token: notifiers.NewSecret(token), APIURL: base, Timeout: timeout}
		},
		defaults: `{"chat_id":"-1001234567890"}`,
		ok:       `{"ok":true,"result":{"message_id":7}}`,
		title:    func(b map[string]any) any { return strings.ReplaceAll(b["text"].(string), "<", " ") },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{"ok":false}`, "again", "api_url"),
				at(429, fails("Too Many Requests: retry after 7", `"retry_after":7`), "not before", "Too Many Requests"),
				at(400, fails("Bad Request: group chat was upgraded to a supergroup chat", `"migrate_to_chat_id":-1009876543210`), "never", "-1009876543210"),
				at(400, fails("Bad Request: chat not found", ""), "never", "check chat_id"),
				at(400, fails("Bad Request: message thread not found", ""), "never", "topic"),
				at(400, fails("Bad Request: can't parse entities", ""), "never", "change its title"),
				at(401, fails("Unauthorized", ""), "never", "@BotFather"),
				at(404, fails("Not Found", ""), "never", "@BotFather"),
				at(403, fails("Forbidden: bot was blocked by the user", ""), "never", "press Start"),
				at(403, fails("Forbidden: bot was kicked from the supergroup chat", ""), "never", "add the bot"),
			}
		},
	}
}

func googleService() serviceChannel {
	fails := func(status, message string) string {
		return `{"error":{"status":"` + status + `","message":"` + message + `"}}`
	}
	return serviceChannel{
		name: "googlechat", kind: googlechat.Kind(), secrets: []string{hookSecret, "/v1/spaces/AAA"},
		config: func(base string, timeout time.Duration) any {
			return &googlechat.Config{WebhookURL: notifiers.NewSecret(base + "/v1/spaces/AAA/messages?key=k3y0&token=" + hookSecret), Timeout: timeout}
		},
		ok:    `{"name":"spaces/AAA/messages/1"}`,
		title: func(b map[string]any) any { return b["fallbackText"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{}`, "again", "webhook_url"),
				at(400, fails("INVALID_ARGUMENT", "Message cannot be empty."), "never", "change its title"),
				at(403, fails("PERMISSION_DENIED", "The caller does not have permission"), "never", "make a new webhook"),
				at(404, fails("NOT_FOUND", "Space not found"), "never", "make a new webhook"),
				at(429, fails("RESOURCE_EXHAUSTED", "Resource has been exhausted"), "again", "exhausted"),
			}
		},
	}
}

func mattermostService() serviceChannel {
	fails := func(id string) string { return `{"id":"web.incoming_webhook.` + id + `.app_error","message":"no"}` }
	return serviceChannel{
		name: "mattermost", kind: mattermost.Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &mattermost.Config{WebhookURL: notifiers.NewSecret(base + "/hooks/" + hookSecret), Timeout: timeout}
		},
		ok:    "ok",
		title: func(b map[string]any) any { return strings.ReplaceAll(b["text"].(string), "[", " ") },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(400, fails("invalid"), "never", "make a new incoming webhook"),
				at(404, fails("channel"), "never", "check channel"),
				at(403, fails("channel_locked"), "never", "leave channel out"),
				at(403, fails("permissions"), "never", "may post"),
				at(501, fails("disabled"), "never", "System Console"),
				at(400, fails("text"), "never", "change its title"),
				at(500, fails("general"), "again", "general"),
			}
		},
	}
}

func pagerService() serviceChannel {
	return serviceChannel{
		name: "pagerduty", kind: pagerduty.Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &pagerduty.Config{RoutingKey: notifiers.NewSecret(hookSecret), APIURL: base, Timeout: timeout}
		},
		ok:    `{"status":"success","message":"Event processed","dedup_key":"k"}`,
		title: func(b map[string]any) any { return b["payload"].(map[string]any)["summary"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(202, `{"status":"success","message":"Event processed"}`, "delivered", ""),
				at(400, `{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}`, "never", "routing_key"),
				at(400, `{"status":"invalid event","message":"Event object is invalid","errors":["'payload.severity' is invalid"]}`, "never", "change its title"),
				at(403, "", "never", "check routing_key"),
			}
		},
	}
}

func ntfyService() serviceChannel {
	return serviceChannel{
		name: "ntfy", kind: Kind(), secrets: []string{hookSecret},
		config: func(base string, timeout time.Duration) any {
			return &Config{Server: base, Username: "phil", Password: notifiers.NewSecret(hookSecret), Timeout: timeout}
		},
		defaults: `{"topic":"qa"}`,
		ok:       `{"id":"x1","event":"message","topic":"qa"}`,
		title:    func(b map[string]any) any { return b["title"] },
		answers: func(at answerAt) []answerCase {
			return []answerCase{
				at(200, `{}`, "again", "server"),
				at(403, `{"code":40301,"http":403,"error":"forbidden"}`, "never", "check token"),
				at(400, `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`, "never", "topic"),
				at(429, `{"code":42901,"http":429,"error":"limit reached: too many requests"}`, "again", "too many"),
				at(507, `{"code":50701,"http":507,"error":"cannot publish"}`, "again", ""),
			}
		},
	}
}
