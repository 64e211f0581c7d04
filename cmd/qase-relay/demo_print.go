package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"qaserelay/rules"
)

func (d *stage) open() {
	out := d.c.out
	out.Printf("%s\n\n", out.bold("A relay on this machine, with stand-ins for Slack, a mail server and a web service"))
	out.Printf("  Qase posts to   %s\n", d.service.webhookURL("qase"))
	out.Printf("  admin address   %s\n", baseURL(d.service.adminLn))
	out.Printf("  rules           %s\n\n", strings.Join(d.rules, ", "))
}

// announce shows what happens in Qase and what Qase says of it.
func (d *stage) announce(number int, s scene, body []byte) {
	out := d.c.out
	var e struct {
		Name    string          `json:"event_name"`
		Payload json.RawMessage `json:"payload"`
	}
	_ = json.Unmarshal(body, &e) // it was marshalled a moment ago
	out.Printf("%s %s\n", out.bold(fmt.Sprintf("%d  %s", number, e.Name)), out.dim(clip(string(e.Payload), out.columns-len(e.Name)-6)))
	for _, line := range wrap(s.say, out.columns-3) {
		out.Printf("   %s\n", line)
	}
}

// verdict shows what the rules said, and returns the names of those that matched.
func (d *stage) verdict(a answer, decision rules.Decision) []string {
	var yes, no []string
	for _, r := range decision.Results {
		if r.Outcome == rules.Matched {
			yes = append(yes, r.Rule)
		} else {
			no = append(no, r.Rule)
		}
	}
	out := d.c.out
	out.Printf("   %s %s\n", out.good("→ "+a.Status), out.dim(fmt.Sprintf("on disk after %.1f ms", a.Millis)))
	if len(yes) > 0 {
		out.Printf("   %s %s\n", out.good("✓"), strings.Join(yes, ", "))
	}
	if len(no) > 0 {
		out.Printf("   %s\n", out.dim("· no: "+strings.Join(no, ", ")))
	}
	return yes
}

func (d *stage) close(took time.Duration) {
	out := d.c.out
	out.Printf("%s %s in, %s out, in %.1f s. Nothing left this machine.\n\n", out.good("Done:"), plural(len(story()), "event"), plural(d.arrived, "message"), took.Seconds())
	if d.keep {
		out.Printf("It keeps running until Ctrl-C. Post an event of your own:\n  %s\n\n", out.bold("qase-relay send run.completed --set payload.failed=3 --to "+d.service.webhookURL("qase")+" --secret "+d.secret))
	}
	out.Printf("Next:\n  %-28s write a first rules.yaml\n  %-28s run it without sending anything\n", "qase-relay init", "qase-relay serve --dry-run")
}

// printArrival shows a message as its receiver sees it, beside a bar in the colour of its level.
func (s *screen) printArrival(level string, a arrival) {
	bar := "   " + s.level(level, "┃") + " "
	wide := min(s.columns, 110) - 5
	s.Printf("%s\n%s%s %s\n", strings.TrimRight(bar, " "), bar, s.level(level, a.channel+"  "+printable(a.to)), s.dim("· "+a.via))
	for _, fact := range a.facts {
		s.Printf("%s%s\n", bar, s.dim(clip(printable(fact), wide)))
	}
	for i, part := range a.lines(wide) {
		text := printable(part)
		if i == 0 && a.title != "" {
			text = s.bold(text)
		}
		s.Printf("%s%s\n", bar, s.emphasise(a.channel, text))
	}
}

// lines returns title and body, made readable and wrapped.
func (a arrival) lines(wide int) []string {
	switch a.channel {
	case "HTTP":
		return jsonLines(a.body, wide)
	case "Slack":
		a.title, a.body = readableMrkdwn(a.title), readableMrkdwn(a.body)
	}
	lines := []string{}
	if a.title != "" {
		lines = wrap(a.title, wide)
	}
	if a.body != "" {
		lines = append(lines, wrap(a.body, wide)...)
	}
	return lines
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
			lines = append(lines, clip(fmt.Sprintf("%-12v %s", key, compact.String()), wide))
		}
	}
	return lines
}

// readableMrkdwn shows what Slack would: names instead of ids, links with their text.
func readableMrkdwn(text string) string {
	angle := regexp.MustCompile(`<([^<>]+)>`)
	text = angle.ReplaceAllStringFunc(text, func(m string) string {
		target, label, _ := strings.Cut(m[1:len(m)-1], "|")
		switch {
		case strings.HasPrefix(target, "@"):
			return "@" + slackMember(target[1:])
		case strings.HasPrefix(target, "!subteam^"):
			return "@" + strings.TrimPrefix(target, "!subteam^")
		case strings.HasPrefix(target, "!"):
			return "@" + target[1:]
		case label == "" || label == target:
			return target
		}
		return label + " (" + target + ")"
	})
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// slackMember is what the stand-in's workspace knows of its members.
func slackMember(id string) string {
	if name := map[string]string{"U024BE7LA": "Ana López", "U024BE7LH": "Bob Bar"}[id]; name != "" {
		return name
	}
	return id
}

// emphasise makes Slack's *bold* bold, where there is a terminal that can.
func (s *screen) emphasise(channel, line string) string {
	if channel != "Slack" || !s.colour {
		return line
	}
	return regexp.MustCompile(`(^|\s)\*([^*\s][^*]*)\*`).ReplaceAllString(line, "$1\x1b[1m$2\x1b[0m")
}

// clip cuts text to one line of the given width.
func clip(text string, wide int) string {
	text = strings.Join(slices.Collect(strings.FieldsSeq(text)), " ")
	if columns(text) <= wide {
		return text
	}
	return text[:cutAt(text, max(wide-1, 1))] + "…"
}
