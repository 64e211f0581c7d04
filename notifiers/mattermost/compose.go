package mattermost

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Mattermost takes 16,383 characters of text. Old servers take 7,900 characters of attachments as JSON.
const (
	maxAttachment = 7000
	maxTitle      = 1000
	maxText       = 4000
	maxURL        = 1000
	maxFields     = 3000 // of JSON
	maxFooter     = 250
	shownTests    = 10 // failing ones
)

// post is a message as an incoming webhook takes it.
type post struct {
	Channel     string       `json:"channel,omitempty"`
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Fallback string  `json:"fallback"`
	Color    string  `json:"color"`
	Text     string  `json:"text"`
	Fields   []field `json:"fields,omitempty"`
	Footer   string  `json:"footer,omitempty"` // plain text
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"` // two in a row
}

// compose lays out a message: title and mentions as text, since notifications show it; below them body, fields and
// context beside a bar in the level's color.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	p, top := composeTop(m, o)
	footer := notifiers.Cut(markup.Footer(m), maxFooter)
	written, fields := fitFields(m)
	a := attachment{Fallback: escape(fitTitle(markup.Headline(m, maxTitle))), Color: notifiers.LevelColor(m.Level), Fields: written,
		Footer: markup.Neutralize(footer, true)}
	w := markup.Markdown(escape)
	p, body, tests := markup.FitTests(markup.Lines(markup.Shorten(m.Body, 2*maxAttachment)),
		markup.FailingTests(m, shownTests), func(lines []markup.Line, tests []markup.TestRow) post {
			whole, filled := p, a
			filled.Text = strings.TrimSpace(w.Write(slices.Concat(lines, markup.TestLines(tests))))
			whole.Attachments = []attachment{filled}
			return whole
		}, func(p post) bool { return jsonUnits(p.Attachments) <= maxAttachment })
	return p, func() *preview.Layout {
		l := layout(p.Channel, slices.Concat(body, markup.TestLines(tests)), fields)
		l.Color, l.Top = a.Color, preview.Mentions(top)
		l.Add(preview.Small(footer)...)
		return l
	}, nil
}

// layout makes the preview of the body, the failing tests in it, and the fields.
func layout(channel string, body []markup.Line, fields []markup.Field) *preview.Layout {
	where := cmp.Or(channel, "the webhook's channel")
	l := &preview.Layout{Channel: "Mattermost", Facts: []preview.Fact{{Text: where}}}
	w := markup.Markdown(escape)
	l.Add(w.Shown(body)...)
	var cells [][]markup.Line
	for _, f := range fields {
		cells = append(cells, preview.Labeled(f.Name, w.Shown([]markup.Line{f.Value})...))
	}
	l.AddRows(cells, 2)
	return l
}

// composeTop writes the title, linked and bold, and the mentions. It returns the same for the preview.
func composeTop(m *notifiers.Message, o Options) (post, []markup.Run) {
	title, link := fitTitle(markup.Title(m, maxTitle)), markup.MessageURL(m, maxURL)
	text := escape(title)
	if link != "" {
		text = markup.MarkdownLink(link, text)
	}
	text = markup.Sign(m) + "**" + text + "**"
	var runs []markup.Run
	if sign := strings.TrimSpace(markup.Sign(m)); sign != "" {
		runs = append(runs, markup.Run{Text: sign})
	}
	runs = append(runs, markup.Run{Text: markup.Visible(title), URL: link, Bold: true})
	for _, who := range o.Mention {
		s, run := mention(notifiers.OneLine(who))
		if s == "" {
			continue
		}
		if notifiers.Units(text)+notifiers.Units(s) >= maxText {
			break
		}
		text += " " + s
		runs = append(runs, run)
	}
	return post{Channel: notifiers.OneLine(o.Channel), Text: text}, runs
}

func fitTitle(title string) string {
	return markup.FitText(title, maxTitle, notifiers.Units, escape)
}

func fitFields(m *notifiers.Message) ([]field, []markup.Field) {
	w := markup.Markdown(escape)
	return markup.FitFields(m, func(fields []markup.Field) (written []field) {
		for _, f := range fields {
			written = append(written, field{escape(f.Name), w.Line(f.Value), true})
		}
		return written
	}, func(written []field) bool { return jsonUnits(written) <= maxFields })
}

// jsonUnits counts as the server does: with its own encoder, which writes < > & as six characters.
func jsonUnits(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0 // these types can always be written
	}
	return notifiers.Units(string(b))
}

func isMention(s string) bool {
	return regexp.MustCompile(`^@[a-z0-9][a-z0-9._-]{0,63}$`).MatchString(s)
}

// mention writes a valid name as a mention, and any other as text. It returns the same for the preview.
func mention(who string) (string, markup.Run) {
	if isMention(who) {
		return who, markup.Run{Text: who, Mention: true}
	}
	who = notifiers.Cut(who, 100)
	return escape(who), markup.Run{Text: markup.Visible(who)}
}

// escape escapes text so that Mattermost shows it as it is. Its Markdown resolves entities, and turns :names: into
// emoji.
func escape(s string) string {
	if s = markup.Neutralize(s, true); strings.Count(s, ":") > 1 {
		s = regexp.MustCompile(`:([A-Za-z0-9_+-]+:)`).ReplaceAllString(s, ":"+markup.Joiner+"$1")
	}
	return markup.EscapeMarkdown(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s))
}
