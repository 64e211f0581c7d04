package pagerduty

import (
	"encoding/json"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var event pagerEvent
	if err := json.Unmarshal(sent, &event); err != nil {
		return nil, err
	}
	p := &preview.Picture{Channel: "PagerDuty", Facts: []preview.Fact{{Name: "", Text: event.Action}, {Name: "Alert", Text: event.DedupKey}}}
	if event.Payload == nil {
		return p, nil
	}
	p.Color = map[string]string{"critical": notifiers.LevelColor("error"), "error": notifiers.LevelColor("error"), "warning": notifiers.LevelColor("warning")}[event.Payload.Severity]
	p.Facts = append(p.Facts, preview.Fact{Name: "Severity", Text: event.Payload.Severity}, preview.Fact{Name: "Source", Text: event.Payload.Source})
	p.Lines = append(preview.PlainLine(event.Payload.Summary, preview.Run{Bold: true}), preview.Apart(preview.PlainLines(event.Payload.Details["body"]), nil)...)
	for _, l := range event.Links {
		p.Buttons = append(p.Buttons, preview.Run{Text: l.Text, URL: l.Href})
	}
	return p, nil
}
