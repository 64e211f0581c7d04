package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/notifierstest"
)

const testToken = "xoxb-1234-tests3cret"

func webhookNotifier(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	return testSlack(t, &Config{WebhookURL: notifiers.NewSecret(base + "/services/T000/B000/hooks3cret"),
		APIURL: "https://slack.com/api/", Timeout: timeout})
}

func tokenNotifier(t *testing.T, base string, timeout time.Duration) notifiers.Notifier {
	return testSlack(t, &Config{Token: notifiers.NewSecret(testToken), APIURL: base + "/api", Timeout: timeout})
}

func testSlack(t *testing.T, c *Config) notifiers.Notifier {
	t.Helper()
	n, err := newNotifier(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSlack(t *testing.T) {
	token := notifiers.NewSecret("t")
	notifierstest.Run(t, notifierstest.Suite{
		Kind:     Kind(),
		Channels: []notifierstest.Channel{tokenChannel(), webhookChannel()},
		Faults: map[string]notifierstest.Fault{
			"without a token": {Config: &Config{APIURL: "https://x/", Timeout: 1}, Key: "token"},
			"with a webhook and token": {Config: &Config{APIURL: "https://x/", Timeout: 1, Token: token,
				WebhookURL: notifiers.NewSecret("https://x/secret")}, Key: "webhook_url"},
			"with half a webhook": {Config: &Config{WebhookURL: notifiers.NewSecret("x/secret"),
				APIURL: "https://x/", Timeout: 1}, Key: "webhook_url"},
			"with half an API": {Config: &Config{APIURL: "x", Timeout: 1, Token: token}, Key: "api_url"},
			"without time":     {Config: &Config{APIURL: "https://x/", Token: token}, Key: "timeout"},
		},
	})
}

// previewOf returns what a sample notifier would send.
func previewOf(m *notifiers.Message) ([]byte, error) {
	n, err := newNotifier(Kind().Sample(), nil)
	if err != nil {
		return nil, err
	}
	return n.(*notifier).Preview(m)
}

func TestAMessageNeedsAPlace(t *testing.T) {
	token := &Config{Token: notifiers.NewSecret("xoxb-1")}
	for name, c := range map[string]struct {
		config  *Config
		options map[string]bool
		want    string
	}{
		"a bot token without a channel":    {token, map[string]bool{"mention": true}, "has no channel to post to"},
		"a bot token with a channel":       {token, map[string]bool{"channel": true}, ""},
		"a webhook, which has its channel": {&Config{}, nil, ""},
	} {
		what, hint := missing(c.config, c.options)
		if what != c.want || (what == "") != (hint == "") {
			t.Errorf("%s: got %q (%q), want %q", name, what, hint, c.want)
		}
	}
}

func TestSlackTokenNeedsAChannel(t *testing.T) {
	_, err := tokenNotifier(t, notifierstest.Server(t, notifierstest.Reply(200, "", "")), time.Second).Send(t.Context(),
		notifierstest.Message())
	notifierstest.Fails(t, err, "permanent", `channel: "#qa"`)
}

func TestSlackMention(t *testing.T) {
	for who, want := range map[string]string{
		"U024BE7LH": "<@U024BE7LH>", "W012A3CDE": "<@W012A3CDE>", "SAZ94GDB8": "<!subteam^SAZ94GDB8>", "U1": "<@U1>",
		"@here": "<!here>", "@channel": "<!channel>", "@everyone": "<!everyone>",
		"bob@bar.io": "@bob@bar.io", "@Bob Bar": "@Bob Bar", "UWE": "@UWE", "here": "@here", "": "", " @ ": "",
		"<!channel>": "@&lt;!channel&gt;", "U1> <!channel": "@U1&gt; &lt;!channel",
	} {
		if got := writeMention(who); got != want {
			t.Errorf("%s: got %s, want %s", who, got, want)
		}
	}
}

func TestSlackMessagesKeepWithinItsLimits(t *testing.T) {
	for name, text := range notifierstest.LongTexts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mentions := make([]string, 3000)
			for i := range mentions {
				mentions[i] = fmt.Sprintf("U%07d", i)
			}
			m := notifierstest.Message(func(m *notifiers.Message) {
				m.Title, m.Body, m.Rule, m.Fields = text, text, text, notifierstest.ManyFields(text)
			})
			post := compose(m, Options{Mention: mentions}).post
			post.Blocks[1] = kitBlock{"type": "divider"} // mentions are markup
			checkSlackLimits(t, post)
		})
	}
}

// checkSlackLimits fails for a message that Slack would refuse, in which markup is broken or unsafe, or that is about
// too long.
func checkSlackLimits(t *testing.T, post post) {
	t.Helper()
	blocks, err := json.Marshal(post.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	attachments, err := json.Marshal(post.Attachments)
	if err != nil {
		t.Fatal(err)
	}
	if refused := refuses(post.Text, string(blocks), string(attachments)); refused != "" {
		t.Errorf("Slack would answer %s to %s %s", refused, blocks, attachments)
	}
	total := checkTextsWithin(t, blocks) + checkTextsWithin(t, attachments)
	if total > 11_500 || notifiers.Units(post.Text) > maxText || post.Text == "" {
		t.Errorf("%d characters, text of %d", total, notifiers.Units(post.Text))
	}
}

// checkTextsWithin counts the characters of all text objects.
func checkTextsWithin(t *testing.T, doc []byte) (total int) {
	t.Helper()
	var tree any
	if err := json.Unmarshal(doc, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, one := range v {
				walk(one)
			}
			text, isText := v["text"].(string)
			if !isText || v["type"] == "button" {
				return
			}
			if total += notifiers.Units(text); v["type"] == "mrkdwn" && strings.Count(text, markup.Fence)%2 == 1 {
				t.Errorf("%d fences in %s", strings.Count(text, markup.Fence), text)
			}
			checkMrkdwn(t, text)
		}
	}
	walk(tree)
	return total
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
			!(strings.HasPrefix(rest, "<https://") || strings.HasPrefix(rest, "<http://") ||
				strings.HasPrefix(rest, "<mailto:")) {
			t.Fatalf("unsafe markup %q in %q", rest[:min(len(rest), 80)], s)
		}
		rest = rest[end:]
	}
}

func FuzzSlackTextIsNeverMarkup(f *testing.F) {
	for _, s := range []string{notifierstest.RichBody, notifierstest.HostileBody, "a\n> b",
		"[<!here>](https://x/<!here>)", "<https://x|y>", "&#60;!here&#62;", "`<`", "![<](<)", "|<|\n|-|\n|>|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := notifierstest.Message(func(m *notifiers.Message) {
			m.Title, m.Body, m.Rule, m.URL, m.Fields = s, s, s, "https://e.x/"+s, notifierstest.ManyFields(s)
		})
		post := compose(m, Options{}).post
		checkMrkdwn(t, post.Text)
		checkSlackLimits(t, post)
	})
}
