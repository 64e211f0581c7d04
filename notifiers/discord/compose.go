package discord

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Limits in characters (https://discord.com/developers/docs/resources/message#embed-object-embed-limits). All texts of
// an embed together may have 6000.
const (
	maxTitle    = 256
	maxBody     = 4000
	maxTexts    = 5900 // all texts of an embed, with some to spare
	maxFields   = 1500 // all fields
	maxValue    = 1024
	maxContent  = 2000
	maxURL      = 2000
	maxUsername = 80
	shownTests  = 10 // failing ones
)

// post is a message as a webhook takes it.
type post struct {
	Content         string   `json:"content,omitempty"`
	Username        string   `json:"username,omitempty"`
	Embeds          []embed  `json:"embeds"`
	AllowedMentions mentions `json:"allowed_mentions"`
	thread          string   // id of the thread to post in, or empty
}

type embed struct {
	Title       string     `json:"title"`
	URL         string     `json:"url,omitempty"`
	Description string     `json:"description,omitempty"`
	Color       int        `json:"color"`
	Fields      []field    `json:"fields,omitempty"`
	Footer      footer     `json:"footer"`
	Timestamp   *time.Time `json:"timestamp,omitempty"`
}

type field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

type footer struct {
	Text string `json:"text"`
}

// mentions limits the mentions that notify people, whatever the texts hold.
type mentions struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// compose lays out a message as an embed, with mentions above it.
func compose(m *notifiers.Message, o Options) (post, func() *preview.Layout, error) {
	p := post{thread: notifiers.OneLine(o.ThreadID)}
	if name := notifiers.OneLine(o.Username); isUsername(name) {
		p.Username = notifiers.Cut(name, maxUsername)
	}
	mentions := p.mention(o.Mention)
	e, body, fields := composeEmbed(m)
	p.Embeds = []embed{e}
	return p, func() *preview.Layout {
		l := layout(m, body, fields)
		l.Top = preview.Mentions(mentions)
		return l
	}, nil
}

// composeEmbed writes the embed of m. It also returns the body with the failing tests, and the fields, truncated to the
// limits.
func composeEmbed(m *notifiers.Message) (e embed, body []markup.Line, fields []markup.Field) {
	e = embed{
		Title: escape(fitTitle(m)), URL: markup.MessageURL(m, maxURL), Color: notifiers.ColorNumber(m.Level),
		Footer: footer{markup.Neutralize(markup.Footer(m), false)},
	}
	e.Fields, fields = fitFields(m)
	left := min(maxBody, maxTexts-notifiers.Units(e.Title)-notifiers.Units(e.Footer.Text)-units(e.Fields))
	var tests []markup.TestRow
	e.Description, body, tests = markup.FitTests(markup.Lines(markup.Shorten(m.Body, 4*maxBody)),
		markup.FailingTests(m, shownTests), func(lines []markup.Line, tests []markup.TestRow) string {
			return writer().Write(slices.Concat(lines, markup.TestLines(tests)))
		}, func(s string) bool { return notifiers.Units(s) <= left })
	body = slices.Concat(body, markup.TestLines(tests))
	if !m.CreatedAt.IsZero() {
		at := m.CreatedAt.UTC()
		e.Timestamp = &at
	}
	return e, body, fields
}

func fitTitle(m *notifiers.Message) string {
	return markup.FitText(markup.Headline(m, maxTitle), maxTitle, notifiers.Units, escape)
}

// layout makes the preview of an embed.
func layout(m *notifiers.Message, body []markup.Line, fields []markup.Field) *preview.Layout {
	l := &preview.Layout{
		Channel: "Discord", Facts: []preview.Fact{{Text: "the webhook's channel"}},
		Color: notifiers.LevelColor(m.Level), Style: preview.Style{Filled: true, Columns: 3},
	}
	heading := preview.Text(fitTitle(m), markup.Run{URL: markup.MessageURL(m, maxURL)})
	heading[0].Heading = true
	l.Add(heading...)
	l.Add(shown(body)...)
	var cells [][]markup.Line
	for _, f := range fields {
		cells = append(cells, preview.Labeled(f.Name, shown([]markup.Line{f.Value})...))
	}
	l.AddRows(cells, 3)
	l.Add(preview.Small(markup.Footer(m))...)
	return l
}

// fitFields lays out fields side by side. All of their texts have at most maxFields characters.
func fitFields(m *notifiers.Message) ([]field, []markup.Field) {
	return markup.FitFields(m, func(fields []markup.Field) (written []field) {
		for _, f := range fields {
			written = append(written, field{escape(f.Name), writer().Line(f.Value), true})
		}
		return written
	}, func(written []field) bool {
		tooLong := func(f field) bool { return notifiers.Units(f.Value) > maxValue }
		return units(written) <= maxFields && !slices.ContainsFunc(written, tooLong)
	})
}

func units(fields []field) (n int) {
	for _, f := range fields {
		n += notifiers.Units(f.Name) + notifiers.Units(f.Value)
	}
	return n
}

// mention writes mentions above the embed, since mentions within it do not notify. It returns them for the preview.
func (p *post) mention(all []string) (runs []markup.Run) {
	allowed := &p.AllowedMentions
	allowed.Parse = []string{}
	for _, who := range all {
		who = notifiers.OneLine(who)
		var s string
		run := markup.Run{Mention: true}
		switch id, isRole := strings.CutPrefix(who, "&"); {
		case who == "@here", who == "@everyone":
			s, run.Text = who, who
			allowed.Parse = []string{"everyone"}
		case isRole && isSnowflake(id):
			s, run.Text = "<@&"+id+">", "@"+id
			allowed.Roles = appendNew(allowed.Roles, id)
		case isSnowflake(who):
			s, run.Text = "<@"+who+">", "@"+who
			allowed.Users = appendNew(allowed.Users, who)
		case strings.Trim(who, "@") != "":
			run = markup.Run{Text: "@" + notifiers.Cut(strings.TrimLeft(who, "@"), 100)}
			s = escape(run.Text)
		}
		tooMany := len(allowed.Users) > 100 || len(allowed.Roles) > 100
		if tooMany || notifiers.Units(p.Content)+notifiers.Units(s) >= maxContent {
			return runs
		}
		if s != "" {
			p.Content = strings.TrimSpace(p.Content + " " + s)
			runs = append(runs, run)
		}
	}
	return runs
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// isSnowflake reports whether s has the form of Discord's ids.
func isSnowflake(s string) bool { return regexp.MustCompile(`^[0-9]{15,20}$`).MatchString(s) }

// writer writes Discord's Markdown (https://support.discord.com/hc/en-us/articles/210298617), which has no links to
// mailboxes.
func writer() markup.Writer {
	w := markup.Markdown(escape)
	w.Adapt = func(r markup.Run) markup.Run {
		if r.Code { // three marks around a span would make it a block
			r.Text = strings.ReplaceAll(r.Text, "``", "`ˋ")
		}
		return r
	}
	w.Pre = func(lines []string) string { // three marks end a block, however long its fence is
		code := strings.ReplaceAll(strings.Join(lines, "\n"), markup.Fence, "``ˋ")
		return markup.Fence + "\n" + code + "\n" + markup.Fence
	}
	style := w.Style
	w.Style = func(r markup.Run, s string) string {
		address, isMail := strings.CutPrefix(r.URL, "mailto:")
		if !isMail {
			return style(r, s)
		}
		r.URL = ""
		if address == r.Text {
			return style(r, s)
		}
		return style(r, s) + " (" + escape(address) + ")"
	}
	return w
}

// shown returns lines as Discord shows what writer makes of them.
func shown(lines []markup.Line) []markup.Line {
	lines = writer().Shown(lines)
	for i, l := range lines {
		lines[i].Runs = nil
		for _, r := range l.Runs {
			address, isMail := strings.CutPrefix(r.URL, "mailto:")
			if isMail {
				r.URL = ""
			}
			lines[i].Add(r)
			if isMail && address != r.Text {
				lines[i].Add(markup.Run{Text: " (" + address + ")"})
			}
		}
	}
	return lines
}

// escape escapes text so that Discord shows it as it is.
func escape(s string) string {
	return strings.NewReplacer("<", `\<`, ">", `\>`).Replace(markup.EscapeMarkdown(markup.Neutralize(s, false)))
}
