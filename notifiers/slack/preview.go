package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Preview implements [preview.Previewer]. It returns the message without lookups in Slack.
func (n *notifier) Preview(m *notifiers.Message) ([]byte, error) {
	c, err := n.preview(m)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(c.post, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the Slack message: %w", err)
	}
	return append(readableJSON(b), '\n'), nil
}

// Layout implements [preview.Previewer].
func (n *notifier) Layout(m *notifiers.Message) (*preview.Layout, error) {
	c, err := n.preview(m)
	return c.layout(), err
}

// preview composes a message with the name of its destination.
func (n *notifier) preview(m *notifiers.Message) (composed, error) {
	o, err := readOptions(n.defaults, m.Options)
	if err != nil {
		return composed{}, err
	}
	if n.config.WebhookURL.IsSet() {
		o = o.forWebhook()
	}
	c := compose(m, o)
	c.below, c.hasBelow = composeReply(m)
	c.hasBelow = c.hasBelow && o.Thread.Of(m) != ""
	if c.post.Channel = o.Channel; o.DM != nil {
		names := make([]string, len(o.DM))
		for i, who := range o.DM {
			names[i] = displayName(who)
		}
		c.post.Channel = strings.Join(names, ", ")
	}
	return c, nil
}

// readableJSON writes & < > as themselves again, which the encoder of blocks does not.
func readableJSON(b []byte) []byte {
	// An escaped backslash comes first, so that the characters behind it are not taken for an escape.
	return []byte(strings.NewReplacer(`\\`, `\\`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b)))
}

// layout shows the usual layout from its content, and a rule's own blocks as they are. The mrkdwn of both is read as
// Slack reads it.
func (c composed) layout() *preview.Layout {
	l := &preview.Layout{
		Channel: "Slack", Facts: []preview.Fact{{Text: cmp.Or(c.post.Channel,
			"the webhook's channel")}}, Color: c.content.color,
	}
	defer c.drawReply(l)
	if c.content.title == "" {
		l.Top = drawBlocks(l, c.post.Blocks)
		return l
	}
	l.Top = drawBlocks(l, c.content.head())
	for _, s := range c.content.sections {
		l.Add(mrkdwnLines(s)...)
	}
	l.Add(small(mrkdwnLines(c.content.facts))...)
	if c.content.url != "" {
		l.Buttons = []markup.Run{{Text: buttonLabel, URL: c.content.url}}
	}
	return l
}

// drawReply shows the reply in the thread below the message.
func (c composed) drawReply(l *preview.Layout) {
	if !c.hasBelow {
		return
	}
	l.Add(preview.Small("In the thread:")...)
	for _, line := range drawBlocks(l, c.below.Blocks) {
		line.Quote = true
		l.Lines = append(l.Lines, line)
	}
}

// drawBlocks draws Block Kit. Buttons go to those of the layout. Of an unknown block all texts are shown.
func drawBlocks(l *preview.Layout, blocks []kitBlock) []markup.Line {
	var lines []markup.Line
	for _, b := range blocks {
		drawn := drawBlock(l, b)
		if len(drawn) > 0 {
			drawn[0].Apart = len(lines) > 0
		}
		lines = append(lines, drawn...)
	}
	return lines
}

func drawBlock(l *preview.Layout, b kitBlock) []markup.Line {
	switch b.BlockType() {
	case "divider":
		return preview.Text("──────────", markup.Run{})
	case "header":
		lines := blockTexts(b["text"])
		for i := range lines {
			lines[i].Heading = true
		}
		return lines
	case "context":
		return small(blockTexts(b["elements"]))
	case "markdown":
		text, _ := b["text"].(string)
		return markup.Plain(nil).Shown(markup.Lines(text))
	case "image":
		alt, _ := b["alt_text"].(string)
		return preview.Text("[image: "+notifiers.OneLine(alt)+"]", markup.Run{Italic: true})
	case "actions":
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			addButton(l, e)
		}
		return nil
	}
	addButton(l, b["accessory"])
	return slices.Concat(blockTexts(b["text"]), fieldRows(b["fields"]), blockTexts(b["elements"]))
}

// fieldRows puts the fields of a section side by side.
func fieldRows(v any) []markup.Line {
	fields, _ := v.([]any)
	var cells [][]markup.Line
	for _, f := range fields {
		cells = append(cells, blockTexts(f))
	}
	return preview.Rows(cells, 2)
}

// small puts the elements of a context in one small line.
func small(lines []markup.Line) []markup.Line {
	if len(lines) == 0 {
		return nil
	}
	line := markup.Line{Runs: lines[0].Runs, Small: true}
	for _, l := range lines[1:] {
		line.Runs = append(append(line.Runs, markup.Run{Text: "  "}), l.Runs...)
	}
	return []markup.Line{line}
}

