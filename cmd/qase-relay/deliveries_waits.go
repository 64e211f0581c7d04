package main

import (
	"context"
	"fmt"
	"time"

	"qaserelay/relay/admin"
	"qaserelay/relay/store"
)

// tellWaits says below pending deliveries which of their notifiers let nothing out now, why, and what ends that.
func tellWaits(ctx context.Context, cl *client, s *screen, list []admin.Delivery) error {
	waiting := map[string]string{} // one of its deliveries, by notifier
	for _, d := range list {
		if d.State == store.Pending {
			waiting[d.Notifier] = d.ID
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	var answer struct{ Notifiers []admin.Notifier }
	if err := cl.get(ctx, "notifiers", nil, &answer); err != nil {
		return err
	}
	for _, n := range answer.Notifiers {
		id, why := waiting[n.Name], whyWaits(n, time.Now())
		if id == "" || why == "" {
			continue
		}
		s.Printf("\n%s %s\n", s.warn(printable(n.Name)+" sends nothing:"), printable(why))
		if n.Configured {
			s.Printf("  %s\n", s.dim("Try it now: "+program()+" deliveries retry "+id))
		}
	}
	return nil
}

// whyWaits says why a notifier lets nothing out, or nothing if it does.
func whyWaits(n admin.Notifier, now time.Time) string {
	next := "one message tries it now"
	if n.NextTry != nil {
		next = "one message tries it " + exactly(*n.NextTry, now)
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
