package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Marks around what is bold, until it is painted. Text from outside cannot hold them: printable replaces them.
const boldOn, boldOff = "\x0e", "\x0f"

// printArrival shows a message as its receiver sees it, beside a bar in the colour of its level.
func (s *screen) printArrival(level string, a arrival) {
	wide := min(s.columns, 110) - 5
	lines := []string{a.channel + "  " + printable(a.to) + "  " + a.via}
	for _, fact := range a.facts {
		lines = append(lines, clip(printable(fact), wide))
	}
	heading := len(lines)
	for _, line := range a.lines(wide) {
		lines = append(lines, s.embolden(line))
	}
	s.Printf("\n")
	for i, line := range lines {
		switch {
		case i == 0:
			line = s.level(level, line)
		case i < heading:
			line = s.dim(line)
		}
		s.Printf("   %s %s\n", s.level(level, "┃"), line)
	}
}

// lines returns the message, made readable and wrapped.
func (a arrival) lines(wide int) []string {
	text := printable(a.body)
	switch a.channel {
	case "HTTP":
		return jsonLines(text, wide)
	case "Slack":
		text = readableMrkdwn(text)
	case "Mail":
		text = boldOn + "Subject: " + printable(a.title) + boldOff + "\n" + text
	}
	return wrap(strings.Trim(text, "\n"), wide)
}

// embolden paints the parts between the marks. One that reaches over the end of its line ends there.
func (s *screen) embolden(line string) string {
	if !s.colour {
		return strings.NewReplacer(boldOn, "", boldOff, "").Replace(line)
	}
	return strings.NewReplacer(boldOn, "\x1b[1m", boldOff, "\x1b[0m").Replace(line) + "\x1b[0m"
}

// jsonLines shows an object with a line for each key, in the order of the text.
func jsonLines(body string, wide int) []string {
	dec := json.NewDecoder(strings.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return wrap(body, wide)
	}
	var lines []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			break
		}
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil {
			lines = append(lines, cutLine(fmt.Sprintf("%-12v%s", key, compact.String()), wide))
		}
	}
	return lines
}

// readableMrkdwn shows what Slack would: names instead of ids, links by their text, and bold without asterisks, but for those
// between word joiners, which are text. The address of a link stands only where it comes up last.
func readableMrkdwn(text string) string {
	text = regexp.MustCompile(`(^|[\s(])\*([^*\s\x{2060}](?:[^*\n\x{2060}]|\x{2060}\*?\x{2060}?)*)\*`).ReplaceAllString(text, "$1"+boldOn+"$2"+boldOff)
	angle := regexp.MustCompile(`<([^<>]+)>`)
	last := map[string]int{}
	for _, at := range angle.FindAllStringSubmatchIndex(text, -1) {
		target, _, _ := strings.Cut(text[at[2]:at[3]], "|")
		last[target] = at[0]
	}
	var b strings.Builder
	end := 0
	for _, at := range angle.FindAllStringSubmatchIndex(text, -1) {
		target, label, _ := strings.Cut(text[at[2]:at[3]], "|")
		b.WriteString(text[end:at[0]] + slackLink(target, label, last[target] == at[0]))
		end = at[1]
	}
	b.WriteString(text[end:])
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "\u2060", "", "\u200b", "").Replace(b.String())
}

// slackLink shows what stands between < and > in Slack's markup.
func slackLink(target, label string, withAddress bool) string {
	switch {
	case strings.HasPrefix(target, "@"):
		return boldOn + "@" + slackMember(target[1:]) + boldOff
	case strings.HasPrefix(target, "!"):
		return boldOn + "@" + strings.TrimPrefix(target[1:], "subteam^") + boldOff
	case label == "" || label == target:
		return target
	case !withAddress:
		return label
	}
	return label + " " + target
}

// slackMember is what the stand-in's workspace knows of its members.
func slackMember(id string) string {
	if name := map[string]string{"U024BE7LA": "Ana López", "U024BE7LH": "Bob Bar"}[id]; name != "" {
		return name
	}
	return id
}

// clip makes one line of text, and cuts it to the given width.
func clip(text string, wide int) string {
	return cutLine(strings.Join(strings.Fields(text), " "), wide)
}

func cutLine(line string, wide int) string {
	if columns(line) <= wide {
		return line
	}
	return line[:cutAt(line, max(wide-1, 1))] + "…"
}

// printable replaces what could steer a terminal, since events come from outside, and drops what cannot be seen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2060' || r == '\u200b' || unicode.IsPrint(r):
			return r
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return '\uFFFD'
	}, s)
}
