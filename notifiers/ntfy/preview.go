package ntfy

import (
	"encoding/json"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(m *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post ntfyPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	words := []string{"min", "low", "default", "high", "max"}
	p := &preview.Picture{Channel: "ntfy", Facts: []preview.Fact{{Name: "", Text: post.Topic}, {Name: "Priority", Text: words[min(max(post.Priority, 1), 5)-1]}}}
	if own := post.Tags[min(1, len(post.Tags)):]; len(own) > 0 {
		p.Facts = append(p.Facts, preview.Fact{Name: "Tags", Text: markup.Visible(strings.Join(own, ", "))})
	}
	p.Lines = append(preview.PlainLine(notifiers.LevelEmoji(m.Level)+" "+post.Title, preview.Run{Bold: true}), preview.Apart(preview.SmallLast(preview.PlainLines(post.Message)), nil)...)
	for _, a := range post.Actions {
		p.Buttons = append(p.Buttons, preview.Run{Text: a.Label, URL: a.URL})
	}
	return p, nil
}
