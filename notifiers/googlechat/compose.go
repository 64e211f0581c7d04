package googlechat

import (
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
	"qaserelay/notifiers/service"
)

// Google Chat takes messages of up to 32,000 bytes (https://developers.google.com/workspace/chat/create-messages).
const (
	maxBytes    = 28_000
	maxTitle    = 500
	maxURL      = 1000
	maxThread   = 1000
	maxMentions = 2000
	shownTests  = 10 // failing ones
)

// buttonLabel is the label of the button that leads to the message's URL.
const buttonLabel = "Open in Qase"

// These types are a message as the API takes it. A widget has one of its fields.
type (
	post struct {
		Text         string  `json:"text,omitempty"`
		FallbackText string  `json:"fallbackText"`
		Cards        []card  `json:"cardsV2"`
		Thread       *thread `json:"thread,omitempty"`
	}
	thread struct {
		Key string `json:"threadKey"`
	}
	card struct {
		ID   string `json:"cardId"`
		Card struct {
			Sections []section `json:"sections"`
		} `json:"card"`
	}
	section struct {
		Widgets []widget `json:"widgets"`
	}
	widget struct {
		Paragraph *paragraph `json:"textParagraph,omitempty"`
		Labeled   *labeled   `json:"decoratedText,omitempty"`
		Columns   *columns   `json:"columns,omitempty"`
		Buttons   *buttons   `json:"buttonList,omitempty"`
	}
	paragraph struct {
		Text string `json:"text"`
	}
	labeled struct {
		Label string `json:"topLabel,omitempty"`
		Text  string `json:"text"`
		Wrap  bool   `json:"wrapText"`
	}
	columns struct {
		Items []section `json:"columnItems"`
	}
	buttons struct {
		Buttons []button `json:"buttons"`
	}
	button struct {
		Text    string `json:"text"`
		OnClick struct {
			Link struct {
				URL string `json:"url"`
			} `json:"openLink"`
		} `json:"onClick"`
	}
)

// compose lays out a message as a card: the label in the level's color, the linked title, the body, fields, the context
// and a button. Mentions stand above the card, since cards have none.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	calls, runs := composeMentions(o.Mention)
	title := markup.Neutralize(markup.Headline(m, maxTitle), true)
	p := post{Text: calls, FallbackText: title, Cards: []card{{ID: "qase"}}}
	if key := notifiers.Cut(o.Thread.Of(m), maxThread); key != "" {
		p.Thread = &thread{key}
	}
	p, shown := composeCard(m, p)
	return p, func() *preview.Layout {
		l := layout(m, shown)
		l.Top = preview.Mentions(runs)
		return l
	}, nil
}

// content is what a card holds of a message.
type content struct {
	body   []markup.Line
	tests  []markup.TestRow
	fields []markup.Field
}

// composeCard adds the section of the card to p. It also returns what is in it, truncated to the limits.
func composeCard(m *notifiers.Message, p post) (post, content) {
	title, link := markup.Title(m, maxTitle), markup.MessageURL(m, maxURL)
	label := escape(title)
	if link != "" {
		label = markup.HTMLLink(link, label)
	}
	above := `<font color="` + notifiers.LevelColor(m.Level) + `"><b>` + escape(markup.Label(m)) + "</b></font>"
	head := text(above + "\n" + markup.Sign(m) + "<b>" + label + "</b>")
	var foot []widget
	if context := markup.Context(m); context != "" {
		foot = append(foot, text(`<font color="#64748b">`+escape(context)+"</font>"))
	}
	if link != "" {
		b := button{Text: buttonLabel}
		b.OnClick.Link.URL = link
		foot = append(foot, widget{Buttons: &buttons{[]button{b}}})
	}
	written, fields := markup.FitFields(m, composeFields,
		func(w []widget) bool { return service.JSONBytes(w) <= maxBytes/2 })
	p, body, tests := markup.FitTests(markup.Lines(markup.Shorten(m.Body, maxBytes)),
		markup.FailingTests(m, shownTests), func(lines []markup.Line, tests []markup.TestRow) post {
			widgets := []widget{head}
			if body := writer().Write(lines); strings.TrimSpace(body) != "" {
				widgets = append(widgets, text(body))
			}
			whole := p
			whole.Cards = []card{p.Cards[0]}
			whole.Cards[0].Card.Sections = []section{{slices.Concat(widgets, composeTests(tests), written, foot)}}
			return whole
		}, func(p post) bool { return service.JSONBytes(p) <= maxBytes })
	return p, content{body, tests, fields}
}

// composeTests shows each failing test with its suite above its name.
func composeTests(rows []markup.TestRow) []widget {
	var widgets []widget
	for _, row := range rows {
		if row.Test == nil {
			widgets = append(widgets, text(writer().Line(row.Line)))
			continue
		}
		lines := testLines(row.Test)
		suite := strings.NewReplacer("<", "‹", ">", "›").Replace(row.Test.Suite) // apps differ in reading HTML there
		widgets = append(widgets, widget{Labeled: &labeled{Label: markup.Neutralize(suite, true),
			Text: writer().Write(lines), Wrap: true}})
	}
	return widgets
}

// testLines are the name of a test and, below it, what else is known, but for its suite.
func testLines(t *markup.Test) []markup.Line {
	rest := *t
	rest.Suite = ""
	lines := []markup.Line{{Runs: []markup.Run{t.Name}}}
	if details := rest.Details(); len(details) > 0 {
		lines = append(lines, markup.Line{Runs: details})
	}
	return lines
}

