package builtin_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/http"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/notifierstest"
	"qaserelay/notifiers/preview"
	"qaserelay/notifiers/slack"
)

// drawSample draws m as a made-up notifier of a kind would send it.
func drawSample(t *testing.T, kind string, m *notifiers.Message) *preview.Layout {
	t.Helper()
	for _, k := range builtin.Kinds() {
		if k.Type != kind {
			continue
		}
		config := k.Sample()
		if c, isHTTP := config.(*http.Config); isHTTP {
			c.Bearer = notifiers.NewSecret("s3cret")
		}
		defaults := goldenDefaults(kind)
		if kind == "http" {
			defaults = []byte(`{"url":"https://ops.example.com/s3cret","headers":{"x-key":"s3cret","accept":"text/plain"}}`)
		}
		n, err := k.New(config, defaults)
		if err != nil {
			t.Fatal(err)
		}
		p, err := preview.Of(n, m)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatalf("no kind %s", kind)
	return nil
}

func kindTypes() (types []string) {
	for _, k := range builtin.Kinds() {
		types = append(types, k.Type)
	}
	return types
}

// goldenDefaults are the options that a notifier of a kind needs.
func goldenDefaults(kind string) json.RawMessage {
	switch kind {
	case "telegram":
		return json.RawMessage(`{"chat_id":"-1001234567890"}`)
	case "ntfy":
		return json.RawMessage(`{"topic":"qa"}`)
	}
	return nil
}

func TestPicturesShowWhatIsSent(t *testing.T) {
	for name, m := range notifierstest.Messages() {
		for _, kind := range kindTypes() {
			if kind == "email" && strings.Contains(string(m.Options), "channel") {
				continue
			}
			p := drawSample(t, kind, m)
			said := written(p)
			if first, _, _ := strings.Cut(notifiers.OneLine(m.Title), " "); kind != "http" && !(kind == "pagerduty" && m.Level == "success") && !strings.Contains(markup.Visible(said), markup.Visible(first)) {
				t.Errorf("%s, %s: no title in\n%s", kind, name, said)
			}
			page, err := p.HTML()
			if err != nil || strings.Contains(page, "s3cret") || strings.Contains(said, "s3cret") || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "<script") {
				t.Errorf("%s, %s: %v, %s", kind, name, err, page)
			}
			if name == "rich" || name == "fields" || name == "hostile" || name == "mentions" && kind != "email" {
				notifierstest.Golden(t, "pictures/"+kind+"-"+name+".txt", []byte(said))
			}
		}
	}
}

// written is a picture as text: what each line and each run is like, in brackets, in front of it.
func written(p *preview.Layout) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, color %q\n", p.Channel, p.Level, p.Color)
	for _, f := range p.Facts {
		fmt.Fprintf(&b, "fact %s: %s\n", f.Name, f.Text)
	}
	for _, l := range p.Top {
		b.WriteString("top" + writtenLine(l) + "\n")
	}
	for _, l := range p.Lines {
		b.WriteString("line" + writtenLine(l) + "\n")
	}
	b.WriteString("button" + writtenLine(markup.Line{Runs: p.Buttons}) + "\n")
	return b.String()
}

func writtenLine(l markup.Line) string {
	s := flags(l) + ": "
	for _, r := range l.Runs {
		s += flags(r) + r.Text
	}
	for _, cell := range l.Cells {
		s += "{"
		for _, one := range cell {
			s += writtenLine(one)
		}
		s += " }"
	}
	return s
}

// flags lists the fields of v that are true, and an address.
func flags(v any) string {
	var all []string
	rv := reflect.ValueOf(v)
	for i := range rv.NumField() {
		switch f := rv.Field(i); {
		case f.Kind() == reflect.Bool && f.Bool():
			all = append(all, strings.ToLower(rv.Type().Field(i).Name))
		case rv.Type().Field(i).Name == "URL" && f.String() != "":
			all = append(all, f.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, " ") + "]"
}

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
		got := ""
		for _, r := range slack.MrkdwnRuns(text) {
			got += flags(r) + r.Text
		}
		if got != want {
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
	got := written(drawSample(t, "slack", m))
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
	if got != want {
		t.Errorf("got\n%s", got)
	}
}
