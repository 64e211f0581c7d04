package slack

import (
	"encoding/json"
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

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post struct {
		Channel, Text string
		Blocks        []slackBlock
		Attachments   []struct {
			Color   string
			Blocks  []slackBlock
			Actions []any
		}
	}
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	where := post.Channel
	if where == "" {
		where = "the webhook's channel"
	}
	p := &preview.Picture{Channel: "Slack", Facts: []preview.Fact{{Name: "", Text: where}}}
	p.Top = drawBlocks(p, post.Blocks)
	for _, a := range post.Attachments {
		p.Color = a.Color
		p.Lines = append(p.Lines, drawBlocks(p, a.Blocks)...)
		for _, action := range a.Actions {
			addButton(p, action)
		}
	}
	return p, nil
}

// drawBlocks reads Block Kit. Buttons go to those of the picture; of what is not known here, all texts are shown.
func drawBlocks(p *preview.Picture, blocks []slackBlock) []preview.Line {
	var lines []preview.Line
	for _, b := range blocks {
		some := drawBlock(p, b)
		if len(some) > 0 {
			some[0].Apart = len(lines) > 0
		}
		lines = append(lines, some...)
	}
	return lines
}

func drawBlock(p *preview.Picture, b slackBlock) []preview.Line {
	switch b.BlockType() {
	case "divider":
		return preview.PlainLine("──────────", preview.Run{})
	case "header":
		lines := blockTexts(b["text"])
		for i := range lines {
			lines[i].Heading = true
		}
		return lines
	case "context":
		return contextLine(b)
	case "markdown":
		text, _ := b["text"].(string)
		return preview.MarkdownLines(text)
	case "image":
		alt, _ := b["alt_text"].(string)
		return preview.PlainLine("[image: "+notifiers.OneLine(alt)+"]", preview.Run{Italic: true})
	case "actions":
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			addButton(p, e)
		}
		return nil
	}
	addButton(p, b["accessory"])
	return slices.Concat(blockTexts(b["text"]), fieldRows(b["fields"]), blockTexts(b["elements"]))
}

// fieldRows puts the fields of a section side by side.
func fieldRows(v any) []preview.Line {
	fields, _ := v.([]any)
	var cells [][]preview.Line
	for _, f := range fields {
		cells = append(cells, blockTexts(f))
	}
	return preview.InRows(cells, 2)
}

// contextLine puts the elements of a context in one small line.
func contextLine(b slackBlock) []preview.Line {
	lines := blockTexts(b["elements"])
	for i := range lines {
		lines[i].Small = true
		if i > 0 {
			lines[0].Runs = append(append(lines[0].Runs, preview.Run{Text: "  "}), lines[i].Runs...)
		}
	}
	return lines[:min(len(lines), 1)]
}

func addButton(p *preview.Picture, v any) {
	b, _ := v.(map[string]any)
	label, _ := b["text"].(string) // of an attachment
	if text, isBlock := b["text"].(map[string]any); isBlock {
		label, _ = text["text"].(string)
	}
	if b["type"] != "button" || label == "" {
		return
	}
	url, _ := b["url"].(string)
	p.Buttons = append(p.Buttons, preview.Run{Text: label, URL: url})
}

// blockTexts reads all text objects within v.
func blockTexts(v any) []preview.Line {
	switch v := v.(type) {
	case []any:
		var lines []preview.Line
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
			return preview.PlainLines(slackPlain(text))
		}
		return append(blockTexts(v["text"]), blockTexts(v["elements"])...)
	}
	return nil
}

// mrkdwnLines reads Slack's markup.
func mrkdwnLines(text string) []preview.Line {
	var lines []preview.Line
	apart := false
	for i, part := range strings.Split(text, markup.Fence) {
		for _, l := range preview.SplitLines(strings.TrimPrefix(part, "\n")) {
			if l == "" {
				apart = len(lines) > 0
				continue
			}
			line := preview.Line{Pre: i%2 == 1, Apart: apart}
			apart = false
			if line.Pre {
				line.Runs = []preview.Run{{Text: slackPlain(l)}}
			} else {
				l, line.Quote = strings.CutPrefix(l, "> ")
				line.Runs = MrkdwnRuns(l)
			}
			lines = append(lines, line)
		}
		apart = i%2 == 0 && strings.HasSuffix(part, "\n\n")
	}
	return lines
}

// MrkdwnRuns reads one line.
func MrkdwnRuns(s string) []preview.Run {
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
			r.add(preview.Run{Text: slackPlain(code), Code: true})
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
	runs   []preview.Run
	style  preview.Run
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
		r.add(preview.Run{Text: target, Mention: true})
	case strings.HasPrefix(target, "!"):
		r.add(preview.Run{Text: "@" + strings.TrimPrefix(target[1:], "subteam^"), Mention: true})
	default:
		url := html.UnescapeString(target)
		if label == "" {
			label = strings.TrimPrefix(target, "mailto:")
		}
		clean, ok := markup.CleanURL(url)
		if !ok {
			clean = ""
		}
		r.add(preview.Run{Text: slackPlain(label), URL: clean})
	}
}

// add appends a run in the style that is open.
func (r *mrkdwnReader) add(run preview.Run) {
	r.flush()
	run.Bold, run.Italic, run.Strike = r.style.Bold, r.style.Italic, r.style.Strike
	r.runs = append(r.runs, run)
}

func (r *mrkdwnReader) flush() {
	if text := slackPlain(r.text.String()); text != "" {
		run := r.style
		run.Text = text
		r.runs = append(r.runs, run)
	}
	r.text.Reset()
}

// slackPlain is text as Slack shows it.
func slackPlain(s string) string {
	s = regexp.MustCompile(`&(?:amp|lt|gt);`).ReplaceAllStringFunc(s, html.UnescapeString)
	return markup.Visible(s)
}
