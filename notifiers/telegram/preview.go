package telegram

import (
	"encoding/json"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post telegramPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	return &preview.Picture{Channel: "Telegram", Facts: []preview.Fact{{Name: "", Text: "chat " + post.ChatID}}, Lines: preview.SmallLast(preview.HTMLLines(post.Text))}, nil
}
