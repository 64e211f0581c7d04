package dispatch

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"qaserelay/notifiers"
)

// doubtFor bounds the retries of an answer that may or may not change: long enough for a restart of the receiver, short
// enough for the deliveries that wait behind it.
const doubtFor = 15 * time.Minute

// withDefaults fills in the defaults: attempts for 24 hours, from 5 seconds to 1 hour apart.
func (r Retry) withDefaults() Retry {
	return Retry{
		Initial: cmp.Or(max(0, r.Initial), 5*time.Second),
		Max:     cmp.Or(max(0, r.Max), time.Hour),
		For:     cmp.Or(max(0, r.For), 24*time.Hour),
	}
}

// giveUp returns the words for a delivery that is dead after so many attempts.
func giveUp(err error, attempts int, since time.Duration) string {
	var permanent *notifiers.PermanentError
	if errors.As(err, &permanent) {
		return err.Error()
	}
	return fmt.Sprintf("gave up after %s and %d attempts: %v", Roughly(since), attempts, err)
}

// Roughly writes a duration as a person would say it: 24h, 1h30m, 45s.
func Roughly(d time.Duration) string {
	s := d.Round(time.Second).String()
	if d >= time.Hour {
		s = d.Round(time.Minute).String()
	}
	for _, tail := range []string{"m0s", "h0m"} {
		if n := len(s) - len(tail); n > 0 && s[n:] == tail {
			s = s[:n+1]
		}
	}
	return s
}
