package notifiers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// picture implements previewer.
func (n *teamsNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	var post teamsPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	p := &Picture{Channel: "Teams", Facts: []Fact{{"", "the workflow's channel or chat"}}}
	for _, a := range post.Attachments {
		for _, e := range a.Content.Body {
			p.teamsElement(e)
		}
		for _, action := range a.Content.Actions {
			p.Buttons = append(p.Buttons, Run{Text: action.Title, URL: action.URL})
		}
	}
	return p, nil
}

// teamsElement adds an element of a card. What stands in a container with a style is the top.
func (p *Picture) teamsElement(e teamsElement) {
	switch e.Type {
	case "Container":
		p.Color = map[string]string{"good": levelColor("success"), "warning": levelColor("warning"), "attention": levelColor("error")}[e.Style]
		if p.Color == "" {
			p.Color = levelColor("info")
		}
		inner := Picture{}
		for _, item := range e.Items {
			inner.teamsElement(item)
		}
		p.Top = append(p.Top, inner.Lines...)
	case "TextBlock":
		line := Line{Apart: len(p.Lines) > 0}
		for _, call := range regexp.MustCompile(`<at>([^<]*)</at>`).FindAllStringSubmatch(e.Text, -1) {
			line.Runs = append(line.Runs, Run{Text: "@" + call[1], Mention: true}, Run{Text: " "})
		}
		p.Lines = append(p.Lines, line)
	case "ColumnSet":
		row := Line{Named: true, Apart: e.Spacing == "Medium"}
		for _, column := range e.Columns {
			inner := Picture{}
			for _, item := range column.Items {
				inner.teamsElement(item)
			}
			row.Cells = append(row.Cells, inner.Lines)
		}
		p.Lines = append(p.Lines, row)
	default:
		p.Lines = append(p.Lines, teamsPicture(e, e.Spacing != "None" && len(p.Lines) > 0))
	}
}

func teamsPicture(e teamsElement, apart bool) Line {
	line := Line{Apart: apart}
	for _, r := range e.Inlines {
		run := Run{Text: visible(r.Text), Bold: r.Weight == "Bolder", Italic: r.Italic, Strike: r.Strike, Code: r.Font == "Monospace"}
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

// picture implements previewer.
func (n *discordNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
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
	p := &Picture{Channel: "Discord", Facts: []Fact{{"", "the webhook's channel"}}, Top: markdownLines(post.Content)}
	for _, e := range post.Embeds {
		p.Color = fmt.Sprintf("#%06x", e.Color)
		title := markdownLines(e.Title)
		for i := range title {
			title[i].Heading = true
			for j := range title[i].Runs {
				title[i].Runs[j].URL = e.URL
			}
		}
		var cells [][]Line
		for _, f := range e.Fields {
			cells = append(cells, labelled(f.Name, markdownLines(f.Value)))
		}
		foot := apart(smallLast(plainLine(e.Footer.Text, Run{})), nil)
		p.Lines = append(title, apart(markdownLines(e.Description), apart(inRows(cells, 3), foot))...)
	}
	return p, nil
}

// apart puts space above lines, and further lines below them.
func apart(lines, below []Line) []Line {
	if len(lines) > 0 {
		lines[0].Apart = true
	}
	return append(lines, below...)
}

// picture implements previewer.
func (n *mattermostNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	var post mattermostPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	where := post.Channel
	if where == "" {
		where = "the webhook's channel"
	}
	p := &Picture{Channel: "Mattermost", Facts: []Fact{{"", where}}, Top: markdownLines(post.Text)}
	for _, a := range post.Attachments {
		var cells [][]Line
		for _, f := range a.Fields {
			cells = append(cells, labelled(f.Title, markdownLines(f.Value)))
		}
		foot := apart(smallLast(plainLine(a.Footer, Run{})), nil)
		p.Color, p.Lines = a.Color, append(markdownLines(a.Text), apart(inRows(cells, 2), foot)...)
	}
	return p, nil
}

// picture implements previewer.
func (n *telegramNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	var post telegramPost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	return &Picture{Channel: "Telegram", Facts: []Fact{{"", "chat " + post.ChatID}}, Lines: smallLast(htmlLines(post.Text))}, nil
}

// picture implements previewer.
func (n *googleNotifier) picture(_ *Message, sent []byte) (*Picture, error) {
	var post googlePost
	if err := json.Unmarshal(sent, &post); err != nil {
		return nil, err
	}
	p := &Picture{Channel: "Google Chat", Facts: []Fact{{"", "the webhook's space"}}, Top: markdownLines(post.Text)}
	for _, c := range post.Cards {
		for _, s := range c.Card.Sections {
			for _, w := range s.Widgets {
				p.googleWidget(w)
			}
		}
	}
	smallLast(p.Lines)
	if dot := regexp.MustCompile(`<font color=\\?"(#[0-9a-f]{6})`).FindSubmatch(sent); dot != nil {
		p.Color = string(dot[1])
	}
	return p, nil
}

func (p *Picture) googleWidget(w googleWidget) {
	if w.Paragraph != nil {
		lines := htmlLines(w.Paragraph.Text)
		if len(p.Lines) > 0 {
			lines = apart(lines, nil)
		}
		p.Lines = append(p.Lines, lines...)
	}
	if w.Labelled != nil {
		label := smallLast(plainLine(w.Labelled.Label, Run{}))
		p.Lines = append(p.Lines, Line{Cells: [][]Line{append(label, htmlLines(w.Labelled.Text)...)}})
	}
	if w.Columns != nil {
		row := Line{Apart: len(p.Lines) > 0 && len(p.Lines[len(p.Lines)-1].Cells) == 0}
		for _, column := range w.Columns.Items {
			inner := Picture{}
			for _, widget := range column.Widgets {
				inner.googleWidget(widget)
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
		p.Buttons = append(p.Buttons, Run{Text: b.Text, URL: b.OnClick.Link.URL})
	}
}
