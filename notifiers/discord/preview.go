package discord

import (
	"encoding/json"
	"fmt"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post struct {
		Username, Content string
		Embeds            []struct {
			Title, URL, Description string
			Color                   int
			Fields                  []discordField
			Footer                  struct{ Text string }
		}
	}
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	p := &preview.Picture{Channel: "Discord", Facts: []preview.Fact{{Name: "", Text: "the webhook's channel"}}, Top: preview.MarkdownLines(post.Content)}
	for _, e := range post.Embeds {
		p.Color = fmt.Sprintf("#%06x", e.Color)
		title := preview.MarkdownLines(e.Title)
		for i := range title {
			title[i].Heading = true
			for j := range title[i].Runs {
				title[i].Runs[j].URL = e.URL
			}
		}
		var cells [][]preview.Line
		for _, f := range e.Fields {
			cells = append(cells, preview.Labelled(f.Name, preview.MarkdownLines(f.Value)))
		}
		foot := preview.Apart(preview.SmallLast(preview.PlainLine(e.Footer.Text, preview.Run{})), nil)
		p.Lines = append(title, preview.Apart(preview.MarkdownLines(e.Description), preview.Apart(preview.InRows(cells, 3), foot))...)
	}
	return p, nil
}
