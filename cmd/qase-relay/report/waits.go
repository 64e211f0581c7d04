package report

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

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
	if why := waitReason(n, time.Now()); why != "" {
		s.Printf("\n%s %s\n", s.Warn(terminal.Printable(n.Name)+" sends nothing:"), terminal.Printable(why))
		if n.Configured {
			s.Printf("  %s\n", s.Dim("Try it now: "+terminal.Program()+" deliveries retry "+d.ID))
		}
		return
	}
	if many := n.Pending > 1; n.Rate != "" && d.Attempts == 0 && (many || time.Since(d.CreatedAt) > sendingSoon) {
		wait := map[bool]string{true: fmt.Sprintf("%d deliveries wait", n.Pending), false: "1 delivery waits"}[many]
		s.Printf("\n%s\n", s.Dim(fmt.Sprintf("%s sends at most %s, and %s for it", terminal.Printable(n.Name), rateWords(n),
			wait)))
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
func waitReason(n desk.Notifier, now time.Time) string {
	next := "one message tries it now"
	if n.NextTry != nil {
		next = "one message tries it " + terminal.TimeWithAge(*n.NextTry, now)
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
