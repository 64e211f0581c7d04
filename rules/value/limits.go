package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	maxConcurrency = 64
	maxBurst       = 1000
	maxRate        = 100_000 // messages
)

// Rate is a number of messages in a time, some of which may go out at once.
type Rate struct {
	Messages int
	Per      time.Duration
	Burst    int // zero means 1
}

// UnmarshalText reads 1/s, 60/m or 500/h.
func (r *Rate) UnmarshalText(b []byte) error {
	count, unit, _ := strings.Cut(strings.ReplaceAll(string(b), " ", ""), "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := countUpTo(count, maxRate)
	if err != nil || per == 0 {
		return fmt.Errorf("%s is not a rate: "+
			"write how many messages may be sent in a second, a minute or an hour, such as 1/s, 60/m or 500/h",
			Quote(string(b)))
	}
	r.Messages, r.Per = n, per
	return nil
}

// Concurrency is the number of messages that may be in flight at once.
type Concurrency int

// UnmarshalText reads a number from 1 to 64.
func (c *Concurrency) UnmarshalText(b []byte) error {
	n, err := countUpTo(string(b), maxConcurrency)
	*c = Concurrency(n)
	return err
}

// Burst is the number of messages that may go out at once.
type Burst int

// UnmarshalText reads a number from 1 to 1000.
func (x *Burst) UnmarshalText(b []byte) error {
	n, err := countUpTo(string(b), maxBurst)
	*x = Burst(n)
	return err
}

// Size is a number of bytes, written as 500MB, 10GiB or plain.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	units := map[string]float64{
		"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}
	digits := Span(string(text), func(c byte) bool { return '0' <= c && c <= '9' || c == '.' })
	n, err := strconv.ParseFloat(string(text[:digits]), 64)
	unit, known := units[string(text[digits:])]
	switch bytes := n * unit; {
	case err != nil || !known:
		return fmt.Errorf("%s is not a size: write it like 500MB, 64MiB or 10GiB", Quote(string(text)))
	case bytes >= math.MaxInt64:
		return fmt.Errorf("%s is too much", Quote(string(text)))
	default:
		*s = Size(bytes)
	}
	return nil
}

// Amount is an upper limit; 0 means no limit.
type Amount int

// UnmarshalText reads a whole number that is not negative.
func (a *Amount) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%s: write a whole number; 0 means no limit", Quote(string(text)))
	}
	*a = Amount(n)
	return nil
}

// countUpTo reads a whole number from 1 to most.
func countUpTo(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: want a whole number from 1 to %d", Quote(s), most)
	}
	return n, nil
}
