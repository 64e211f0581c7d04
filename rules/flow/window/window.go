// Package window answers when a window of time is open, such as working hours. It is pure: it has no clock.
//
// A window is defined by the local time of its time zone, so it follows changes of the clock: an opening within an hour
// that is left out is the first instant after it, and one within an hour that comes twice is its first occurrence.
//
//	closed ──▶ open   at the begin of a span of hours, on each of its days that is not excepted
//	open ──▶ closed   at its end, which is no part of it
package window

import (
	"math"
	"slices"
	"time"
)

const (
	day = 24 * 60 * 60 // in seconds
	// horizon is how many days ahead an opening is looked for.
	horizon = 366
	// farthest is the most years that Add looks ahead.
	farthest = 10
)

// Window is a window of time. It never changes, and many goroutines may use it. A nil Window is always open.
type Window struct {
	days   [7]bool // from Monday
	hours  []span  // in order, without overlaps
	except []dates // in order, without overlaps
	zone   *time.Location
}

// span is a stretch of hours in seconds since the begin of its day. It may end on the next day.
type span struct{ from, to int64 }

// dates are days that follow one another, the last included, as days since 1970-01-01.
type dates struct{ from, to int64 }

// Open reports whether the window is open at t.
func (w *Window) Open(t time.Time) bool {
	if w == nil {
		return true
	}
	_, offset := t.In(w.zone).Zone()
	return w.end(t.Unix()+int64(offset)) > 0
}

// Next returns the first instant at or after t at which the window is open. It is the zero time if the window does not
// open within 366 days.
func (w *Window) Next(t time.Time) time.Time {
	if w == nil {
		return t
	}
	for limit := t.Add(horizon * day * time.Second); t.Before(limit); {
		open, until := w.piece(t, limit)
		if open {
			return t.In(w.zone)
		}
		t = until
	}
	return time.Time{}
}

// Openings returns the next times at which the window opens, at or after t. They are fewer than n if it does not open so
// often within 366 days.
func (w *Window) Openings(t time.Time, n int) (all []time.Time) {
	if w == nil {
		return nil
	}
	wasOpen := w.Open(t.Add(-1))
	for limit := t.Add(horizon * day * time.Second); t.Before(limit) && len(all) < n; {
		open, until := w.piece(t, limit)
		if open && !wasOpen {
			all = append(all, t.In(w.zone))
		}
		t, wasOpen = until, open
	}
	return all
}

// Add returns the instant at which the window has been open for d since t. It is the zero time if that takes more than
// ten years.
func (w *Window) Add(t time.Time, d time.Duration) time.Time {
	if w == nil {
		return t.Add(d)
	}
	for limit := t.AddDate(farthest, 0, 0); d > 0; {
		if !t.Before(limit) {
			return time.Time{}
		}
		open, until := w.piece(t, limit)
		length := until.Sub(t)
		if open && length >= d {
			return t.Add(d).In(w.zone)
		} else if open {
			d -= length
		}
		t = until
	}
	return t.In(w.zone)
}

// Longest returns the longest time in which the window is open for d, in whole days, of the times that begin within a
// week from now on. It is the longest possible if that takes more than ten years. Without a window it is d.
func (w *Window) Longest(now time.Time, d time.Duration) time.Duration {
	if w == nil {
		return d
	}
	longest := time.Duration(0)
	for range 7 * 24 {
		end := w.Add(now, d)
		if end.IsZero() {
			return math.MaxInt64
		}
		longest = max(longest, end.Sub(now))
		now = now.Add(time.Hour)
	}
	return (longest + 23*time.Hour).Truncate(24 * time.Hour)
}

// Between returns for how long the window is open between two instants. It is 0 if the second is not the later one.
func (w *Window) Between(from, to time.Time) (total time.Duration) {
	if w == nil {
		return max(0, to.Sub(from))
	}
	for from.Before(to) {
		open, until := w.piece(from, to)
		if open {
			total += until.Sub(from)
		}
		from = until
	}
	return total
}

// piece reports whether the window is open at t, and until when this holds at least. That is never after limit, nor
// after the next change of the offset of the zone: before it, the local time runs as evenly as time itself.
func (w *Window) piece(t, limit time.Time) (open bool, until time.Time) {
	at := t.In(w.zone)
	_, offset := at.Zone()
	stop := limit.Unix() + 1 // the second in which the limit is may be begun
	if _, change := at.ZoneBounds(); !change.IsZero() {
		stop = min(stop, change.Unix())
	}
	local := at.Unix() + int64(offset)
	end := w.end(local)
	if open = end > 0; open {
		end = w.closing(end, stop+int64(offset))
	} else {
		end = w.opening(local, stop+int64(offset))
	}
	if until = time.Unix(end-int64(offset), 0).In(w.zone); until.After(limit) {
		until = limit
	}
	return open, until
}

// end returns the local time at which the span of hours ends that contains a local time, in seconds since 1970. It is
// 0 if the window is closed.
func (w *Window) end(local int64) (end int64) {
	today := floorDiv(local, day)
	for date := today - 1; date <= today; date++ {
		for _, h := range w.hours {
			if from, to := date*day+h.from, date*day+h.to; from <= local && local < to && w.has(date) {
				end = max(end, to)
			}
		}
	}
	return end
}

// closing returns the first local time at or after one at which the window is closed, or stop if that is earlier.
func (w *Window) closing(local, stop int64) int64 {
	for local < stop {
		end := w.end(local)
		if end == 0 {
			return local
		}
		local = end
	}
	return stop
}

// opening returns the first local time after one at which the window opens, or stop if that is earlier.
func (w *Window) opening(local, stop int64) int64 {
	for date := floorDiv(local, day); date*day < stop; date++ {
		if !w.has(date) {
			continue
		}
		for _, h := range w.hours {
			if from := date*day + h.from; from > local {
				return min(from, stop)
			}
		}
	}
	return stop
}

// has reports whether the window opens on a date.
func (w *Window) has(date int64) bool { return w.days[weekday(date)] && !w.isExcepted(date) }

func (w *Window) isExcepted(date int64) bool {
	_, found := slices.BinarySearchFunc(w.except, date, func(d dates, date int64) int {
		switch {
		case d.to < date:
			return -1
		case d.from > date:
			return 1
		}
		return 0
	})
	return found
}

// weekday returns the day of the week of a date, from Monday.
func weekday(date int64) int64 {
	const firstOfAll = 3 // 1970-01-01 was a Thursday
	return date + firstOfAll - 7*floorDiv(date+firstOfAll, 7)
}

// floorDiv divides and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
