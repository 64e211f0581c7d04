package preview

import (
	"encoding/xml"
	"regexp"
	"strings"

	"qaserelay/notifiers/markup"
)

func SplitLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// MarkdownLines reads the Markdown of chats.
func MarkdownLines(text string) []Line {
	var lines []Line
	for _, line := range markup.Lines(text) {
		runs := line.Runs
		line.Runs = nil
		for _, run := range runs {
			if line.Pre || run.Code {
				run.Text = markup.Visible(run.Text)
				line.Runs = append(line.Runs, run)
				continue
			}
			line.Runs = append(line.Runs, withMentions(run)...)
		}
		lines = append(lines, line)
	}
	return lines
}

// withMentions splits a run at the mentions of Discord, Google Chat and Mattermost. What only looks like one is kept from that by a
// joiner behind its @.
func withMentions(r Run) []Run {
	var runs []Run
	add := func(text string, mention bool) {
		if text != "" {
			one := r
			one.Text, one.Mention = markup.Visible(text), mention
			runs = append(runs, one)
		}
	}
	rest := r.Text
	for _, call := range regexp.MustCompile(`<@&?[0-9]+>|<users/[0-9a-z]+>|@[a-z0-9][a-z0-9._-]*`).FindAllString(r.Text, -1) {
		before, after, _ := strings.Cut(rest, call)
		add(before, false)
		add("@"+strings.Trim(strings.TrimPrefix(call, "<users/"), "<@&>"), true)
		rest = after
	}
	add(rest, false)
	return runs
}

// HTMLLines reads the few tags that chats know. What is not well-formed is shown as it is.
func HTMLLines(text string) []Line {
	w := &htmlReader{}
	d := xml.NewDecoder(strings.NewReader("<all>" + text + "</all>"))
	d.Strict, d.Entity = false, xml.HTMLEntity
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case xml.StartElement:
			w.tag(t, true)
		case xml.EndElement:
			w.tag(xml.StartElement{Name: t.Name}, false)
		case xml.CharData:
			w.text(string(t))
		}
		if err != nil {
			break
		}
	}
	if len(w.lines) == 0 {
		return PlainLines(text)
	}
	return w.lines
}

// htmlReader gathers lines.
type htmlReader struct {
	lines []Line
	style Run
	line  Line // its flags are those of the lines to come
	open  bool // the last line goes on
	gap   bool // an empty line came
}

func (r *htmlReader) tag(t xml.StartElement, begins bool) {
	switch t.Name.Local {
	case "b":
		r.style.Bold = begins
	case "i":
		r.style.Italic = begins
	case "s":
		r.style.Strike = begins
	case "code":
		r.style.Code = begins
	case "pre":
		r.line.Pre = begins
	case "blockquote":
		r.line.Quote = begins
	case "a":
		r.style.URL = ""
		for _, a := range t.Attr {
			if clean, ok := markup.CleanURL(a.Value); ok && a.Name.Local == "href" {
				r.style.URL = clean
			}
		}
	}
}

func (r *htmlReader) text(s string) {
	for i, part := range strings.Split(markup.Visible(s), "\n") {
		if i > 0 {
			r.gap = !r.open && len(r.lines) > 0
			r.open = false
		}
		if part == "" {
			continue
		}
		if !r.open {
			line := r.line
			line.Apart = r.gap
			r.lines, r.open, r.gap = append(r.lines, line), true, false
		}
		run := r.style
		run.Text = part
		last := &r.lines[len(r.lines)-1]
		last.Runs = append(last.Runs, run)
	}
}

// SmallLast makes the line at the end, where a message says where it comes from, a small one.
func SmallLast(lines []Line) []Line {
	if n := len(lines); n > 0 {
		lines[n-1].Small = true
	}
	return lines
}

// Apart puts space above lines, and further lines below them.
func Apart(lines, below []Line) []Line {
	if len(lines) > 0 {
		lines[0].Apart = true
	}
	return append(lines, below...)
}
