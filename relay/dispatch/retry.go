package dispatch

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"qaserelay/notifiers"
	"qaserelay/rules/rulefile"
)

// Retry says how often a delivery is tried again. Zero fields mean the defaults.
type Retry struct {
	Initial time.Duration // longest wait before the second attempt; default 5 seconds
	Max     time.Duration // longest wait between two attempts; default 1 hour
	For     time.Duration // so long after the first attempt, give up; default 24 hours
}

// doubtFor is how long an answer is tried again at most of which nobody knows whether it will come again: long enough for a restart or a
// short trouble over there, and much shorter than what waits behind it is held up otherwise.
const doubtFor = 15 * time.Minute

// retryOf fills the defaults into what a notifier says.
func retryOf(r rulefile.Retry) Retry {
	return Retry{
		Initial: cmp.Or(max(0, r.Initial), 5*time.Second),
		Max:     cmp.Or(max(0, r.Max), time.Hour),
		For:     cmp.Or(max(0, r.For), 24*time.Hour),
	}
}

// Next returns how long to wait after a failed attempt, or false if there is to be no other. attempt counts from 1,
// since is the time from the first attempt to now, random lies between 0 and 1; anything else is 1.
//
// The wait is between a tenth and the whole of Initial doubled with each attempt, at most Max: full jitter, so that
// what failed together does not come back together. A receiver that names a time is not tried before it, as long as
// that is within Max or one hour.
func (r Retry) Next(attempt int, since time.Duration, err error, random float64) (wait time.Duration, again bool) {
	r = retryOf(rulefile.Retry(r))
	var permanent *notifiers.PermanentError
	var doubtful *notifiers.DoubtfulError
	if errors.As(err, &permanent) || since > r.For || errors.As(err, &doubtful) && since > doubtFor {
		return 0, false
	}
	if !(random >= 0 && random <= 1) { // also if it is no number
		random = 1
	}
	ceiling := float64(r.Max)
	if doubled := float64(r.Initial) * math.Pow(2, float64(max(attempt, 1)-1)); doubled < ceiling {
		ceiling = doubled
	}
	wait = max(0, min(time.Duration(ceiling*(0.1+0.9*random)), r.Max))
	var later *notifiers.RetryAfterError
	if errors.As(err, &later) {
		wait = max(wait, min(later.After, max(time.Hour, r.Max)))
	}
	return wait, true
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
