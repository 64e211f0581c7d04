package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	rendered "qaserelay/rules/message"
)

func TestAMentionInABodyNotifiesInSlackAndIsANameElsewhere(t *testing.T) {
	m := &notifiers.Message{Message: rendered.Message{Title: "T",
		Body: `Ask [Bob *Bar*](mention:U024BE7LH), not \[Eve\](mention:U666) or [x](mention:U777"><b>).`}}
	post := compose(m, Options{Mention: []string{"@here"}}).post
	if post.Text != "*T* <!here> <@U024BE7LH>" && !strings.HasPrefix(post.Text, "*T* <!here> <@U024BE7LH> ") {
		t.Errorf("top-level text: %q", post.Text)
	}
	for _, bad := range []string{"<@U666", "<@U777"} {
		if strings.Contains(post.Text, bad) {
			t.Errorf("the text mentions a person it should not: %q", post.Text)
		}
	}
	body := strings.Join(dialect().Write(m.Body), "")
	if !strings.Contains(body, "Ask <@U024BE7LH>, not [Eve](mention:U666)") {
		t.Errorf("body: %q", body)
	}
	if got := markup.Join(markup.Lines(m.Body)); !strings.Contains(got, "Ask @Bob Bar, not [Eve]") ||
		strings.Contains(got, "U024BE7LH") {
		t.Errorf("elsewhere: %q", got)
	}
}

// TestShortcodesOfARuleAreEmoji has one of the rule and one of an event in the title.
func TestShortcodesOfARuleAreEmoji(t *testing.T) {
	m := &notifiers.Message{Message: rendered.Message{Title: ":tada: Login :x:", Shortcodes: []int{0}}}
	post := compose(m, Options{}).post
	header, _ := json.Marshal(post.Blocks[0])
	const want = `{"text":{"emoji":true,"text":":tada: Login :` + markup.Joiner + `x:","type":"plain_text"},"type":"header"}`
	if string(header) != want {
		t.Errorf("header:\ngot  %s\nwant %s", header, want)
	}
	if !strings.HasPrefix(post.Text, "*:tada: Login :"+markup.Joiner+"x:*") {
		t.Errorf("top-level text: %q", post.Text)
	}
	m.Shortcodes = nil
	if header, _ = json.Marshal(compose(m, Options{}).post.Blocks[0]); !strings.Contains(string(header), `"emoji":false`) {
		t.Errorf("header without shortcodes of the rule: %s", header)
	}
}

func TestABareURLIsText(t *testing.T) {
	if got := strings.Join(dialect().Write("see https://evil.example.com/x and www.example.com"),
		""); strings.Contains(got, "<") {
		t.Errorf("got %q", got)
	}
}
