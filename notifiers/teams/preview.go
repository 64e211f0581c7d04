package teams

import (
	"encoding/json"
	"regexp"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Picture implements previewer.
func (n *notifier) Picture(_ *notifiers.Message, sent []byte) (*preview.Picture, error) {
	var post teamsPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	p := &preview.Picture{Channel: "Teams", Facts: []preview.Fact{{Name: "", Text: "the workflow's channel or chat"}}}
	for _, a := range post.Attachments {
		for _, e := range a.Content.Body {
			drawElement(p, e)
		}
		for _, action := range a.Content.Actions {
			p.Buttons = append(p.Buttons, preview.Run{Text: action.Title, URL: action.URL})
		}
	}
	return p, nil
}

// drawElement adds an element of a card. What stands in a container with a style is the top.
func drawElement(p *preview.Picture, e teamsElement) {
	switch e.Type {
	case "Container":
		p.Color = map[string]string{"good": notifiers.LevelColor("success"), "warning": notifiers.LevelColor("warning"), "attention": notifiers.LevelColor("error")}[e.Style]
		if p.Color == "" {
			p.Color = notifiers.LevelColor("info")
		}
		inner := preview.Picture{}
		for _, item := range e.Items {
			drawElement(&inner, item)
		}
		p.Top = append(p.Top, inner.Lines...)
	case "TextBlock":
		line := preview.Line{Apart: len(p.Lines) > 0}
		for _, call := range regexp.MustCompile(`<at>([^<]*)</at>`).FindAllStringSubmatch(e.Text, -1) {
			line.Runs = append(line.Runs, preview.Run{Text: "@" + call[1], Mention: true}, preview.Run{Text: " "})
		}
		p.Lines = append(p.Lines, line)
	case "ColumnSet":
		row := preview.Line{Named: true, Apart: e.Spacing == "Medium"}
		for _, column := range e.Columns {
			inner := preview.Picture{}
			for _, item := range column.Items {
				drawElement(&inner, item)
			}
			row.Cells = append(row.Cells, inner.Lines)
		}
		p.Lines = append(p.Lines, row)
	default:
		p.Lines = append(p.Lines, teamsPicture(e, e.Spacing != "None" && len(p.Lines) > 0))
	}
}

func teamsPicture(e teamsElement, apart bool) preview.Line {
	line := preview.Line{Apart: apart}
	for _, r := range e.Inlines {
		run := preview.Run{Text: markup.Visible(r.Text), Bold: r.Weight == "Bolder", Italic: r.Italic, Strike: r.Strike, Code: r.Font == "Monospace"}
		if r.Select != nil {
			run.URL = r.Select.URL
		}
		line.Small = line.Small || r.Size == "Small"
		line.Heading = line.Heading || r.Size == "Medium"
		line.Quote = line.Quote || strings.HasPrefix(r.Text, "│ ") && r.IsSubtle
		line.Runs = append(line.Runs, run)
	}
	if line.Quote && len(line.Runs) > 0 {
		line.Runs = line.Runs[1:] // the bar is shown by the line
	}
	if len(line.Runs) == 1 && line.Runs[0].Code {
		line.Pre = true
	}
	return line
}
