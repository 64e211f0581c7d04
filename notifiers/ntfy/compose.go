package ntfy

import (
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// ntfy turns a message of more than 4096 bytes into an attachment (https://docs.ntfy.sh/publish/#limitations).
const (
	maxMessage = 4000
	maxTitle   = 250
	maxTags    = 10
	maxURL     = 1000
	shownTests = 5 // failing ones
)

// post is a message in JSON (https://docs.ntfy.sh/publish/#publish-as-json).
type post struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Actions  []action `json:"actions,omitempty"`
}

type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// compose lays out a message as plain text, since some of ntfy's apps do not show Markdown.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	p := post{Topic: notifiers.OneLine(o.Topic), Priority: priority(lowerLine(o.Priority), m.Level),
		Title: markup.Headline(m, maxTitle)}
	for _, tag := range o.Tags {
		if tag = notifiers.Cut(notifiers.OneLine(tag), 50); tag != "" && len(p.Tags) < maxTags {
			p.Tags = append(p.Tags, tag)
		}
	}
	if p.Click = markup.MessageURL(m, maxURL); p.Click != "" {
		p.Actions = []action{{"view", "Open in Qase", p.Click}}
	}
	if click, ok := markup.CleanURL(o.Click); ok && len(click) <= maxURL {
		p.Click = click
	}
	footer := markup.Footer(m)
	body := text(m, maxMessage-len("\n\n")-len(footer))
	if p.Message = footer; strings.TrimSpace(body) != "" {
		p.Message = strings.TrimSpace(body + "\n\n" + footer)
	}
	return p, func() *preview.Layout { return layout(p, footer != "") }, nil
}

// text returns the body, the names of some failing tests, and the fields, in at most limit bytes.
func text(m *notifiers.Message, limit int) string {
	w := markup.Plain(notifiers.CleanText)
	body, tests := markup.WithFields(m, shownTests, 2*limit)
	s, _, _ := markup.FitTests(body, tests, func(lines []markup.Line, rows []markup.TestRow) string {
		return w.Write(slices.Concat(lines, names(rows)))
	}, func(s string) bool { return len(s) <= limit })
	return s
}

// names returns rows with the names of tests alone, and without links.
func names(rows []markup.TestRow) []markup.Line {
	var lines []markup.Line
	for _, row := range rows {
		runs := row.Line.Runs
		switch row.Kind {
		case markup.ItemRow:
			runs = []markup.Run{{Text: "• " + row.Test.Name.Text}}
		case markup.RestRow:
			runs = []markup.Run{{Text: row.Line.Text()}}
		case markup.FactsRow:
			continue
		}
		lines = append(lines, markup.Line{Runs: runs, Apart: row.Line.Apart})
	}
	return lines
}

// layout makes the preview of p, the last line of which may be a footer.
func layout(p post, footer bool) *preview.Layout {
	l := &preview.Layout{
		Channel: "ntfy", Facts: []preview.Fact{{Text: p.Topic}, {Name: "Priority", Text: priorities()[p.Priority-1]}},
		Style: preview.Style{Framed: true},
	}
	if len(p.Tags) > 0 {
		l.Facts = append(l.Facts, preview.Fact{Name: "Tags", Text: strings.Join(p.Tags, ", ")})
	}
	l.Add(preview.Text(p.Title, markup.Run{Bold: true})...)
	l.Add(preview.Paragraphs(p.Message)...)
	l.Lines[len(l.Lines)-1].Small = footer
	for _, a := range p.Actions {
		l.Buttons = append(l.Buttons, markup.Run{Text: a.Label, URL: a.URL})
	}
	return l
}

func priorities() []string { return []string{"min", "low", "default", "high", "max"} }

// priority returns the number of a priority, or 0 if there is none of this name. An empty word means the priority of
// the level.
func priority(word, level string) int {
	switch i := slices.Index(priorities(), word); {
	case word == "urgent": // the other name that ntfy has for max
		return len(priorities())
	case i >= 0:
		return i + 1
	case len(word) == 1 && word[0] >= '1' && word[0] <= '5':
		return int(word[0] - '0')
	case word == "" && level == "error":
		return 4
	case word == "":
		return 3
	}
	return 0
}
