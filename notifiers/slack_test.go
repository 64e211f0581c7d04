package notifiers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const testToken = "xoxb-1234-tests3cret"

func slackWebhook(t *testing.T, base string, timeout time.Duration) Notifier {
	return testSlack(t, &slackConfig{WebhookURL: NewSecret(base + "/services/T000/B000/hooks3cret"), APIURL: "https://slack.com/api/", Timeout: timeout})
}

func slackToken(t *testing.T, base string, timeout time.Duration) Notifier {
	return testSlack(t, &slackConfig{Token: NewSecret(testToken), APIURL: base + "/api", Timeout: timeout})
}

func testSlack(t *testing.T, c *slackConfig) Notifier {
	t.Helper()
	n, err := newSlack(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

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

func slackWebhookChannel() channel {
	const html = "<!DOCTYPE html><html>We are down for maintenance</html>"
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) Notifier {
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
		at: func(t *testing.T, addr string, timeout time.Duration) Notifier {
			return slackWebhook(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) Notifier {
			return slackWebhook(t, server(t, func(w http.ResponseWriter, r *http.Request) {
				var post slackPost
				_ = json.NewDecoder(r.Body).Decode(&post)
				seen(post.Attachments[0].Fallback)
				_, _ = io.WriteString(w, "ok")
			}), 10*time.Second)
		},
	}
}

func slackTokenChannel() channel {
	at := func(name, want string, h http.HandlerFunc, says string) answerCase {
		return answerCase{name: name, want: want, says: says, after: 7 * time.Second, make: func(t *testing.T) Notifier {
			return slackToken(t, server(t, h), 10*time.Second)
		}}
	}
	fails := func(code, want, says string) answerCase {
		return at(code, want, slackSays(200, `{"ok":false,"error":"`+code+`"}`, ""), says)
	}
	date := time.Now().Add(7 * time.Second).UTC().Format(http.TimeFormat)
	return channel{
		name:    "slack token",
		secrets: []string{testToken},
		answers: []answerCase{
			at("ok", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2"}`, ""), ""),
			at("ok with a long echo", "delivered", slackSays(200, `{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"`+strings.Repeat("x", 20000)+`"}}`, ""), ""),
			at("200 with HTML", "again", slackSays(200, "<html>maintenance</html>", ""), "maintenance"),
			at("200 with an endless body", "again", endless(200), ""),
			at("429", "again", slackSays(429, "", ""), ""),
			at("429 with seconds", "not before", slackSays(429, `{"ok":false,"error":"ratelimited"}`, "7"), ""),
			at("429 with a date", "not before", slackSays(429, "", date), ""),
			at("500", "again", slackSays(500, `{"ok":false,"error":"invalid_auth"}`, ""), ""),
			at("503", "not before", slackSays(503, "", "7"), ""),
			at("404", "never", slackSays(404, "", ""), "api_url"),
			at("301", "never", slackSays(301, "", ""), "redirects"),
			at("an echoed secret", "again", slackSays(200, `{"ok":false,"error":"no `+testToken+`"}`, ""), ""),
			at("what is wrong with the blocks", "never", slackSays(200, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be less than 3001 characters"]}}`, ""), "3001"),
			fails("ratelimited", "again", ""),
			fails("rate_limited", "again", ""),
			fails("internal_error", "again", ""),
			fails("fatal_error", "again", ""),
			fails("service_unavailable", "again", ""),
			fails("request_timeout", "again", ""),
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
		},
		at: func(t *testing.T, addr string, timeout time.Duration) Notifier {
			return slackToken(t, "http://"+addr, timeout)
		},
		accepting: func(t *testing.T, seen func(string)) Notifier {
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

func TestSlackTokenNeedsAChannel(t *testing.T) {
	_, err := slackToken(t, server(t, slackSays(200, "", "")), time.Second).Send(t.Context(), testMessage())
	if outcome(err) != "never" || !strings.Contains(err.Error(), `channel: "#qa"`) {
		t.Errorf("got %v", err)
	}
}

func TestSlackConfigErrorsNameTheKey(t *testing.T) {
	for key, c := range map[string]slackConfig{
		"token":       {APIURL: "https://x/", Timeout: 1},
		"webhook_url": {APIURL: "https://x/", Timeout: 1, Token: NewSecret("t"), WebhookURL: NewSecret("https://x/secret")},
		"api_url":     {APIURL: "x", Timeout: 1, Token: NewSecret("t")},
		"timeout":     {APIURL: "https://x/", Token: NewSecret("t")},
	} {
		_, err := newSlack(&c, nil)
		checkField(t, err, key)
	}
	_, err := newSlack(&slackConfig{WebhookURL: NewSecret("x/secret"), APIURL: "https://x/", Timeout: 1}, nil)
	checkField(t, err, "webhook_url")
}

func TestSlackMention(t *testing.T) {
	for who, want := range map[string]string{
		"U024BE7LH": "<@U024BE7LH>", "W012A3CDE": "<@W012A3CDE>", "SAZ94GDB8": "<!subteam^SAZ94GDB8>", "U1": "<@U1>",
		"@here": "<!here>", "@channel": "<!channel>", "@everyone": "<!everyone>",
		"bob@bar.io": "@bob@bar.io", "@Bob Bar": "@Bob Bar", "UWE": "@UWE", "here": "@here", "": "", " @ ": "",
		"<!channel>": "@&lt;!channel&gt;", "U1> <!channel": "@U1&gt; &lt;!channel",
	} {
		if got := slackMention(who); got != want {
			t.Errorf("%s: got %s, want %s", who, got, want)
		}
	}
}

func TestSlackMessagesKeepWithinItsLimits(t *testing.T) {
	long := map[string]string{
		"words":     strings.Repeat("word ", 20_000),
		"lines":     strings.Repeat("a line\n\n", 12_000),
		"one word":  strings.Repeat("x", 100_000),
		"emoji":     strings.Repeat("👩‍👩‍👧", 10_000),
		"code":      "```\n" + strings.Repeat("if a < b && c > d {\n", 5_000) + "```\n",
		"table":     "|a|b|\n|-|-|\n" + strings.Repeat("|x|<y>|\n", 10_000),
		"links":     strings.Repeat("[label](https://example.com/"+strings.Repeat("p", 500)+") ", 200),
		"entities":  strings.Repeat("&lt;", 25_000),
		"stars":     strings.Repeat("\\*", 25_000),
		"quotes":    strings.Repeat(">", 5_000) + " deep",
		"lists":     strings.Repeat("- ", 2_000) + "deep",
		"emphasis":  strings.Repeat("*a _b ", 5_000),
		"brackets":  strings.Repeat("[", 20_000),
		"backticks": strings.Repeat("`", 20_000) + "x",
	}
	for name, text := range long {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mentions := make([]string, 3000)
			for i := range mentions {
				mentions[i] = fmt.Sprintf("U%07d", i)
			}
			m := testMessage(func(m *Message) { m.Title, m.Body, m.Rule = text, text, text })
			checkSlackLimits(t, slackMessage(m, slackOptions{Mention: mentions}))
		})
	}
}

func checkSlackLimits(t *testing.T, post slackPost) {
	t.Helper()
	var a []struct {
		Blocks []struct {
			Type     string
			Text     struct{ Text string }
			Elements []struct{ Text string }
		}
	}
	b, err := json.Marshal(post.Attachments)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, block := range a[0].Blocks {
		text := block.Text.Text
		if block.Type == "context" {
			text = block.Elements[0].Text
		}
		n := units(text)
		total += n
		if n == 0 || n > slackSection || strings.Count(text, fence)%2 == 1 {
			t.Errorf("a %s of %d characters and %d fences", block.Type, n, strings.Count(text, fence))
		}
		checkMrkdwn(t, text)
	}
	if len(a[0].Blocks) > 50 || total > 12_000 || units(post.Text) > slackText || post.Text == "" {
		t.Errorf("%d blocks of %d characters, text of %d", len(a[0].Blocks), total, units(post.Text))
	}
}

// checkMrkdwn fails if there is any <…> but our links, or a stray bracket.
func checkMrkdwn(t *testing.T, s string) {
	t.Helper()
	for rest := s; ; {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			return
		}
		rest = rest[i:]
		end := strings.IndexByte(rest, '>')
		if end < 0 || strings.ContainsAny(rest[1:end], "<\n") ||
			!(strings.HasPrefix(rest, "<https://") || strings.HasPrefix(rest, "<http://") || strings.HasPrefix(rest, "<mailto:")) {
			t.Fatalf("unsafe markup %q in %q", rest[:min(len(rest), 80)], s)
		}
		rest = rest[end:]
	}
}

func FuzzSlackTextIsNeverMarkup(f *testing.F) {
	for _, s := range []string{richBody, hostileBody, "a\n> b", "[<!here>](https://x/<!here>)", "<https://x|y>", "&#60;!here&#62;", "`<`", "![<](<)", "|<|\n|-|\n|>|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := testMessage(func(m *Message) { m.Title, m.Body, m.Rule, m.URL = s, s, s, "https://e.x/"+s })
		post := slackMessage(m, slackOptions{})
		checkMrkdwn(t, post.Text)
		checkSlackLimits(t, post)
	})
}
