package teams

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
	"qaserelay/notifiers/service"
)

// Teams takes messages of up to 28,672 bytes. It counts the card as a text within other JSON, so each quote is two
// bytes (MicrosoftDocs/msteams-docs#11274: 24,453 bytes were counted as 28,897). The workflow adds a little.
const (
	maxBytes    = 27_000
	maxTitle    = 500
	maxURL      = 1000
	maxMentions = 20
	shownTests  = 10 // failing ones
)

// The card consists of rich text blocks, which hold text and styles as data: unlike in text blocks, nothing in them is
// markup (https://adaptivecards.io/explorer/RichTextBlock.html). Only mentions need a text block.
type (
	post struct {
		Type        string       `json:"type"`
		Attachments []attachment `json:"attachments"`
	}
	attachment struct {
		ContentType string `json:"contentType"`
		Content     card   `json:"content"`
	}
	card struct {
		Schema  string    `json:"$schema"`
		Type    string    `json:"type"`
		Version string    `json:"version"`
		Body    []element `json:"body"`
		Actions []action  `json:"actions,omitempty"`
		Teams   settings  `json:"msteams"`
	}
	settings struct {
		Width    string    `json:"width"`
		Entities []mention `json:"entities,omitempty"`
	}
	mention struct {
		Type      string    `json:"type"`
		Text      string    `json:"text"`
		Mentioned mentioned `json:"mentioned"`
	}
	mentioned struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	element struct {
		Type    string    `json:"type"`
		Style   string    `json:"style,omitempty"`
		Bleed   bool      `json:"bleed,omitempty"`
		Spacing string    `json:"spacing,omitempty"`
		Text    string    `json:"text,omitempty"`
		Wrap    bool      `json:"wrap,omitempty"`
		Inlines []textRun `json:"inlines,omitempty"`
		Items   []element `json:"items,omitempty"`
		Columns []element `json:"columns,omitempty"`
		Width   string    `json:"width,omitempty"`
	}
	textRun struct {
		Type     string  `json:"type"`
		Text     string  `json:"text"`
		Size     string  `json:"size,omitempty"`
		Weight   string  `json:"weight,omitempty"`
		Font     string  `json:"fontType,omitempty"`
		Italic   bool    `json:"italic,omitempty"`
		Strike   bool    `json:"strikethrough,omitempty"`
		IsSubtle bool    `json:"isSubtle,omitempty"`
		Select   *action `json:"selectAction,omitempty"`
	}
	action struct {
		Type  string `json:"type"`
		Title string `json:"title,omitempty"`
		URL   string `json:"url"`
	}
)

// compose lays out a message: the label and the linked title on the level's color, mentions, the body, fields, the
// context and a button.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	link := markup.MessageURL(m, maxURL)
	title := markup.Line{Runs: []markup.Run{{Text: markup.Headline(m, maxTitle), Bold: true, URL: link}}, Heading: true}
	label := markup.Line{Runs: []markup.Run{{Text: markup.Label(m), Bold: true}}, Small: true}
	context := markup.Line{Small: true, Apart: true}
	context.Add(markup.Run{Text: markup.Context(m)})
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Teams: settings{Width: "Full"},
	}
	head := []element{{Type: "Container", Style: levelStyle(m.Level), Bleed: true, Items: composeLines([]markup.Line{label, title})}}
	calls, entities := composeMentions(o.Mention)
	if c.Teams.Entities = entities; len(entities) > 0 {
		head = append(head, element{Type: "TextBlock", Text: calls, Wrap: true})
	}
	if link != "" {
		c.Actions = []action{{Type: "Action.OpenUrl", Title: "Open in Qase", URL: link}}
	}
	rows, fields := markup.FitFields(m, composeFields, func(rows []element) bool {
		return service.EmbeddedBytes(rows) <= maxBytes/2
	})
	p, body, tests := markup.FitTests(markup.Lines(markup.Shorten(m.Body, 2*maxBytes)),
		markup.FailingTests(m, shownTests), func(lines []markup.Line, tests []markup.TestRow) post {
			whole := c
			whole.Body = slices.Concat(head, composeLines(lines), composeTests(tests), rows,
				composeLines([]markup.Line{context}))
			return post{"message", []attachment{{"application/vnd.microsoft.card.adaptive", whole}}}
		}, func(p post) bool { return service.EmbeddedBytes(p) <= maxBytes })
	return p, func() *preview.Layout {
		l := layout(m.Level, entities, slices.Concat(body, markup.TestLines(tests)), fields)
		l.Top = append(shown(label), shown(title)...)
		if len(context.Runs) > 0 {
			l.Add(shown(context)...)
		}
		for _, a := range c.Actions {
			l.Buttons = append(l.Buttons, markup.Run{Text: a.Title, URL: a.URL})
		}
		return l
	}, nil
}

