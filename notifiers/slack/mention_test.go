package slack

import (
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

func TestABareURLIsText(t *testing.T) {
	if got := strings.Join(dialect().Write("see https://evil.example.com/x and www.example.com"),
		""); strings.Contains(got, "<") {
		t.Errorf("got %q", got)
	}
}
