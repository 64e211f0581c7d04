package window

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Times are times of day on days of the week, such as mon-fri 09:00. They never change, and many goroutines may use
// them.
type Times struct {
	entries []moment // by time of day
	zone    *time.Location
}

// moment is a time of day, in seconds since the begin of each of its days.
type moment struct {
	days [7]bool
	at   int64
}

// ParseTimes reads times such as "09:00" and "mon-fri 09:00". They are nil if there are faults.
func ParseTimes(texts []string, zone *time.Location) (*Times, []Fault) {
	t, faults := &Times{zone: cmp.Or(zone, time.UTC)}, faultList{}
	if len(texts) == 0 {
		faults.add("at", -1, problem{"the list is empty", "write " + exampleOf["at"]})
	}
	for i, text := range texts {
		m, p := parseMoment(text)
		faults.add("at", i, p)
		t.add(m)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return t, nil
}

// add adds a moment to those of the same time of day.
func (t *Times) add(m moment) {
	i, found := slices.BinarySearchFunc(t.entries, m.at, func(e moment, at int64) int { return cmp.Compare(e.at, at) })
	if !found {
		t.entries = slices.Insert(t.entries, i, m)
		return
	}
	for d, has := range m.days {
		t.entries[i].days[d] = t.entries[i].days[d] || has
	}
}

// parseMoment reads the days, if any, and the time behind them.
func parseMoment(text string) (moment, problem) {
	days, at, m := "", strings.TrimSpace(text), moment{days: everyDay}
	if cut := strings.LastIndexByte(at, ' '); cut >= 0 {
		days, at = at[:cut], at[cut+1:]
	}
	var ok bool
	switch m.at, ok = clockTime(at); {
	case strings.Contains(days, ":") && strings.ContainsAny(at, "/") || strings.EqualFold(at, "utc"):
		return m, problem{fmt.Sprintf("%q has a time zone", text), `write it beside at: {at: "mon-fri 09:00", timezone: ` + at + "}"}
	case strings.Contains(days, ":") && isDays(at) && !strings.Contains(days, ","):
		return m, problem{fmt.Sprintf("%q has its days behind the time", text), fmt.Sprintf("write %q", at+" "+days)}
	case !ok && strings.Contains(at, ","), strings.Contains(days, ":"):
		return m, problem{fmt.Sprintf("%q has several times", text), `write a list: ["mon-fri 09:00", "sat 10:00"]`}
	case !ok:
		return m, problem{fmt.Sprintf("%q is not a valid time of day", at), `write such as "09:00" or "mon-fri 09:00"`}
	case m.at == day:
		return m, problem{"24:00 is the beginning of the next day", "write 00:00, with the day on which it is"}
	case days == "":
		return m, problem{}
	}
	m.days = [7]bool{}
	for part := range strings.SplitSeq(days, ",") {
		if p := addDays(&m.days, strings.TrimSpace(part)); p.message != "" {
			if p.hint == everyDayHint {
				p.hint = fmt.Sprintf("write %q: without days, it is every day", at)
			}
			return m, p
		}
	}
	return m, problem{}
}

// isDays reports whether a text is days, such as mon-fri or sat,sun.
func isDays(text string) bool {
	var days [7]bool
	for part := range strings.SplitSeq(text, ",") {
		if p := addDays(&days, strings.TrimSpace(part)); p.message != "" {
			return false
		}
	}
	return true
}

// Next returns the first of the times after t. A time that is left out by a change of the clock is the first instant
// after the change, and one that comes twice is its first occurrence.
func (t *Times) Next(after time.Time) time.Time {
	_, offset := after.In(t.zone).Zone()
	today := floorDiv(after.Unix()+int64(offset), day)
	for date := today - 1; date <= today+2*7; date++ { // a week more, since a zone may leave out a day
		if t.isLeftOut(date) {
			continue
		}
		for _, m := range t.entries {
			if !m.days[weekday(date)] {
				continue
			}
			if at := t.instant(date*day + m.at); at.After(after) {
				return at
			}
		}
	}
	return time.Time{} // never: each entry has a day
}

// isLeftOut reports whether the zone has no instant on a date.
func (t *Times) isLeftOut(date int64) bool {
	return t.instant(date * day).Equal(t.instant((date + 1) * day))
}

// instant returns the first instant at which the local clock shows at least the given time, in seconds since 1970.
func (t *Times) instant(local int64) time.Time {
	at := time.Unix(local-day, 0).In(t.zone) // every offset is less than a day
	for {
		_, offset := at.Zone()
		shown := time.Unix(local-int64(offset), 0).In(t.zone)
		_, change := at.ZoneBounds()
		switch {
		case shown.Before(at):
			return at
		case change.IsZero() || shown.Before(change):
			return shown
		}
		at = change
	}
}