func addButton(l *preview.Layout, v any) {
	b, _ := v.(map[string]any)
	text, _ := b["text"].(map[string]any)
	label, _ := text["text"].(string)
	if b["type"] != "button" || label == "" {
		return
	}
	url, _ := b["url"].(string)
	l.Buttons = append(l.Buttons, markup.Run{Text: label, URL: url})
}

// blockTexts reads all text objects within v.
func blockTexts(v any) []markup.Line {
	switch v := v.(type) {
	case []any:
		var lines []markup.Line
		for _, one := range v {
			lines = append(lines, blockTexts(one)...)
		}
		return lines
	case map[string]any:
		text, isText := v["text"].(string)
		switch {
		case isText && v["type"] == "mrkdwn":
			return mrkdwnLines(text)
		case isText:
			return preview.Paragraphs(plainText(text))
		}
		return append(blockTexts(v["text"]), blockTexts(v["elements"])...)
	}
	return nil
}

// mrkdwnLines reads Slack's markup.
func mrkdwnLines(text string) []markup.Line {
	var lines []markup.Line
	apart := false
	for i, part := range strings.Split(text, markup.Fence) {
		for l := range strings.SplitSeq(strings.TrimRight(strings.TrimPrefix(part, "\n"), "\n"), "\n") {
			if l == "" {
				apart = len(lines) > 0
				continue
			}
			line := markup.Line{Pre: i%2 == 1, Apart: apart}
			apart = false
			if line.Pre {
				line.Runs = []markup.Run{{Text: plainText(l)}}
			} else {
				l, line.Quote = strings.CutPrefix(l, "> ")
				line.Runs = mrkdwnRuns(l)
			}
			lines = append(lines, line)
		}
		apart = i%2 == 0 && strings.HasSuffix(part, "\n\n")
	}
	return lines
}

// mrkdwnRuns reads one line.
func mrkdwnRuns(s string) []markup.Run {
	r := &mrkdwnReader{before: ' '}
	for s != "" {
		c, size := utf8.DecodeRuneInString(s)
		rest := s[size:]
		switch {
		case c == '<' && strings.Contains(rest, ">"):
			var inside string
			inside, rest, _ = strings.Cut(rest, ">")
			r.angle(inside)
		case c == '`' && strings.Contains(rest, "`"):
			var code string
			code, rest, _ = strings.Cut(rest, "`")
			r.add(markup.Run{Text: plainText(code), Code: true})
		case !r.marks(c, rest):
			r.text.WriteRune(c)
		}
		r.before, s = c, rest
	}
	r.flush()
	return r.runs
}

// mrkdwnReader gathers the runs of one line.
type mrkdwnReader struct {
	runs   []markup.Run
	style  markup.Run
	text   strings.Builder
	before rune
}

// marks takes c, in front of rest, for the beginning or the end of a style, if it is one.
func (r *mrkdwnReader) marks(c rune, rest string) bool {
	style := map[rune]*bool{'*': &r.style.Bold, '_': &r.style.Italic, '~': &r.style.Strike}[c]
	after, _ := utf8.DecodeRuneInString(rest)
	literal := r.before == []rune(markup.Joiner)[0] || strings.HasPrefix(rest, markup.Joiner)
	switch {
	case style == nil, literal:
		return false
	case *style && markup.IsWord(after):
		return false
	case !*style && (markup.IsWord(r.before) || rest == "" || unicode.IsSpace(after) || !strings.ContainsRune(rest, c)):
		return false
	}
	r.flush()
	*style = !*style
	return true
}

// angle reads what stands between < and >: a link or a mention.
func (r *mrkdwnReader) angle(inside string) {
	target, label, _ := strings.Cut(inside, "|")
	switch {
	case strings.HasPrefix(target, "@"), strings.HasPrefix(target, "#"):
		r.add(markup.Run{Text: target, Mention: true})
	case strings.HasPrefix(target, "!"):
		r.add(markup.Run{Text: "@" + strings.TrimPrefix(target[1:], "subteam^"), Mention: true})
	default:
		url := html.UnescapeString(target)
		if label == "" {
			label = strings.TrimPrefix(target, "mailto:")
		}
		clean, ok := markup.CleanURL(url)
		if !ok {
			clean = ""
		}
		r.add(markup.Run{Text: plainText(label), URL: clean})
	}
}

// add appends a run in the style that is open.
func (r *mrkdwnReader) add(run markup.Run) {
	r.flush()
	run.Bold, run.Italic, run.Strike = r.style.Bold, r.style.Italic, r.style.Strike
	r.runs = append(r.runs, run)
}

func (r *mrkdwnReader) flush() {
	if text := plainText(r.text.String()); text != "" {
		run := r.style
		run.Text = text
		r.runs = append(r.runs, run)
	}
	r.text.Reset()
}

// plainText is text as Slack shows it.
func plainText(s string) string {
	s = regexp.MustCompile(`&(?:amp|lt|gt);`).ReplaceAllStringFunc(s, html.UnescapeString)
	return markup.Visible(s)
}
