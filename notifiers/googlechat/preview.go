package googlechat

import (
	"encoding/json"
	"regexp"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post googlePost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	p := &preview.Picture{Channel: "Google Chat", Facts: []preview.Fact{{Name: "", Text: "the webhook's space"}}, Top: preview.MarkdownLines(post.Text)}
	for _, c := range post.Cards {
		for _, s := range c.Card.Sections {
			for _, w := range s.Widgets {
				drawWidget(p, w)
			}
		}
	}
	preview.SmallLast(p.Lines)
	if dot := regexp.MustCompile(`<font color=\\?"(#[0-9a-f]{6})`).FindSubmatch(sent); dot != nil {
		p.Color = string(dot[1])
	}
	return p, nil
}

func drawWidget(p *preview.Picture, w googleWidget) {
	if w.Paragraph != nil {
		lines := preview.HTMLLines(w.Paragraph.Text)
		if len(p.Lines) > 0 {
			lines = preview.Apart(lines, nil)
		}
		p.Lines = append(p.Lines, lines...)
	}
	if w.Labelled != nil {
		label := preview.SmallLast(preview.PlainLine(w.Labelled.Label, preview.Run{}))
		p.Lines = append(p.Lines, preview.Line{Cells: [][]preview.Line{append(label, preview.HTMLLines(w.Labelled.Text)...)}})
	}
	if w.Columns != nil {
		row := preview.Line{Apart: len(p.Lines) > 0 && len(p.Lines[len(p.Lines)-1].Cells) == 0}
		for _, column := range w.Columns.Items {
			inner := preview.Picture{}
			for _, widget := range column.Widgets {
				drawWidget(&inner, widget)
			}
			for _, line := range inner.Lines {
				row.Cells = append(row.Cells, line.Cells...)
			}
		}
		p.Lines = append(p.Lines, row)
	}
	if w.Buttons == nil {
		return
	}
	for _, b := range w.Buttons.Buttons {
		p.Buttons = append(p.Buttons, preview.Run{Text: b.Text, URL: b.OnClick.Link.URL})
	}
}
