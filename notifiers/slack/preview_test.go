package slack

import (
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/preview"
)

func TestSlackMarkupIsReadAsSlackReadsIt(t *testing.T) {
	for text, want := range map[string]string{
		"*bold* _italic_ ~struck~ `code`":         "[bold]bold [italic]italic [strike]struck [code]code",
		"2 * 3 * 4 and snake_case_name":           "2 * 3 * 4 and snake_case_name",
		"a \u2060*\u2060b\u2060*\u2060 c":         "a *b* c",
		"un\u200b*believ*\u200bable":              "un[bold]believable",
		"*<https://q/1|Run &lt;1&gt;>* &amp;amp;": "[https://q/1 bold]Run <1> &amp;",
		"<@U1> <!here> <!subteam^S1> <#C1>":       "[mention]@U1 [mention]@here [mention]@S1 [mention]#C1",
		"<mailto:a@b.io> <javascript:x|no>":       "[mailto:a@b.io]a@b.io no",
		"a < b, *open and `open":                  "a < b, *open and `open",
		"`*x*` *a `b` c*":                         "[code]*x* [bold]a [bold code]b[bold] c",
	} {
		if got := notifierstest.DrawnRuns(mrkdwnRuns(text)); got != want {
			t.Errorf("%q is read as\n%s, want\n%s", text, got, want)
		}
	}
}

func TestBlocksOfOnesOwnAreShown(t *testing.T) {
	m := notifierstest.Message(func(m *notifiers.Message) {
		m.Options = []byte(`{"channel":"#qa","blocks":[
			{"type":"header","text":{"type":"plain_text","text":"Nightly"}},
			{"type":"section","text":{"type":"mrkdwn","text":"*3* failed"},"accessory":{"type":"button","text":{"type":"plain_text","text":"Rerun"},"url":"https://q/2"}},
			{"type":"section","fields":[{"type":"mrkdwn","text":"one"},{"type":"plain_text","text":"*two*"}]},
			{"type":"divider"},
			{"type":"image","image_url":"https://q/3.png","alt_text":"a chart"},
			{"type":"context","elements":[{"type":"mrkdwn","text":"a"},{"type":"mrkdwn","text":"b"}]},
			{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Open"},"url":"https://q/1"}]},
			{"type":"markdown","text":"**bold**"},
			{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"deep"}]}]}]}`)
	})
	n, err := newNotifier(Kind().Sample(), nil)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := preview.Of(n, m)
	if err != nil {
		t.Fatal(err)
	}
	want := `Slack, error, color ""
fact : #qa
top[heading]: Nightly
top[apart]: [bold]3 failed
top[apart]: {: one }{: *two* }
top[apart]: ──────────
top[apart]: [italic][image: a chart]
top[apart small]: a  b
top[apart]: [bold]bold
top[apart]: deep
button: [https://q/2]Rerun[https://q/1]Open
`
	if got := notifierstest.Drawn(layout); got != want {
		t.Errorf("got\n%s", got)
	}
}
