package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// PrintDeliveries prints a table of deliveries, the last error of each below its row.
func PrintDeliveries(s *terminal.Screen, list []desk.Delivery) {
	if len(list) == 0 {
		s.Printf("no deliveries\n")
		return
	}
	now := time.Now()
	t := &terminal.Table{S: s, Header: []string{"ID", "STATE", "TRIES", "MADE", "", "RULE → NOTIFIER", "TITLE"}}
	for _, d := range list {
		t.Add(lastError(d), terminal.Cell{Text: d.ID}, stateOf(s, d),
			terminal.Cell{Text: fmt.Sprint(d.Attempts)},
			terminal.Cell{Text: s.In(d.CreatedAt).Format(time.DateTime)},
			terminal.Cell{Text: terminal.Ago(d.CreatedAt, now), Paint: s.Dim},
			terminal.Cell{Text: routeOf(d)},
			terminal.Cell{Text: d.Title, Paint: s.Bold})
	}
	t.Print()
}

// routeOf returns the rule and the notifier of a delivery.
func routeOf(d desk.Delivery) string {
	route := d.Rule + " → " + d.Notifier
	if d.FallbackFor != "" {
		route += " (fallback)"
	}
	return route
}

// lastError returns the last status and error of a delivery. A delivered one has an error if a recipient was refused.
func lastError(d desk.Delivery) string {
	if d.Error == "" || isDryRun(d) {
		return ""
	}
	if d.State == store.Dead && strings.HasPrefix(d.Status, "2") {
		return d.Error // a refusal by a service whose answers are all 200 OK, such as Slack
	}
	return strings.TrimPrefix(d.Status+": "+d.Error, ": ")
}

// isDryRun reports whether a delivery was recorded and never to be sent.
func isDryRun(d desk.Delivery) bool { return d.State == store.Cancelled && d.Error == store.DryRun }

// stateOf returns the table cell of the state of a delivery. That of a dry run names the reason, since it was
// not cancelled by hand.
func stateOf(s *terminal.Screen, d desk.Delivery) terminal.Cell {
	if isDryRun(d) {
		return terminal.Cell{Text: "dry run", Paint: s.Dim}
	}
	return StateCell(s, d.State)
}

// StateCell returns the table cell of a state, in its color.
func StateCell(s *terminal.Screen, state store.State) terminal.Cell {
	paint := s.Warn
	switch state {
	case store.Delivered:
		paint = s.Good
	case store.Dead:
		paint = s.Bad
	case store.Pending, store.Sending, store.Cancelled:
	}
	return terminal.Cell{Text: string(state), Paint: paint}
}

// PrintDelivery prints one delivery with its attempts and its message.
func PrintDelivery(s *terminal.Screen, d *desk.Delivery) {
	now := time.Now()
	state := stateOf(s, *d)
	s.Printf("%s  %s after %s\n", s.Bold("delivery "+d.ID), state.Paint(state.Text), attemptsOf(d))
	s.Printf("%s\n", s.Dim(terminal.OneLine(fmt.Sprintf("rule %s → notifier %s · event %s %s · project %s",
		d.Rule, d.Notifier, d.Event, d.EventID, d.Project))))
	if d.FallbackFor != "" {
		s.Printf("fallback for delivery %s, which failed permanently\n", d.FallbackFor)
	}
	if f := d.Fallback; f != nil {
		state := StateCell(s, f.State)
		s.Printf("fallback: delivery %s to %s: %s\n", f.ID, terminal.OneLine(f.Notifier), state.Paint(state.Text))
	}
	s.Printf("made %s\n", s.TimeWithAge(d.CreatedAt, now))
	switch {
	case d.NextAt == nil:
	case d.NextAt.After(now):
		s.Printf("next attempt %s\n", s.TimeWithAge(*d.NextAt, now))
	default:
		s.Printf("due since %s\n", s.TimeWithAge(*d.NextAt, now))
	}
	if isDryRun(*d) {
		s.Printf("recorded only, since the relay ran with --dry-run\n")
	} else if d.State == store.Cancelled && d.Error != "" {
		s.Printf("cancelled: %s\n", terminal.OneLine(d.Error))
	}
	s.Printf("\n%s\n", s.Bold("Attempts"))
	if len(d.Log) == 0 {
		s.Printf("  none\n")
	}
	for _, a := range d.Log {
		printAttempt(s, a, now)
	}
	var message rules.Notification
	if json.Unmarshal(d.Message, &message) == nil && message.Notifier == "" {
		message.Notifier = d.Notifier
	}
	s.Printf("\n%s\n", s.Bold("Message"))
	printMessage(s, message)
	if d.State == store.Dead {
		s.Printf("\n%s\n", s.Dim("Send it again: "+terminal.Program()+" deliveries retry "+d.ID))
	}
}

