package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"qaserelay/cmd/qase-relay/terminal"
)

// Marks around bold text, until it is painted. Text from outside cannot contain them: terminal.Printable replaces them.
const boldOn, boldOff = "\x0e", "\x0f"

// printArrival prints a message as its recipient sees it, beside a bar in the color of its level.
func printArrival(s *terminal.Screen, level string, a arrival) {
	wide := min(s.Columns, 110) - 5
	lines := []string{a.channel + "  " + terminal.Printable(a.to) + "  " + a.via}
	for _, fact := range a.facts {
		lines = append(lines, clip(terminal.Printable(fact), wide))
	}
	heading := len(lines)
	for _, line := range a.lines(wide) {
		lines = append(lines, embolden(s, line))
	}
	s.Printf("\n")
	for i, line := range lines {
		switch {
		case i == 0:
			line = s.Level(level, line)
		case i < heading:
			line = s.Dim(line)
		}
		s.Printf("   %s %s\n", s.Level(level, "┃"), line)
	}
}

// lines returns the message as wrapped, readable lines.
func (a arrival) lines(wide int) []string {
	text := terminal.Printable(a.body)
	switch a.channel {
	case "HTTP":
		return jsonLines(text, wide)
	case "Slack":
		text = readableMrkdwn(text)
	case "Mail":
		text = boldOn + "Subject: " + terminal.Printable(a.title) + boldOff + "\n" + text
	}
	return terminal.Wrap(strings.Trim(text, "\n"), wide)
}

// embolden makes the text between the marks bold. Bold text ends at the end of its line.
func embolden(s *terminal.Screen, line string) string {
	if !s.Color {
		return strings.NewReplacer(boldOn, "", boldOff, "").Replace(line)
	}
	return strings.NewReplacer(boldOn, "\x1b[1m", boldOff, "\x1b[0m").Replace(line) + "\x1b[0m"
}

// jsonLines returns a line for each key of a JSON object, in the order of the text.
func jsonLines(body string, wide int) []string {
	dec := json.NewDecoder(strings.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return terminal.Wrap(body, wide)
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
			lines = append(lines, terminal.Truncate(fmt.Sprintf("%-12v%s", key, compact.String()), wide))
		}
	}
	return lines
}

// readableMrkdwn returns Slack's markup as Slack shows it: names in place of ids, the texts of links, and bold in place
// of asterisks. Asterisks between word joiners are text. The address of each page is written once, behind the
// last link to it.
func readableMrkdwn(text string) string {
	bold := regexp.MustCompile(`(^|[\s(])\*([^*\s\x{2060}](?:[^*\n\x{2060}]|\x{2060}\*?\x{2060}?)*)\*`)
	text = bold.ReplaceAllString(text, "$1"+boldOn+"$2"+boldOff)
	angle := regexp.MustCompile(`<([^<>]+)>`)
	last := map[string]int{}
	for _, at := range angle.FindAllStringSubmatchIndex(text, -1) {
		target, _, _ := strings.Cut(text[at[2]:at[3]], "|")
		last[page(target)] = at[0]
	}
	var b strings.Builder
	end := 0
	for _, at := range angle.FindAllStringSubmatchIndex(text, -1) {
		target, label, _ := strings.Cut(text[at[2]:at[3]], "|")
		b.WriteString(text[end:at[0]] + slackLink(target, label, last[page(target)] == at[0]))
		end = at[1]
	}
	b.WriteString(text[end:])
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "\u2060", "", "\u200b", "").Replace(b.String())
}

// page returns an address without its query.
func page(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

// slackLink returns the text of a link or mention, which Slack's markup writes between < and >.
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

// slackMember returns the name of a member in the workspace of the demo.
func slackMember(id string) string {
	if name := map[string]string{"U024BE7LA": "Ana López", "U024BE7LH": "Bob Bar"}[id]; name != "" {
		return name
	}
	return id
}

// clip joins text to one line and truncates it to a width.
func clip(text string, wide int) string {
	return terminal.Truncate(strings.Join(strings.Fields(text), " "), wide)
}
