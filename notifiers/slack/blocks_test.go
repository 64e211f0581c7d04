package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/notifierstest"
)

// testBlocks are blocks as a rule makes them, with what is new, empty, too long or no link.
const testBlocks = `[
	{"type":"header","text":{"type":"plain_text","text":"Nightly & <b> failed","emoji":true}},
	{"type":"section","text":{"type":"mrkdwn","text":"*3* of 40 &lt;failed&gt; <https://app.qase.io/run/WEB/dashboard/7|the run>"},"expand":true,
	 "fields":[{"type":"mrkdwn","text":"*Plan*\nCheckout"},{"type":"mrkdwn","text":" "},{"type":"plain_text","text":"a_b & c"}],
	 "accessory":{"type":"button","text":{"type":"plain_text","text":"Open the run in Qase, and look at each of the three cases that failed, one by one"},"url":"https://app.qase.io/run/WEB/dashboard/7?a=1&b=2"}},
	{"type":"section","text":{"type":"mrkdwn","text":""}},
	{"type":"divider"},
	{"type":"context","elements":[{"type":"mrkdwn","text":"","x_new":1},{"type":"image","image_url":"javascript:alert(1)","alt_text":"x"}]},
	{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Bad"},"url":"javascript:alert(1)"}]},
	{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"a "},{"type":"text","text":" "},{"type":"text","text":"b","style":{"bold":true}}]}]},
	{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_text","text":""}]]},
	{"type":"of_tomorrow","x_new":{"deep":[1,2.5,true,null]}},
	{"type":"context","elements":[{"type":"mrkdwn","text":"kept","verbatim":false}]}
]`

