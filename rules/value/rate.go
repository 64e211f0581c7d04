package value

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	maxConcurrency = 64
	maxBurst       = 1000
	maxRate        = 100_000 // messages
)

// UnmarshalText reads 1/s, 60/m or 500/h.
func (r *Rate) UnmarshalText(b []byte) error {
	count, unit, _ := strings.Cut(strings.ReplaceAll(string(b), " ", ""), "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := countUpTo(count, maxRate)
	if err != nil || per == 0 {
		return fmt.Errorf("%s is not a rate: write how many messages may go out in a second, a minute or an hour, such as 1/s, 60/m or 500/h",
			strconv.Quote(Shorten(string(b), 40)))
	}
	r.Messages, r.Per = n, per
	return nil
}

// Concurrency is how many messages may be on their way at once.
type Concurrency int

// UnmarshalText reads a number from 1 to 64.
func (c *Concurrency) UnmarshalText(b []byte) error {
	n, err := countUpTo(string(b), maxConcurrency)
	*c = Concurrency(n)
	return err
}

// Burst is how many messages may come at once.
type Burst int

// UnmarshalText reads a number from 1 to 1000.
func (x *Burst) UnmarshalText(b []byte) error {
	n, err := countUpTo(string(b), maxBurst)
	*x = Burst(n)
	return err
}

// countUpTo reads a whole number that is at least 1.
func countUpTo(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: want a whole number from 1 to %d", strconv.Quote(Shorten(s, 40)), most)
	}
	return n, nil
}

// Rate is so many messages in a time, of which some may come at once.
type Rate struct {
	Messages int
	Per      time.Duration
	Burst    int // zero means 1
}

// Amount is how many of something there may be.
type Amount int