// attemptsOf returns the number of attempts, and the number since the last manual retry if there was one.
func attemptsOf(d *desk.Delivery) string {
	all := max(len(d.Log), d.Attempts)
	if all == d.Attempts {
		return terminal.Plural(all, "attempt")
	}
	return fmt.Sprintf("%s, %d of them since it was last retried by hand", terminal.Plural(all, "attempt"), d.Attempts)
}

func printAttempt(s *terminal.Screen, a desk.Attempt, now time.Time) {
	said := s.Good(terminal.OneLine(a.Status))
	if a.Reason != "" { // without a reason it was delivered, maybe not to every recipient
		said = s.Bad(terminal.OneLine(strings.TrimSpace(a.Status + " (" + a.Reason + ")")))
	}
	s.Printf("  %s  %s  %s\n", s.TimeWithAge(a.At, now), terminal.Latency(a.Seconds), said)
	for _, line := range terminal.Sentences(s, a.Error, 4) {
		if line != "" {
			s.Printf("    %s\n", line)
		}
	}
	if a.Response != "" && (a.Reason != "" || !strings.Contains(a.Error, a.Response)) {
		s.PrintWrapped("    answer: ", truncateRunes(terminal.Printable(a.Response), 500))
	}
}

// truncateRunes truncates a long text with ….
func truncateRunes(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

// sendingSoon is the age up to which a pending delivery needs no explanation: it is about to be sent.
const sendingSoon = 3 * time.Second

// PendingByNotifier returns, for each notifier with pending deliveries, the one with the fewest attempts.
func PendingByNotifier(list []desk.Delivery) map[string]desk.Delivery {
	waiting := map[string]desk.Delivery{}
	for _, d := range list {
		if one, known := waiting[d.Notifier]; d.State == store.Pending && (!known || d.Attempts < one.Attempts) {
			waiting[d.Notifier] = d
		}
	}
	return waiting
}

// PrintWaitReason prints why a delivery to n is pending and how to send it now. It prints nothing if the delivery waits
// for its next attempt.
func PrintWaitReason(s *terminal.Screen, n desk.Notifier, d desk.Delivery) {
	if why := waitReason(s, n, time.Now()); why != "" {
		s.Printf("\n%s %s\n", s.Warn(terminal.OneLine(n.Name)+" sends nothing:"), terminal.OneLine(why))
		if n.Configured {
			s.Printf("  %s\n", s.Dim("Try it now: "+terminal.Program()+" deliveries retry "+d.ID))
		}
		return
	}
	if many := n.Pending > 1; n.Rate != "" && d.Attempts == 0 && (many || time.Since(d.CreatedAt) > sendingSoon) {
		wait := map[bool]string{true: fmt.Sprintf("%d deliveries wait", n.Pending), false: "1 delivery waits"}[many]
		s.Printf("\n%s\n", s.Dim(fmt.Sprintf("%s sends at most %s, and %s for it", terminal.OneLine(n.Name),
			rateWords(n), wait)))
	}
}

// rateWords returns a rate such as 60/m in words.
func rateWords(n desk.Notifier) string {
	count, unit, _ := strings.Cut(n.Rate, "/")
	words := count + map[string]string{"s": " a second", "m": " a minute", "h": " an hour"}[unit]
	if n.RateEach {
		words += " to each channel or chat"
	}
	return words
}

// waitReason returns why a notifier sends nothing, or an empty text if it does send.
func waitReason(s *terminal.Screen, n desk.Notifier, now time.Time) string {
	next := "one message tries it now"
	if n.NextTry != nil {
		next = "one message tries it " + s.TimeWithAge(*n.NextTry, now)
	}
	switch {
	case !n.Configured:
		return "it is not in the current rules; add it again, or cancel its deliveries"
	case n.State == "paused":
		return fmt.Sprintf("its receiver is gone, %s: %s", next, n.Why)
	case n.State == "open", n.State == "half-open":
		return fmt.Sprintf("its receiver fails, %s: %s", next, n.Why)
	}
	return ""
}