func TestBlocksAreAsTheyWere(t *testing.T) {
	got, err := previewOf(notifierstest.Message(func(m *notifiers.Message) {
		m.Options = json.RawMessage(`{"channel":"#qa","mention":["U024BE7LH","Ana <ana@bar.io>"],"blocks":` +
			testBlocks + `}`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	notifierstest.Golden(t, "blocks.json", got)
}

func TestBlocksKeepWithinTheLimits(t *testing.T) {
	text := func(kind, s string) map[string]any { return map[string]any{"type": kind, "text": s} }
	many := func(n int, one any) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = one
		}
		return all
	}
	long := strings.Repeat("<https://e.x/|word> & ", 2000)
	for name, blocks := range map[string]any{
		"a long section":        []any{map[string]any{"type": "section", "text": text("mrkdwn", long)}},
		"a long header":         []any{map[string]any{"type": "header", "text": text("plain_text", long)}},
		"a long markdown block": []any{map[string]any{"type": "markdown", "text": long}},
		"long fields":           []any{map[string]any{"type": "section", "fields": many(30, text("mrkdwn", long))}},
		"many elements":         []any{map[string]any{"type": "context", "elements": many(30, text("mrkdwn", "x"))}},
		"many buttons": []any{map[string]any{"type": "actions",
			"elements": many(40, map[string]any{"type": "button", "text": text("plain_text", long)})}},
		"many blocks":            many(70, map[string]any{"type": "divider"}),
		"many long sections":     many(70, map[string]any{"type": "section", "text": text("mrkdwn", long)}),
		"one that is not a list": map[string]any{"type": "header", "text": text("plain_text", long)},
		"code": []any{map[string]any{"type": "section",
			"text": text("mrkdwn", "```\n"+strings.Repeat("x < y\n", 2000)+"```")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := compose(notifierstest.Message(), Options{Blocks: blocks, Mention: []string{"U1"}}).post
			total := 0
			for _, b := range post.Blocks {
				total += checkTexts(t, map[string]any(b), maxSection)
			}
			if len(post.Blocks) < 2 || len(post.Blocks) > maxBlocks || total > 12_000 || len(post.Attachments) > 0 {
				t.Errorf("%d blocks of %d characters", len(post.Blocks), total)
			}
			if last, _ := json.Marshal(post.Blocks); name != "many elements" && name != "many buttons" &&
				!strings.Contains(string(last), "…") {
				t.Errorf("nothing says that something is missing: %s", last)
			}
		})
	}
}

// checkTexts fails for texts and lists that are too long, and returns how long all texts are together.
func checkTexts(t *testing.T, object map[string]any, limit int) int {
	t.Helper()
	total := 0
	kind, _ := object["type"].(string)
	if s, isText := object["text"].(string); isText {
		if n := notifiers.Units(s); n == 0 || n > limit && kind != "markdown" ||
			strings.Count(s, markup.Fence)%2 == 1 || strings.Count(s, "<") != strings.Count(s, ">") &&
			kind == "mrkdwn" && !strings.Contains(s, markup.Fence) {
			t.Errorf("a %s of %d characters, of which there may be %d: %q", kind, n, limit, s[max(0, len(s)-60):])
		}
		return notifiers.Units(s)
	}
	for key, v := range object {
		switch v := v.(type) {
		case map[string]any:
			total += checkTexts(t, v, textLimit(kind, key))
		case []any:
			if len(v) == 0 || len(v) > listLimit(kind, key) {
				t.Errorf("%d %s in a %s", len(v), key, kind)
			}
			for _, one := range v {
				if inner, isObject := one.(map[string]any); isObject {
					total += checkTexts(t, inner, textLimit(kind, key))
				}
			}
		}
	}
	return total
}

func TestAnImageWhoseTextIsEmptyKeepsOne(t *testing.T) {
	blocks := []any{map[string]any{"type": "image", "image_url": "https://example.com/a.png", "alt_text": ""}}
	post := compose(notifierstest.Message(), Options{Blocks: blocks}).post
	if len(post.Blocks) != 1 || post.Blocks[0]["alt_text"] != "image" {
		t.Errorf("%v", post.Blocks)
	}
}

func TestBlocksOfWhichNothingIsLeftGiveTheUsualLayout(t *testing.T) {
	for _, blocks := range []string{`[]`, `null`, `"x"`, `[{"type":""}]`,
		`[{"type":"section","text":{"type":"mrkdwn","text":" "}}]`, `[1,"x",null,[]]`} {
		var o Options
		if err := json.Unmarshal([]byte(`{"mention":["U1"],"blocks":`+blocks+`}`), &o); err != nil {
			t.Fatal(err)
		}
		if post := compose(notifierstest.Message(), o).post; len(post.Blocks) != 2 ||
			post.Blocks[0].BlockType() != "header" || len(post.Attachments) != 2 {
			t.Errorf("%s: %+v", blocks, post)
		}
	}
}

func TestAChangedMessageLosesItsOldBlocks(t *testing.T) {
	slack, kv := newFakeSlack(t), newTestMemory()
	n := slack.Notifier("")
	mustSend(t, n, titled(kv, "a", `{"channel":"#qa","update":"k","blocks":[{"type":"divider","x_new":1}]}`))
	if form := slack.Messages[0].Form; form.Get("blocks") != `[{"type":"divider","x_new":1}]` ||
		form.Has("attachments") || form.Get("parse") != "none" {
		t.Errorf("posted %v", form)
	}
	mustSend(t, n, titled(kv, "b", `{"channel":"#qa","update":"k"}`))
	if form := slack.Messages[0].Form; !strings.Contains(form.Get("blocks"), "header") ||
		strings.Contains(form.Get("blocks"), "x_new") || !strings.Contains(form.Get("attachments"), "section") {
		t.Errorf("changed to %v", form)
	}
	mustSend(t, n, titled(kv, "c", `{"channel":"#qa","update":"k","blocks":[{"type":"divider"}]}`))
	if form := slack.Messages[0].Form; form.Get("blocks") != `[{"type":"divider"}]` || form.Get("attachments") != "[]" {
		t.Errorf("changed to %v", form)
	}
}

func TestWhatIsSaidOfOptionsAsTheyAreWritten(t *testing.T) {
	token, webhook := &Config{Token: notifiers.NewSecret("xoxb-1")},
		&Config{WebhookURL: notifiers.NewSecret("https://hooks.example.com/x")}
	many := `[` + strings.Repeat(`{"type":"divider"},`, 51) + `{"type":"divider"}]`
	for _, c := range []struct {
		config       *Config
		option, json string
		want         string
	}{
		{token, "thread", `"k"`, ""},
		{token, "dm", `["bob@bar.io"]`, ""},
		{webhook, "thread", `"k"`,
			"warning : thread: an incoming webhook knows no threads: each message stands for itself"},
		{webhook, "update", `"k"`,
			"warning : update: an incoming webhook cannot change a message: each one is posted anew"},
		{webhook, "broadcast", `true`,
			"warning : broadcast: an incoming webhook knows no threads: each message stands for itself"},
		{webhook, "dm", `"x"`,
			"warning : dm: an incoming webhook cannot write to a person: the message goes to its channel and mentions them"},
		{webhook, "channel", `"#qa"`,
			"warning : channel: an incoming webhook posts to its own channel and ignores this option"},
		{webhook, "mention", `["@here","bob@bar.io"]`,
			"warning : mention: an incoming webhook cannot look up an address: people without slack: in people: are not notified"},
		{webhook, "mention", `["@here","{{ .actor.email }}"]`, ""},
		{webhook, "blocks", `[{"type":"divider"}]`, ""},
		{token, "blocks", `"x"`, "error : blocks must be a list"},
		{token, "blocks", `[1]`, "error 0: a block must be a mapping"},
		{token, "blocks", `[{"type":"divider"},{"text":"x"}]`, "error 1: a block needs a type"},
		{token, "blocks", `[{"type":"sektion"}]`, `warning 0.type: Slack probably has no block type "sektion"`},
		{token, "blocks", `[{"type":"{{ .level }}"}]`, ""},
		{token, "blocks", many, "error 50: there are 52 blocks, and Slack takes 50"},
		{token, "blocks", `[{"type":"section"}]`, "error 0: a block section needs text"},
		{token, "blocks", `[{"type":"image","alt_text":"x"}]`, "error 0: a block image needs image_url"},
		{token, "blocks", `[{"type":"image","image_url":"https://x.io/a.png"}]`,
			"warning 0: an image without alt_text is read out as “image”"},
		{token, "blocks", `[{"type":"image","image_url":"https://x.io/a.png","alt_text":"{{ .title }}"}]`, ""},
		{token, "blocks", `[{"type":"context","elements":[{"type":"image","image_url":"https://x.io/a.png"}]}]`,
			"warning 0.elements.0: an image without alt_text is read out as “image”"},
		{token, "blocks",
			`[{"type":"section","text":{"type":"mrkdwn","text":"x"},"accessory":{"type":"image","image_url":"https://x.io/a.png","alt_text":""}}]`,
			"warning 0.accessory: an image without alt_text is read out as “image”"},
		{token, "blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"x"},"fields":[]}]`,
			"warning 0.fields: fields is empty, and left out"},
		{token, "blocks", `[{"type":"section","fields":[]}]`,
			"warning 0.fields: fields is empty, and left out\nerror 0: a block section needs text"},
		{token, "blocks", `[{"type":"context","elements":[]}]`,
			"warning 0.elements: elements is empty, and left out\nerror 0: a block context needs elements"},
		{token, "blocks", `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[]}]}]`,
			"warning 0.elements.0.elements: elements is empty, and left out"},
		{token, "blocks", `[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`,
			`error 0.text.type: the text of a header cannot be of type "mrkdwn"`},
		{token, "blocks", `[{"type":"section","text":{"type":"markdwn","text":"x"}}]`,
			`error 0.text.type: the text of a section cannot be of type "markdwn"`},
		{token, "blocks", `[{"type":"section","text":{"type":"{{ .level }}","text":"x"}}]`, ""},
		{token, "blocks", `[{"type":"actions","elements":[{"type":"button","text":{"type":"mrkdwn","text":"x"}}]}]`,
			`error 0.elements.0.text.type: the text of a button cannot be of type "mrkdwn"`},
		{token, "blocks", `[{"type":"header","text":"x"}]`, "error 0.text: the text of a header must be an object"},
		{token, "blocks", `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}]`,
			"warning 0.text.text: the text has 151 characters; Slack takes 150, and the rest is cut"},
		{token, "blocks", `[{"type":"section","fields":[{"type":"mrkdwn","text":"` + strings.Repeat("x", 2001) +
			`"}]}]`, "warning 0.fields.0.text: the text has 2001 characters; Slack takes 2000, and the rest is cut"},
		{token, "blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"{{ .body }}` + strings.Repeat("x", 3001) +
			`"}}]`, ""},
	} {
		var value any
		if err := json.Unmarshal([]byte(c.json), &value); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range advise(c.config, c.option, value) {
			got = append(got, fmt.Sprintf("%s %s: %s", map[bool]string{true: "error", false: "warning"}[a.Wrong],
				strings.Join(a.Path, "."), a.Message))
			if a.Hint == "" {
				t.Errorf("%s says not what to do", a.Message)
			}
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s %.80s: got %q, want %q", c.option, c.json, got, c.want)
		}
	}
}

func FuzzBlocksStayWithinTheLimits(f *testing.F) {
	f.Add(testBlocks)
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"&<"}}]`)
	f.Fuzz(func(t *testing.T, blocks string) {
		var o Options
		if json.Unmarshal([]byte(blocks), &o.Blocks) != nil {
			return
		}
		post := compose(notifierstest.Message(), o).post
		b, err := json.Marshal(post)
		if err != nil || len(post.Blocks) > maxBlocks || len(post.Blocks)+len(post.Attachments) == 0 {
			t.Errorf("%d blocks: %v", len(post.Blocks), err)
		}
		if again, _ := json.Marshal(compose(notifierstest.Message(), o).post); string(b) != string(again) {
			t.Error("a second rendering differs")
		}
	})
}
