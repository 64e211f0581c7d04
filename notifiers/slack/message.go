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
	slackSection = 3000
	slackBlocks  = 11_000
	slackText    = 4000
	slackTitle   = 1500
	slackContext = 900
	// Of the Markdown, whose URLs and marks may not show.
	slackMarkdown = 3 * slackBlocks
	// Of all mentions, and of the value of a field.
	slackMentioned = 1500
	slackFieldText = 300
)

// SlackPost is a message as an incoming webhook takes it. chat.postMessage gets the same as form values.
type SlackPost struct {
	Channel     string             `json:"channel,omitempty"`
	Text        string             `json:"text"`
	Blocks      []slackBlock       `json:"blocks,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	Parse       string             `json:"parse"` // none: Slack makes no links of its own
	UnfurlLinks bool               `json:"unfurl_links"`
	UnfurlMedia bool               `json:"unfurl_media"`
}

// slackMessage lays a message out: a header and who is mentioned; below, beside a bar in the level's colour, the body, the fields
// and a small line that says where it comes from; and a button. The top-level text says all that once more, since Slack shows it in
// notifications, reads it aloud, and notifies who is mentioned there.
func slackMessage(m *notifiers.Message, o Options) SlackPost {
	mentions := append(slices.Clip(o.Mention), bodyMentions(m.WholeBody())...)
	post := SlackPost{Text: slackFallback(m, mentions), Parse: "none"}
	if post.Blocks = slackOwnBlocks(o.Blocks, mentions); post.Blocks != nil {
		return post
	}
	post.Blocks = slackHead(m, mentions)
	post.Attachments = slackAttachments(m)
	return post
}

// slackHead is what stands above the bar.
func slackHead(m *notifiers.Message, mentions []string) []slackBlock {
	title := escape(markup.FitText(markup.Title(m, slackHeader), slackHeader, notifiers.Units, escape))
	blocks := []slackBlock{{"type": "header", "text": map[string]any{"type": "plain_text", "text": title, "emoji": false}}}
	if line := strings.TrimSpace(slackMentions(mentions, slackMentioned)); line != "" {
		blocks = append(blocks, slackBlock{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": line, "verbatim": true}})
	}
	return blocks
}

// slackAttachments are what stands beside the bar, and the button. The button is one of the old kind, in an attachment of its own since
// blocks go with no other fields: it only leads somewhere. A button of Block Kit also calls the app, and Slack
// warns whoever presses it if the app does not answer (slackapi/node-slack-sdk#869).
func slackAttachments(m *notifiers.Message) []slack.Attachment {
	color := notifiers.LevelColor(m.Level)
	attachments := []slack.Attachment{{
		Color:    color,
		Fallback: escape(markup.FitText(markup.Title(m, slackTitle), slackTitle, notifiers.Units, escape)),
		Blocks:   slack.Blocks{BlockSet: slackBody(m)},
	}}
	if link := markup.MessageURL(m, slackURL); link != "" {
		const label = "Open in Qase"
		attachments = append(attachments, slack.Attachment{
			Color: color, Fallback: label + ": " + escape(link),
			Actions: []slack.AttachmentAction{{Type: "button", Text: label, URL: link}},
		})
	}
	return attachments
}

// slackBody is body, fields and origin.
func slackBody(m *notifiers.Message) []slack.Block {
	fields, used := slackFields(m)
	var blocks []slack.Block
	room := slackBlocks - slackHeader - slackMentioned - slackContext - used
	for _, s := range slackSections(slackDialect().Write(notifiers.Cut(m.Body, slackMarkdown)), room) {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwnObject(s), nil, nil))
	}
	if len(fields) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
	}
	return append(blocks, slack.NewContextBlock("", mrkdwnObject(slackOrigin(m))))
}

// slackFields are the fields, each a name with its value below, and how long they are together.
func slackFields(m *notifiers.Message) (fields []*slack.TextBlockObject, used int) {
	for _, f := range m.ShownFields() {
		name := neutralize(markup.SingleLine(f.Name, notifiers.FieldName).Text())
		value := notifiers.OneLine(strings.Join(slackDialect().Write(f.Value), " "))
		if name == "" || value == "" {
			continue
		}
		text := "*" + name + "*\n" + cutMrkdwn(value, slackFieldText)
		fields, used = append(fields, mrkdwnObject(text)), used+notifiers.Units(text)
	}
	return fields, used
}

// mrkdwnObject is text in which only our own markup means something: Slack makes no links of its own.
func mrkdwnObject(s string) *slack.TextBlockObject {
	o := slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
	o.Verbatim = true
	return o
}

// slackFallback is the whole message as one text.
func slackFallback(m *notifiers.Message, mentions []string) string {
	body := strings.Join(slackDialect().Write(notifiers.Cut(m.WholeBody(), 3*slackText)), "\n\n")
	return cutMrkdwn(strings.TrimSpace(slackTop(m, mentions)+"\n"+body), slackText)
}

// slackTop is the title, linked and bold, and who is mentioned.
func slackTop(m *notifiers.Message, mentions []string) string {
	title := cutMrkdwn(neutralize(notifiers.Cut(notifiers.OneLine(m.Title), slackTitle)), slackTitle)
	if title == "" {
		title = "(no title)"
	}
	if clean, ok := markup.CleanURL(m.URL); ok && len(clean) <= slackURL {
		title = "<" + escape(clean) + "|" + title + ">"
	}
	return "*" + title + "*" + slackMentions(mentions, slackMentioned)
}

// slackMentions writes mentions, each behind a space, as far as there is room for them.
func slackMentions(mentions []string, room int) string {
	var all strings.Builder
	for _, who := range mentions {
		s := slackMention(who)
		if room -= 1 + notifiers.Units(s); room < 0 {
			break
		}
		if s != "" {
			all.WriteString(" " + s)
		}
	}
	return all.String()
}

// bodyMentions returns who is mentioned within a body. Slack shows mentions in an attachment, but only those in the top-level text
// notify anybody.
func bodyMentions(body string) []string {
	if !strings.Contains(body, markup.MentionScheme) {
		return nil
	}
	root, _ := markup.Parse(notifiers.Cut(body, slackMarkdown), true)
	var ids []string
	for _, n := range markup.Collect(root, func(n ast.Node) bool { return n.Kind() == ast.KindLink }) {
		if id, ok := strings.CutPrefix(string(n.(*ast.Link).Destination), markup.MentionScheme); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// slackOrigin is the small line below a message.
func slackOrigin(m *notifiers.Message) string {
	parts := []string{neutralize(m.Level)}
	for _, s := range m.Origin() {
		parts = append(parts, neutralize(notifiers.Cut(s, 200)))
	}
	return cutMrkdwn(strings.Join(parts, " · "), slackContext)
}

// slackSections packs the blocks of a body into as few sections as Slack's limits allow, and cuts what is more than left.
func slackSections(blocks []string, left int) []string {
	var sections []string
	current := ""
	for _, b := range blocks {
		if len(sections) > slackBlocks/slackSection*2 {
			break
		}
		if current != "" && notifiers.Units(current)+2+notifiers.Units(b) <= slackSection {
			current += "\n\n" + b
			continue
		}
		sections, current = appendFilled(sections, current), b
		for notifiers.Units(current) > slackSection && len(sections) < 10 {
			head, tail := splitMrkdwn(current, slackSection)
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