// layout makes the preview of a card.
func layout(m *notifiers.Message, c content) *preview.Layout {
	l := &preview.Layout{
		Channel: "Google Chat", Facts: []preview.Fact{{Text: "the webhook's space"}},
		Color: notifiers.LevelColor(m.Level), Style: preview.Style{Framed: true},
	}
	title, link := markup.Title(m, maxTitle), markup.MessageURL(m, maxURL)
	l.Add(preview.Text(markup.Label(m), markup.Run{Bold: true})...)
	heading := []markup.Run{{Text: markup.Visible(title), URL: link, Bold: true}}
	l.Lines = append(l.Lines, markup.Line{Runs: append(preview.Sign(m), heading...)})
	l.Add(preview.Compact(shown(c.body))...)
	l.Add(testRows(c.tests)...)
	l.Lines = append(l.Lines, fieldRows(c.fields)...)
	l.Add(preview.Small(markup.Context(m))...)
	if link != "" {
		l.Buttons = []markup.Run{{Text: buttonLabel, URL: link}}
	}
	return l
}

func text(s string) widget { return widget{Paragraph: &paragraph{s}} }

// composeFields lays out fields two in a row, each a small name with its value below.
func composeFields(fields []markup.Field) []widget {
	var widgets []widget
	for pair := range slices.Chunk(fields, 2) {
		var row []section
		for _, f := range pair {
			w := labeled{Label: markup.Neutralize(f.Name, true), Text: writer().Line(f.Value), Wrap: true}
			row = append(row, section{[]widget{{Labeled: &w}}})
		}
		if len(row) == 1 {
			widgets = append(widgets, row[0].Widgets...)
			continue
		}
		widgets = append(widgets, widget{Columns: &columns{row}})
	}
	return widgets
}

// testRows are the failing tests in the preview.
func testRows(rows []markup.TestRow) []markup.Line {
	var lines []markup.Line
	for _, row := range rows {
		if row.Test == nil {
			lines = append(lines, shown([]markup.Line{row.Line})...)
			continue
		}
		item := slices.Concat(preview.Small(row.Test.Suite), shown(testLines(row.Test)))
		item[0].Apart = true
		lines = append(lines, item...)
	}
	return lines
}

// fieldRows are the rows of fields in the preview.
func fieldRows(fields []markup.Field) []markup.Line {
	var cells [][]markup.Line
	for _, f := range fields {
		cells = append(cells, append(preview.Small(f.Name), shown([]markup.Line{f.Value})...))
	}
	rows := preview.Rows(cells, 2)
	if len(rows) > 0 {
		rows[0].Apart = len(cells) > 1
	}
	return rows
}

// called are the texts that notify people.
var called = service.Mentions{Service: "Google Chat", Notify: func(s string) bool { return s == "@all" || isUserID(s) },
	Write: "a user ID (digits), or @all"}

func isUserID(s string) bool { return s != "" && len(s) <= 40 && strings.Trim(s, "0123456789") == "" }

// composeMentions writes mentions into the text above the card. A name that is not a mention loses its <, which alone
// makes mentions and links there. It returns the same for the preview.
func composeMentions(all []string) (calls string, runs []markup.Run) {
	for _, who := range all {
		who = notifiers.OneLine(who)
		var s string
		run := markup.Run{Mention: true}
		switch {
		case who == "@all":
			s, run.Text = "<users/all>", "@all"
		case isUserID(who):
			s, run.Text = "<users/"+who+">", "@"+who
		case strings.Trim(who, "@") != "":
			name := strings.NewReplacer("<", "‹", ">", "›").Replace(notifiers.Cut(strings.TrimLeft(who, "@"), 100))
			run = markup.Run{Text: "@" + name}
			s = markup.NeutralizeMarks(markup.Neutralize(run.Text, true))
		}
		if notifiers.Units(calls)+notifiers.Units(s) >= maxMentions {
			break
		}
		if s != "" {
			calls = strings.TrimSpace(calls + " " + s)
			runs = append(runs, run)
		}
	}
	return calls, runs
}

// writer writes the HTML of cards, which has no code and no quotes
// (https://developers.google.com/workspace/chat/format-messages#card-formatting).
func writer() markup.Writer {
	w := markup.HTML(escape)
	style := w.Style
	w.Adapt = nil
	w.Style = func(r markup.Run, s string) string {
		if r.Code {
			r.Code, s = false, "`"+escapeCode(r.Text)+"`"
		}
		return style(r, s)
	}
	w.Pre = func(lines []string) string { return escapeCode(markup.KeepSpaces(strings.Join(lines, "\n"), true)) }
	w.Quote = markup.Prefixed(bar)
	return w
}

// bar stands before each line of a quote.
const bar = "│ "

// shown returns lines as a card shows what writer makes of them.
func shown(lines []markup.Line) []markup.Line {
	lines = writer().Shown(lines)
	for i, l := range lines {
		plain := markup.Line{Apart: l.Apart}
		if l.Quote {
			plain.Add(markup.Run{Text: bar})
		}
		for _, r := range l.Runs {
			switch {
			case l.Pre:
				r.Text = markup.KeepSpaces(r.Text, true)
			case r.Code:
				r.Code, r.Text = false, "`"+r.Text+"`"
			}
			plain.Add(r)
		}
		lines[i] = plain
	}
	return lines
}

// escapeCode escapes code, of which only URLs are changed: cards have no markup for code.
func escapeCode(s string) string {
	return markup.EscapeHTML(strings.ReplaceAll(s, "://", ":"+markup.Joiner+"//"))
}

// escape escapes text so that a card shows it as it is.
func escape(s string) string { return markup.EscapeHTML(markup.Neutralize(s, true)) }
