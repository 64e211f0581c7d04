package telegram

import (
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

// compose lays out a message: the linked title, the body, and the origin.
func (n *notifier) compose(m *notifiers.Message) (post, *preview.Layout, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return post{}, nil, err
	}
	o.ChatID, o.Topic = notifiers.OneLine(o.ChatID), notifiers.OneLine(o.Topic)
	if err := o.check(); err != nil {
		return post{}, nil, err
	}
	p := post{ChatID: o.ChatID, ParseMode: "HTML", Silent: o.Silent}
	p.Topic, _ = strconv.Atoi(o.Topic) // check has made sure of its digits
	p.LinkPreviewOptions.IsDisabled = true
	l := &preview.Layout{
		Channel: "Telegram", Facts: []preview.Fact{{Text: "chat " + o.ChatID}}, Style: preview.Style{Framed: true},
	}
	p.Text = composeText(m, l)
	return p, l, nil
}

// composeText writes the text of a message, and the lines of its preview.
func composeText(m *notifiers.Message, l *preview.Layout) string {
	title, link, emoji := markup.Title(m, maxTitle), markup.MessageURL(m, maxURL), notifiers.LevelEmoji(m.Level)+" "
	label := escape(title)
	if link != "" {
		label = markup.HTMLLink(link, label)
	}
	head := emoji + "<b>" + label + "</b>"
	origin := markup.Origin(m)
	foot := "<i>" + escape(origin) + "</i>"
	w := markup.HTML(escape)
	text, body := markup.FitLines(markup.Lines(notifiers.Cut(m.WholeBody(), 4*maxText)), func(lines []markup.Line) string {
		if body := w.Write(lines); strings.TrimSpace(body) != "" {
			return head + "\n\n" + body + "\n\n" + foot
		}
		return head + "\n" + foot
	}, func(s string) bool { return notifiers.Units(s) <= maxText })
	shown := preview.Compact(w.Shown(body))
	l.Add(markup.Line{Runs: []markup.Run{{Text: emoji}, {Text: markup.Visible(title), URL: link, Bold: true}}})
	l.Add(shown...)
	l.Lines = append(l.Lines, markup.Line{Runs: []markup.Run{{Text: origin, Italic: true}}, Small: true, Apart: len(shown) > 0})
	return text
}

// escape escapes text so that Telegram shows it as it is, without links of its own.
func escape(s string) string { return markup.EscapeHTML(markup.Neutralize(s, true)) }
