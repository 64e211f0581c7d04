package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
	"qaserelay/rules"
)

func (d *player) printIntro() {
	out := d.c.Out
	out.Printf("%s\n\n", out.Bold("A relay on this machine, with stand-ins for Slack, email, HTTP and the Qase API"))
	out.Printf("  Qase posts to   %s\n", d.relay.WebhookURL("qase"))
	out.Printf("  admin address   %s\n", d.relay.AdminURL())
	out.Printf("  rules           %s\n\n", strings.Join(d.rules, ", "))
}

// printEvent prints a step and the event that Qase sends.
func (d *player) printEvent(number int, s step, body []byte) {
	out := d.c.Out
	var e struct {
		Name    string          `json:"event_name"`
		Payload json.RawMessage `json:"payload"`
	}
	_ = json.Unmarshal(body, &e) // the body comes from json.Marshal
	out.Printf("%s %s\n", out.Bold(fmt.Sprintf("%d  %s", number, e.Name)),
		out.Dim(clip(string(e.Payload), out.Columns-len(e.Name)-6)))
	for _, line := range terminal.Wrap(s.say, out.Columns-3) {
		out.Printf("   %s\n", line)
	}
}

// printDecision prints the outcomes of the rules, and returns the names of those that matched.
func (d *player) printDecision(a client.Answer, decision rules.Decision) []string {
	var yes, no []string
	for _, r := range decision.Results {
		if r.Outcome.IsMatch() {
			yes = append(yes, r.Rule)
		} else {
			no = append(no, r.Rule)
		}
	}
	out := d.c.Out
	out.Printf("   %s %s\n", out.Good("→ "+a.Status), out.Dim(fmt.Sprintf("on disk after %.1f ms", a.Millis)))
	if len(yes) > 0 {
		out.Printf("   %s %s\n", out.Good("✓"), strings.Join(yes, ", "))
	}
	if len(no) > 0 {
		for _, line := range terminal.Wrap("✗ no match: "+strings.Join(no, ", "), out.Columns-3) {
			out.Printf("   %s\n", out.Dim(line))
		}
	}
	return yes
}

func (d *player) printOutcome(took time.Duration) {
	out := d.c.Out
	out.Printf("%s %s in, %s out, in %s. Nothing left this machine.\n\n", out.Good("Done:"),
		terminal.Plural(len(story()), "event"), terminal.Plural(d.arrived, "message"), inWords(took))
	if d.keep {
		out.Printf("It keeps running until Ctrl-C. Post an event of your own:\n  %s\n\n",
			out.Bold(terminal.Program()+" send run.completed --set payload.failed=3 --to "+
				d.relay.WebhookURL("qase")+" --secret "+d.secret))
		out.Printf("console  %s/\n\n", d.relay.AdminURL())
	}
	first, second := terminal.Program()+" init", terminal.Program()+" serve --dry-run"
	out.Printf("Next:\n  %-*s  write a first rules.yaml\n  %s  run it without sending anything\n", len(second), first,
		second)
}

func inWords(took time.Duration) string {
	if took < time.Second {
		return fmt.Sprintf("%d ms", took.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", took.Seconds())
}
