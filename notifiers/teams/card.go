package teams

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/markup"
)

// The card is made of rich text blocks, since these hold text and styles as data: unlike in text blocks, nothing in them is markup
// (https://adaptivecards.io/explorer/RichTextBlock.html). Only mentions need a text block.
type (
	teamsPost struct {
		Type        string            `json:"type"`
		Attachments []teamsAttachment `json:"attachments"`
	}
	teamsAttachment struct {
		ContentType string    `json:"contentType"`
		Content     teamsCard `json:"content"`
	}
	teamsCard struct {
		Schema  string         `json:"$schema"`
		Type    string         `json:"type"`
		Version string         `json:"version"`
		Body    []teamsElement `json:"body"`
		Actions []teamsAction  `json:"actions,omitempty"`
		Teams   teamsLayout    `json:"msteams"`
	}
	teamsLayout struct {
		Width    string         `json:"width"`
		Entities []teamsMention `json:"entities,omitempty"`
	}
	teamsMention struct {
		Type      string         `json:"type"`
		Text      string         `json:"text"`
		Mentioned teamsMentioned `json:"mentioned"`
	}
	teamsMentioned struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	teamsElement struct {
		Type    string         `json:"type"`
		Style   string         `json:"style,omitempty"`
		Bleed   bool           `json:"bleed,omitempty"`
		Spacing string         `json:"spacing,omitempty"`
		Text    string         `json:"text,omitempty"`
		Wrap    bool           `json:"wrap,omitempty"`
		Inlines []teamsRun     `json:"inlines,omitempty"`
		Items   []teamsElement `json:"items,omitempty"`
		Columns []teamsElement `json:"columns,omitempty"`
		Width   string         `json:"width,omitempty"`
	}
	teamsRun struct {
		Type     string       `json:"type"`
		Text     string       `json:"text"`
		Size     string       `json:"size,omitempty"`
		Weight   string       `json:"weight,omitempty"`
		Font     string       `json:"fontType,omitempty"`
		Italic   bool         `json:"italic,omitempty"`
		Strike   bool         `json:"strikethrough,omitempty"`
		IsSubtle bool         `json:"isSubtle,omitempty"`
		Select   *teamsAction `json:"selectAction,omitempty"`
	}
	teamsAction struct {
		Type  string `json:"type"`
		Title string `json:"title,omitempty"`
		URL   string `json:"url"`
	}
)

// teamsMessage lays a message out: the linked title on the level's colour, mentions, the body, fields, where it comes from, and a button.
func teamsMessage(m *notifiers.Message, o Options) teamsPost {
	link := markup.MessageURL(m, teamsURL)
	title := markup.Run{Text: markup.Title(m, teamsTitle), Bold: true, URL: link}
	head := teamsLine(markup.Line{Runs: []markup.Run{title}})
	head.Inlines[0].Size = "Medium"
	foot := teamsLine(markup.Line{Runs: []markup.Run{{Text: markup.Origin(m)}}})
	foot.Inlines[0].Size, foot.Inlines[0].IsSubtle, foot.Spacing = "Small", true, "Medium"
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Teams: teamsLayout{Width: "Full"},
	}
	top := []teamsElement{{Type: "Container", Style: teamsStyle(m.Level), Bleed: true, Items: []teamsElement{head}}}
	if calls, entities := teamsMentionsOf(o.Mention); len(entities) > 0 {
		top = append(top, teamsElement{Type: "TextBlock", Text: calls, Wrap: true})
		card.Teams.Entities = entities
	}
	if link != "" {
		card.Actions = []teamsAction{{Type: "Action.OpenUrl", Title: "Open in Qase", URL: link}}
	}
	fields := markup.FitFields(m, teamsFields, func(rows []teamsElement) bool { return httpclient.JSONBytes(rows) <= teamsBytes/2 })
	return markup.FitLines(markup.Lines(notifiers.Cut(m.Body, 2*teamsBytes)), func(lines []markup.Line) teamsPost {
		whole := card
		whole.Body = slices.Concat(top, teamsLines(lines), fields, []teamsElement{foot})
		return teamsPost{"message", []teamsAttachment{{"application/vnd.microsoft.card.adaptive", whole}}}
	}, func(p teamsPost) bool { return httpclient.JSONBytes(p) <= teamsBytes })
}

// teamsFields lays fields out in rows of a narrow and a wide column: a set of facts would read its texts as Markdown.
func teamsFields(fields []markup.Field) []teamsElement {
	var rows []teamsElement
	for i, f := range fields {
		name := teamsLine(markup.Line{Runs: []markup.Run{{Text: f.Name}}})
		name.Inlines[0].IsSubtle = true
		row := teamsElement{Type: "ColumnSet", Spacing: "Small", Columns: []teamsElement{
			{Type: "Column", Width: "100px", Items: []teamsElement{name}},
			{Type: "Column", Width: "stretch", Items: []teamsElement{teamsLine(f.Value)}},
		}}
		if i == 0 {
			row.Spacing = "Medium"
		}
		rows = append(rows, row)
	}
	return rows
}

// teamsStyle is the colour of the container that stands for a level.
func teamsStyle(level string) string {
	switch level {
	case "success":
		return "good"
	case "warning":
		return "warning"
	case "error":
		return "attention"
	}
	return "accent"
}

func teamsLines(lines []markup.Line) []teamsElement {
	var elements []teamsElement
	for i, line := range lines {
		e := teamsLine(line)
		if len(e.Inlines) == 0 {
			continue
		}
		if i > 0 && !line.Apart {
			e.Spacing = "None"
		}
		elements = append(elements, e)
	}
	return elements
}

// teamsLine writes one line: how a line end within a run shows differs from app to app.
func teamsLine(line markup.Line) teamsElement {
	e := teamsElement{Type: "RichTextBlock"}
	if line.Quote && len(line.Runs) > 0 {
		e.Inlines = append(e.Inlines, teamsRun{Type: "TextRun", Text: "│ ", IsSubtle: true})
	}
	for i, r := range line.Runs {
		run := teamsRun{Type: "TextRun", Text: teamsText(r.Text), Italic: r.Italic, Strike: r.Strike, IsSubtle: line.Quote}
		if line.Pre || i == 0 {
			run.Text = markup.KeepSpaces(run.Text, line.Pre)
		}
		if r.Bold {
			run.Weight = "Bolder"
		}
		if r.Code || line.Pre {
			run.Font = "Monospace"
		}
		if r.URL != "" && len(r.URL) <= teamsURL {
			run.Select = &teamsAction{Type: "Action.OpenUrl", URL: r.URL}
		}
		e.Inlines = append(e.Inlines, run)
	}
	return e
}

// teamsText is text without any meaning to Teams: {{DATE(…)}} is a function of cards even in runs, and <at> is a mention.
func teamsText(s string) string {
	return strings.NewReplacer("{{", "{"+markup.Joiner+"{", "<", "<"+markup.Joiner).Replace(markup.Neutralize(s, false))
}

// teamsMentionsOf writes who is mentioned, and the entities by which Teams knows them.
func teamsMentionsOf(all []string) (text string, entities []teamsMention) {
	id := regexp.MustCompile(`^[^\s<>@]+@[^\s<>@]+$|^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	var calls []string
	for _, who := range all {
		who = notifiers.OneLine(who)
		at := "<at>" + who + "</at>"
		if id.MatchString(who) && len(who) <= 200 && len(entities) < teamsMentions {
			calls = append(calls, at)
			entities = append(entities, teamsMention{"mention", at, teamsMentioned{who, who}})
		}
	}
	return strings.Join(calls, " "), entities
}
