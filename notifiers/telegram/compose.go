package telegram

import (
	"slices"
	"strconv"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Telegram's limit is 4096 characters without the markup (https://core.telegram.org/bots/api#sendmessage). We count the
// markup too.
const (
	maxText  = 4096
	maxTitle = 300
	maxURL   = 1000
	// shownTests is how many failing tests are shown.
	shownTests = 10
)

// post is the argument of sendMessage.
type post struct {
	ChatID             string `json:"chat_id"`
	Topic              int    `json:"message_thread_id,omitempty"`
	Text               string `json:"text"`
	ParseMode          string `json:"parse_mode"`
	Silent             bool   `json:"disable_notification,omitempty"`
	LinkPreviewOptions struct {
		IsDisabled bool `json:"is_disabled"`
	} `json:"link_preview_options"`
}

// compose lays out a message: the linked title behind the emoji of its level, the body, and the context.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	o.ChatID, o.Topic = notifiers.OneLine(o.ChatID), notifiers.OneLine(o.Topic)
	p := post{ChatID: o.ChatID, ParseMode: "HTML", Silent: o.Silent}
	p.Topic, _ = strconv.Atoi(o.Topic) // check has made sure of its digits
	p.LinkPreviewOptions.IsDisabled = true
	text, body := composeText(m)
	p.Text = text
	return p, func() *preview.Layout { return layout(m, p.ChatID, body) }, nil
}

// composeText writes the text of a message. It also returns the body with the failing tests, truncated to the limit.
func composeText(m *notifiers.Message) (string, []markup.Line) {
	title, link := markup.Title(m, maxTitle), markup.MessageURL(m, maxURL)
	label := escape(title)
	if link != "" {
		label = markup.HTMLLink(link, label)
	}
	head := markup.Sign(m) + "<b>" + label + "</b>"
	foot := "<i>" + escape(markup.Footer(m)) + "</i>"
	w := markup.HTML(escape)
	body, tests := markup.WithFields(m, shownTests, 4*maxText)
	text, body, rows := markup.FitTests(body, tests, func(lines []markup.Line, rows []markup.TestRow) string {
		if body := w.Write(slices.Concat(lines, markup.TestLines(rows))); strings.TrimSpace(body) != "" {
			return head + "\n\n" + body + "\n\n" + foot
		}
		return head + "\n" + foot
	}, func(s string) bool { return notifiers.Units(s) <= maxText })
	return text, slices.Concat(body, markup.TestLines(rows))
}

// layout makes the preview of a message in a chat.
func layout(m *notifiers.Message, chat string, body []markup.Line) *preview.Layout {
	l := &preview.Layout{
		Channel: "Telegram", Facts: []preview.Fact{{Text: "chat " + chat}}, Style: preview.Style{Framed: true},
	}
	title, link := markup.Title(m, maxTitle), markup.MessageURL(m, maxURL)
	shown := preview.Compact(markup.HTML(escape).Shown(body))
	l.Add(markup.Line{Runs: append(preview.Sign(m), markup.Run{Text: markup.Visible(title), URL: link, Bold: true})})
	l.Add(shown...)
	footer := markup.Run{Text: markup.Footer(m), Italic: true}
	l.Lines = append(l.Lines, markup.Line{Runs: []markup.Run{footer}, Small: true, Apart: len(shown) > 0})
	return l
}

// escape escapes text so that Telegram shows it as it is, without links of its own.
func escape(s string) string { return markup.EscapeHTML(markup.Neutralize(s, true)) }
