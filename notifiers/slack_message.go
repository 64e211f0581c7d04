package notifiers

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"github.com/yuin/goldmark/ast"
)

// Slack's limits, below what it documents (https://docs.slack.dev/reference/block-kit/blocks): a section holds 3000
// characters, and all blocks together about 13,200 (slackapi/bolt-js#2509).
const (
	slackSection = 3000
	slackBlocks  = 11_000
	slackText    = 4000
	slackTitle   = 1500
	slackContext = 900
	slackBody    = 3 * slackBlocks // of the Markdown, whose URLs and marks may not show
)

// slackPost is a message as an incoming webhook takes it. chat.postMessage gets the same as form values.
type slackPost struct {
	Channel     string             `json:"channel,omitempty"`
	Text        string             `json:"text"`
	Blocks      []slackBlock       `json:"blocks,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	Parse       string             `json:"parse"` // none: Slack makes no links of its own
	UnfurlLinks bool               `json:"unfurl_links"`
	UnfurlMedia bool               `json:"unfurl_media"`
}

// slackMessage lays a message out: the top-level text holds title and mentions, since it is what Slack shows in
// notifications and where mentions notify; below it stand body and origin beside a bar in the level's colour, which says at a glance
// what a header or an emoji would have to be read for. The title is the link and not a button, since to press a button also
// calls the app, and Slack complains of apps that do not answer.
func slackMessage(m *Message, o slackOptions) slackPost {
	mentions := append(slices.Clip(o.Mention), bodyMentions(m.Body)...)
	post := slackPost{Text: slackTop(m, mentions), Parse: "none"}
	if post.Blocks = slackOwnBlocks(o.Blocks, mentions); post.Blocks != nil {
		body := strings.Join(renderText(slackDialect(), cut(m.Body, slackBody)), "\n\n")
		post.Text = cutMrkdwn(post.Text+"\n"+body, 2*slackText)
		return post
	}
	var blocks []slack.Block
	for _, s := range slackSections(renderText(slackDialect(), cut(m.Body, slackBody))) {
		blocks = append(blocks, slack.NewSectionBlock(mrkdwnObject(s), nil, nil))
	}
	blocks = append(blocks, slack.NewContextBlock("", mrkdwnObject(slackOrigin(m))))
	post.Attachments = []slack.Attachment{{
		Color:    levelColor(m.Level),
		Fallback: cutMrkdwn(slackEscape(cut(oneLine(m.Title), slackTitle)), slackTitle),
		Blocks:   slack.Blocks{BlockSet: blocks},
	}}
	return post
}

// mrkdwnObject is text in which only our own markup means something: Slack makes no links of its own.
func mrkdwnObject(s string) *slack.TextBlockObject {
	o := slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
	o.Verbatim = true
	return o
}

// slackTop is the title, linked and bold, and who is mentioned.
func slackTop(m *Message, mentions []string) string {
	title := cutMrkdwn(slackNeutral(cut(oneLine(m.Title), slackTitle)), slackTitle)
	if title == "" {
		title = "(no title)"
	}
	if clean, ok := cleanURL(m.URL); ok && len(clean) <= slackURL {
		title = "<" + slackEscape(clean) + "|" + title + ">"
	}
	return "*" + title + "*" + slackMentions(mentions, slackText-slackTitle-slackURL)
}

// slackMentions writes mentions, each behind a space, as far as there is room for them.
func slackMentions(mentions []string, room int) string {
	var all strings.Builder
	for _, who := range mentions {
		s := slackMention(who)
		if room -= 1 + units(s); room < 0 {
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
	if !strings.Contains(body, mentionScheme) {
		return nil
	}
	root, _ := parseMarkdown(cut(body, slackBody), true)
	var ids []string
	for _, n := range collect(root, func(n ast.Node) bool { return n.Kind() == ast.KindLink }) {
		if id, ok := strings.CutPrefix(string(n.(*ast.Link).Destination), mentionScheme); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// slackOrigin is the small line below a message.
func slackOrigin(m *Message) string {
	parts := []string{slackNeutral(m.Level)}
	for _, s := range m.origin() {
		parts = append(parts, slackNeutral(cut(s, 200)))
	}
	line := cutMrkdwn(strings.Join(parts, " · "), slackContext)
	if clean, ok := cleanURL(m.URL); ok && len(clean) <= slackURL {
		line += " · <" + slackEscape(clean) + "|Open>"
	}
	return line
}

// slackSections packs the blocks of a body into as few sections as its limits allow, and cuts what is too much.
func slackSections(blocks []string) []string {
	var sections []string
	current, left := "", slackBlocks-slackContext-slackURL
	for _, b := range blocks {
		if len(sections) > slackBlocks/slackSection*2 {
			break
		}
		if current != "" && units(current)+2+units(b) <= slackSection {
			current += "\n\n" + b
			continue
		}
		sections, current = appendFilled(sections, current), b
		for units(current) > slackSection && len(sections) < 10 {
			head, tail := splitMrkdwn(current, slackSection)
			sections, current = append(sections, head), tail
		}
	}
	sections = appendFilled(sections, current)
	for i, s := range sections {
		if n := units(s); n <= left {
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