// layout is the preview of the parts that vary in length.
func layout(level string, mentions []mention, body []markup.Line, fields []markup.Field) *preview.Layout {
	l := &preview.Layout{
		Channel: "Teams", Facts: []preview.Fact{{Text: "the workflow's channel or chat"}},
		Color: notifiers.LevelColor(level), Style: preview.Style{Framed: true, Banner: true},
	}
	if len(mentions) > 0 {
		var line markup.Line
		for _, one := range mentions {
			name := markup.Run{Text: "@" + one.Mentioned.Name, Mention: true}
			line.Runs = append(line.Runs, name, markup.Run{Text: " "})
		}
		l.Add(line)
	}
	for i, line := range body {
		if len(line.Runs) > 0 {
			line.Apart = len(l.Lines) > 0 && (line.Apart || i == 0)
			l.Lines = append(l.Lines, shown(line)...)
		}
	}
	for i, f := range fields {
		name := markup.Line{Runs: []markup.Run{{Text: f.Name}}}
		l.Lines = append(l.Lines,
			markup.Line{Cells: [][]markup.Line{shown(name), shown(f.Value)}, Named: true, Apart: i == 0})
	}
	return l
}

// shown returns a line as Teams shows it.
func shown(l markup.Line) []markup.Line {
	runs := l.Runs
	l.Runs = nil
	for i, r := range runs {
		r = adapt(l, i, r)
		r.Text = markup.Visible(r.Text)
		l.Runs = append(l.Runs, r)
	}
	return []markup.Line{l}
}

// adapt returns run i of a line in the styles that cards have.
func adapt(l markup.Line, i int, r markup.Run) markup.Run {
	if i == 0 {
		r.Text = markup.KeepSpaces(r.Text, false)
	}
	r.Code = r.Code || l.Pre
	if r.Code {
		r.Text = markup.KeepSpaces(r.Text, true)
	}
	if len(r.URL) > maxURL {
		r.URL = ""
	}
	return r
}

// composeFields lays out fields in rows of a narrow and a wide column. A set of facts would read its texts as Markdown.
func composeFields(fields []markup.Field) []element {
	var rows []element
	for i, f := range fields {
		name := textBlock(markup.Line{Runs: []markup.Run{{Text: f.Name}}})
		name.Inlines[0].IsSubtle = true
		row := element{Type: "ColumnSet", Spacing: "Small", Columns: []element{
			{Type: "Column", Width: "100px", Items: []element{name}},
			{Type: "Column", Width: "stretch", Items: []element{textBlock(f.Value)}},
		}}
		if i == 0 {
			row.Spacing = "Medium"
		}
		rows = append(rows, row)
	}
	return rows
}

// levelStyle is the style of a container in the color of a level.
func levelStyle(level string) string {
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

func composeLines(lines []markup.Line) []element {
	var elements []element
	for i, line := range lines {
		if line.Pre && len(line.Runs) == 0 {
			line.Runs = []markup.Run{{Text: "\u00A0"}} // Teams shows no empty line
		}
		e := textBlock(line)
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

// composeTests puts failing tests into a container, one in a line: phones have no room for columns.
func composeTests(rows []markup.TestRow) []element {
	items := composeLines(markup.TestLines(rows))
	if len(items) == 0 {
		return nil
	}
	return []element{{Type: "Container", Spacing: "Medium", Items: items}}
}

// textBlock writes one line. Apps differ in showing a line end within a run.
func textBlock(line markup.Line) element {
	e := element{Type: "RichTextBlock"}
	if line.Quote && len(line.Runs) > 0 {
		e.Inlines = append(e.Inlines, textRun{Type: "TextRun", Text: "│ ", IsSubtle: true})
	}
	for i, r := range line.Runs {
		r = adapt(line, i, r)
		run := textRun{Type: "TextRun", Text: escape(r), Italic: r.Italic, Strike: r.Strike}
		run.IsSubtle = line.Quote || line.Small
		switch {
		case line.Heading:
			run.Size = "Medium"
		case line.Small:
			run.Size, e.Spacing = "Small", "Medium"
		}
		if r.Bold {
			run.Weight = "Bolder"
		}
		if r.Code {
			run.Font = "Monospace"
		}
		if r.URL != "" {
			run.Select = &action{Type: "Action.OpenUrl", URL: r.URL}
		}
		e.Inlines = append(e.Inlines, run)
	}
	return e
}

// functions matches what cards read even in runs: {{DATE(…)}} is a function of cards, and <at> a mention.
var functions = regexp.MustCompile(`(?i)\{\{|<(?:/?at\b)`)

// escape escapes text so that Teams shows it as it is.
func escape(r markup.Run) string {
	if !r.Code {
		r.Text = markup.Neutralize(r.Text, false)
	}
	return functions.ReplaceAllStringFunc(r.Text, func(found string) string {
		return found[:1] + markup.Joiner + found[1:]
	})
}

// composeMentions writes mentions, and the entities by which Teams knows them.
func composeMentions(all []string) (text string, entities []mention) {
	id := regexp.MustCompile(`^[^\s<>@]+@[^\s<>@]+$|^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	var calls []string
	for _, who := range all {
		who = notifiers.OneLine(who)
		at := "<at>" + who + "</at>"
		if id.MatchString(who) && len(who) <= 200 && len(entities) < maxMentions {
			calls = append(calls, at)
			entities = append(entities, mention{"mention", at, mentioned{who, who}})
		}
	}
	return strings.Join(calls, " "), entities
}
