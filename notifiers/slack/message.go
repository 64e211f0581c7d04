package slack

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"github.com/yuin/goldmark/ast"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// Slack's limits, below what it documents (https://docs.slack.dev/reference/block-kit/blocks): a section holds 3000
// characters, and all blocks together about 13,200 (slackapi/bolt-js#2509).
const (
	maxSection = 3000
	maxTexts   = 11_000
	maxText    = 4000
	maxTitle   = 1500
	maxContext = 900
	// Of the Markdown, whose URLs and marks may not show.
	maxMarkdown = 3 * maxTexts
	// Of all mentions, of the value of a field, and of all fields.
	maxMentions   = 1500
	maxFieldValue = 300
	maxFields     = 1000
)

// post is a message as an incoming webhook takes it. chat.postMessage gets the same as form values.
type post struct {
	Channel     string             `json:"channel,omitempty"`
	Text        string             `json:"text"`
	Blocks      []kitBlock         `json:"blocks,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	Parse       string             `json:"parse"` // none: Slack makes no links of its own
	UnfurlLinks bool               `json:"unfurl_links"`
	UnfurlMedia bool               `json:"unfurl_media"`
}

// composed is a message ready to be sent or shown.
type composed struct {
	post    post
	content content // of the usual layout
	// below is the reply in the thread, for previews.
	below    post
	hasBelow bool
}

// content holds the parts of the usual layout. Texts are mrkdwn, but for the title.
type content struct {
	title, mentions string
	shortcodes      bool // the title has shortcodes of emoji that the rule has written
	sections        []string
	facts           string // the fields and the context, in one line
	color, url      string
}

// compose lays out a message: a header and mentions; below them, beside a bar in the level's color, the body and a small
// line of facts; and a button. The top-level text repeats all of it, since Slack shows it in notifications,
// reads it aloud, and notifies those who are mentioned there.
func compose(m *notifiers.Message, o Options) composed {
	mentions := append(slices.Clip(o.Mention), bodyMentions(m.WholeBody())...)
	body := dialect().Write(markup.Shorten(m.Body, maxMarkdown))
	c := composed{post: post{Text: fallbackText(m, mentions, body), Parse: "none"}}
	if c.post.Blocks = fitBlocks(o.Blocks, mentions); c.post.Blocks != nil {
		return c
	}
	c.content = newContent(m, mentions, body)
	c.post.Blocks = c.content.head()
	c.post.Attachments = c.content.attachments(m)
	return c
}

func newContent(m *notifiers.Message, mentions, body []string) content {
	titled := *m
	if len(m.Shortcodes) > 0 {
		titled.Title = m.TitleWith(joined)
	}
	c := content{
		title:      markup.FitText(markup.Headline(&titled, maxHeader), maxHeader, notifiers.Units, escape),
		shortcodes: len(m.Shortcodes) > 0,
		mentions:   strings.TrimSpace(writeMentions(mentions, maxMentions)),
		facts:      factsText(m),
		color:      notifiers.LevelColor(m.Level), url: markup.MessageURL(m, maxURL),
	}
	c.sections = composeBody(m, body, maxTexts-maxHeader-maxMentions-notifiers.Units(c.facts))
	return c
}

// joined returns a shortcode of an event with a joiner in it, so that Slack shows it as text.
func joined(shortcode string) string { return shortcode[:1] + markup.Joiner + shortcode[1:] }

// head returns the blocks above the bar.
func (c content) head() []kitBlock {
	header := map[string]any{"type": "plain_text", "text": escape(c.title), "emoji": c.shortcodes}
	blocks := []kitBlock{{"type": "header", "text": header}}
	if c.mentions != "" {
		blocks = append(blocks, mentionBlock(c.mentions))
	}
	return blocks
}

func mentionBlock(mentions string) kitBlock {
	return kitBlock{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": mentions, "verbatim": true}}
}

// buttonLabel is the label of the button that leads to the message's URL.
const buttonLabel = "Open in Qase"

// attachments returns the parts beside the bar, and the button. The button is of the old kind, in an attachment of its
// own, since an attachment with blocks has no other fields. It is only a link. A button of Block Kit also calls the
// app, and Slack warns the person who presses it if the app does not answer (slackapi/node-slack-sdk#869).
func (c content) attachments(m *notifiers.Message) []slack.Attachment {
	attachments := []slack.Attachment{{
		Color:    c.color,
		Fallback: escape(markup.FitText(markup.Headline(m, maxTitle), maxTitle, notifiers.Units, escape)),
		Blocks:   slack.Blocks{BlockSet: c.body()},
	}}
	if c.url != "" {
		attachments = append(attachments, slack.Attachment{
			Color: c.color, Fallback: buttonLabel + ": " + escape(c.url),
			Actions: []slack.AttachmentAction{{Type: "button", Text: buttonLabel, URL: c.url}},
		})
	}
	return attachments
}

// body returns the blocks of body and facts.
func (c content) body() []slack.Block {
	var blocks []slack.Block
	for _, s := range c.sections {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwnObject(s), nil, nil))
	}
	if c.facts != "" {
		blocks = append(blocks, slack.NewContextBlock("", mrkdwnObject(c.facts)))
	}
	return blocks
}

// factsText returns the fields and the context in one line.
func factsText(m *notifiers.Message) string {
	var fields []string
	for _, f := range m.ShownFields() {
		name := neutralize(markup.SingleLine(f.Name, notifiers.MaxFieldName).Text())
		value := notifiers.OneLine(strings.Join(dialect().Write(f.Value), " "))
		if name != "" && value != "" {
			fields = append(fields, name+": "+cutMrkdwn(value, maxFieldValue))
		}
	}
	var facts []string
	for _, s := range []string{neutralize(markup.UnsignedLabel(m)), cutMrkdwn(strings.Join(fields, " · "), maxFields),
		cutMrkdwn(neutralize(markup.Context(m)), maxContext)} {
		if s != "" {
			facts = append(facts, s)
		}
	}
	return strings.Join(facts, " · ")
}

// mrkdwnObject is text in which only our own markup means something: Slack makes no links of its own.
func mrkdwnObject(s string) *slack.TextBlockObject {
	o := slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
	o.Verbatim = true
	return o
}

// fallbackText returns the whole message as one text. body is the body in mrkdwn, if it has no fields and is short.
func fallbackText(m *notifiers.Message, mentions, body []string) string {
	const limit = 3 * maxText
	top := topText(m, mentions)
	if m.Failures != nil {
		body = withTests(m, body, maxText-notifiers.Units(top))
	} else if whole := m.WholeBody(); whole != m.Body || notifiers.Units(whole) > limit {
		body = dialect().Write(markup.Shorten(whole, limit))
	}
	return cutMrkdwn(strings.TrimSpace(top+"\n"+strings.Join(body, "\n\n")), maxText)
}

// topText is the emoji of the level, the title, linked and bold, and the mentions.
func topText(m *notifiers.Message, mentions []string) string {
	title := cutMrkdwn(neutralize(notifiers.Cut(notifiers.OneLine(m.TitleWith(joined)), maxTitle)), maxTitle)
	if title == "" {
		title = "(no title)"
	}
	if clean, ok := markup.CleanURL(m.URL); ok && len(clean) <= maxURL {
		title = "<" + escape(clean) + "|" + title + ">"
	}
	return markup.Sign(m) + "*" + title + "*" + writeMentions(mentions, maxMentions)
}

// writeMentions writes mentions, each after a space, until their characters exceed room.
func writeMentions(mentions []string, room int) string {
	var all strings.Builder
	for _, who := range mentions {
		s := writeMention(who)
		if room -= 1 + notifiers.Units(s); room < 0 {
			break
		}
		if s != "" {
			all.WriteString(" " + s)
		}
	}
	return all.String()
}

// bodyMentions returns the mentions within a body. Slack shows mentions in an attachment, but only mentions in the
// top-level text notify people.
func bodyMentions(body string) []string {
	if !strings.Contains(body, markup.MentionScheme) {
		return nil
	}
	root, _ := markup.Parse(markup.Shorten(body, maxMarkdown), true)
	var ids []string
	for _, n := range markup.Collect(root, func(n ast.Node) bool { return n.Kind() == ast.KindLink }) {
		id, ok := strings.CutPrefix(string(n.(*ast.Link).Destination), markup.MentionScheme)
		if ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// packSections packs the blocks of a body into as few sections as possible, and truncates them to left characters.
func packSections(blocks []string, left int) []string {
	var sections []string
	current := ""
	for _, b := range blocks {
		if len(sections) > maxTexts/maxSection*2 {
			break
		}
		if current != "" && notifiers.Units(current)+2+notifiers.Units(b) <= maxSection {
			current += "\n\n" + b
			continue
		}
		sections, current = appendFilled(sections, current), b
		for notifiers.Units(current) > maxSection && len(sections) < 10 {
			head, tail := splitMrkdwn(current, maxSection)
			sections, current = append(sections, head), tail
		}
	}
	sections = appendFilled(sections, current)
	for i, s := range sections {
		if n := notifiers.Units(s); n <= left {
			left -= n
			continue
		}
		return append(sections[:i:i], appendFilled(nil, cutMrkdwn(s, left))...)
	}
	return sections
}

func appendFilled(list []string, s string) []string {
	if strings.TrimSpace(s) == "" {
		return list
	}
	return append(list, s)
}
