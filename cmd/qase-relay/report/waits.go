package report

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

// inAMoment is how long a delivery may wait without a word, since it is about to go out.
const inAMoment = 3 * time.Second

// Waiting returns the pending delivery of each notifier that was tried least, by the notifier's name.
func Waiting(list []desk.Delivery) map[string]desk.Delivery {
	waiting := map[string]desk.Delivery{}
	for _, d := range list {
		if one, known := waiting[d.Notifier]; d.State == store.Pending && (!known || d.Attempts < one.Attempts) {
			waiting[d.Notifier] = d
		}
	}
	return waiting
}

// PrintWait prints why a delivery to n waits, and what ends that, unless its own failed attempts are the reason.
func PrintWait(s *terminal.Screen, n desk.Notifier, d desk.Delivery) {
	if why := whyWaits(n, time.Now()); why != "" {
		s.Printf("\n%s %s\n", s.Warn(terminal.Printable(n.Name)+" sends nothing:"), terminal.Printable(why))
		if n.Configured {
			s.Printf("  %s\n", s.Dim("Try it now: "+terminal.Program()+" deliveries retry "+d.ID))
		}
		return
	}
	if many := n.Pending > 1; n.Rate != "" && d.Attempts == 0 && (many || time.Since(d.CreatedAt) > inAMoment) {
		wait := map[bool]string{true: fmt.Sprintf("%d deliveries wait", n.Pending), false: "1 delivery waits"}[many]
		s.Printf("\n%s\n", s.Dim(fmt.Sprintf("%s sends at most %s, and %s for it", terminal.Printable(n.Name), rateWords(n), wait)))
	}
}

// rateWords puts a rate such as 60/m into words.
func rateWords(n desk.Notifier) string {
	count, unit, _ := strings.Cut(n.Rate, "/")
	words := count + map[string]string{"s": " a second", "m": " a minute", "h": " an hour"}[unit]
	if n.RateEach {
		words += " to each channel or chat"
	}
	return words
}

// whyWaits says why a notifier lets nothing out, or nothing if it does.
func whyWaits(n desk.Notifier, now time.Time) string {
	next := "one message tries it now"
	if n.NextTry != nil {
		next = "one message tries it " + terminal.Exactly(*n.NextTry, now)
	}
	switch {
	case !n.Configured:
		return "it is not in the rules in force; bring it back, or cancel what waits for it"
	case n.State == "paused":
		return fmt.Sprintf("its receiver is gone, %s: %s", next, n.Why)
	case n.State == "open", n.State == "half-open":
		return fmt.Sprintf("its receiver fails, %s: %s", next, n.Why)
	}
	return ""
}
