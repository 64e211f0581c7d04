package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qaserelay/relay/admin"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

func printDeliveries(s *screen, list []admin.Delivery) {
	if len(list) == 0 {
		s.Printf("no deliveries\n")
		return
	}
	now := time.Now()
	t := &table{s: s, header: []string{"ID", "STATE", "TRIES", "MADE", "", "RULE → NOTIFIER", "TITLE"}}
	for _, d := range list {
		t.add(trouble(d), plainCell(d.ID), stateCell(s, d.State), plainCell(fmt.Sprint(d.Attempts)),
			plainCell(d.CreatedAt.Local().Format(time.DateTime)), cell{ago(d.CreatedAt, now), s.dim},
			plainCell(d.Rule+" → "+d.Notifier), cell{d.Title, s.bold})
	}
	t.print()
}

// trouble says what went wrong last with a delivery that has not arrived, or not everywhere.
func trouble(d admin.Delivery) string {
	if d.Error == "" {
		return ""
	}
	return strings.TrimPrefix(d.Status+": "+d.Error, ": ")
}

func stateCell(s *screen, state store.State) cell {
	paint := s.warn
	switch state {
	case store.Delivered:
		paint = s.good
	case store.Dead:
		paint = s.bad
	case store.Pending, store.Sending, store.Cancelled:
	}
	return cell{string(state), paint}
}

func printOneDelivery(s *screen, d *admin.Delivery) {
	now := time.Now()
	state := stateCell(s, d.State)
	s.Printf("%s  %s after %s\n", s.bold("delivery "+d.ID), state.paint(state.text), attemptsOf(d))
	s.Printf("%s\n", s.dim(printable(fmt.Sprintf("rule %s → notifier %s · event %s %s · project %s", d.Rule, d.Notifier, d.Event, d.EventID, d.Project))))
	if d.FallbackFor != "" {
		s.Printf("stands in for delivery %s, which died\n", d.FallbackFor)
	}
	if f := d.Fallback; f != nil {
		state := stateCell(s, f.State)
		s.Printf("delivery %s to %s stands in for it: %s\n", f.ID, printable(f.Notifier), state.paint(state.text))
	}
	s.Printf("made %s\n", exactly(d.CreatedAt, now))
	switch {
	case d.NextAt == nil:
	case d.NextAt.After(now):
		s.Printf("next attempt %s\n", exactly(*d.NextAt, now))
	default:
		s.Printf("due since %s\n", exactly(*d.NextAt, now))
	}
	if d.State == store.Cancelled && d.Error != "" {
		s.Printf("cancelled: %s\n", printable(d.Error))
	}
	s.Printf("\n%s\n", s.bold("Attempts"))
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
	s.Printf("\n%s\n", s.bold("Message"))
	printMessage(s, message)
	if d.State == store.Dead {
		s.Printf("\n%s\n", s.dim("Send it again: "+program()+" deliveries retry "+d.ID))
	}
}

// attemptsOf counts all attempts, and tells how many of them were made since a person asked for more.
func attemptsOf(d *admin.Delivery) string {
	all := max(len(d.Log), d.Attempts)
	if all == d.Attempts {
		return plural(all, "attempt")
	}
	return fmt.Sprintf("%s, %d of them since it was last retried by hand", plural(all, "attempt"), d.Attempts)
}

func printAttempt(s *screen, a admin.Attempt, now time.Time) {
	said := s.good(printable(a.Status))
	if a.Reason != "" { // otherwise it was delivered, if not to all
		said = s.bad(printable(strings.TrimSpace(a.Status + " (" + a.Reason + ")")))
	}
	s.Printf("  %s  %s  %s\n", exactly(a.At, now), latency(a.Seconds), said)
	for _, line := range sentences(s, a.Error, 4) {
		if line != "" {
			s.Printf("    %s\n", line)
		}
	}
	if a.Response != "" && (a.Reason != "" || !strings.Contains(a.Error, a.Response)) {
		printWrapped(s, "    answer: ", cutText(printable(a.Response), 500))
	}
}

// cutText keeps the beginning of a long text.
func cutText(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
