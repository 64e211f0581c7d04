package mattermost

import (
	"encoding/json"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post mattermostPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	where := post.Channel
	if where == "" {
		where = "the webhook's channel"
	}
	p := &preview.Picture{Channel: "Mattermost", Facts: []preview.Fact{{Name: "", Text: where}}, Top: preview.MarkdownLines(post.Text)}
	for _, a := range post.Attachments {
		var cells [][]preview.Line
		for _, f := range a.Fields {
			cells = append(cells, preview.Labelled(f.Title, preview.MarkdownLines(f.Value)))
		}
		foot := preview.Apart(preview.SmallLast(preview.PlainLine(a.Footer, preview.Run{})), nil)
		p.Color, p.Lines = a.Color, append(preview.MarkdownLines(a.Text), preview.Apart(preview.InRows(cells, 2), foot)...)
	}
	return p, nil
}
