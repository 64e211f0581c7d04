package window

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/catalog"
)

// Spec is a window as it is written.
type Spec struct {
	Days     []string // such as mon-fri; nil is every day
	Hours    []string // such as 09:00-18:00; nil is all day
	Except   []string // such as 2026-12-25 and 2026-12-28..2027-01-01
	Timezone string   // empty for the default
}

// Fault is what is wrong with one part of a Spec, or with a list of times.
type Fault struct {
	Field   string // days, hours, except, timezone or at
	Index   int    // in the list of the field; -1 for the field itself
	Message string
	Hint    string // what to write
}

// Error returns the message and the hint.
func (f Fault) Error() string { return f.Field + ": " + f.Message + " (" + f.Hint + ")" }

// New returns the window of a spec, in the given time zone unless the spec names one. The window is nil if there are
// faults.
func New(spec Spec, zone *time.Location) (*Window, []Fault) {
	w, faults := &Window{zone: cmp.Or(zone, time.UTC)}, faultList{}
	if spec.Timezone != "" {
		zone, err := Zone(spec.Timezone)
		if err != nil {
			faults.add("timezone", -1, problem{err.Error(), zoneHint})
		}
		w.zone = zone
	}
	readList(&faults, "days", spec.Days, func(text string) (p problem) {
		p = addDays(&w.days, text)
		return p
	})
	if spec.Days == nil {
		w.days = everyDay
	}
	readList(&faults, "hours", spec.Hours, func(text string) problem {
		h, p := parseHours(text)
		w.hours = append(w.hours, h)
		return p
	})
	if spec.Hours == nil {
		w.hours = []span{{0, day}}
	}
	readList(&faults, "except", spec.Except, func(text string) problem {
		d, p := parseDates(text)
		w.except = append(w.except, d)
		return p
	})
	if w.sort(); len(faults) == 0 {
		w.checkOpens(&faults)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return w, nil
}

// zoneHint says how to write a time zone.
const zoneHint = "names are like Europe/Berlin or UTC"

// Zone returns the time zone of a name.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") || name == "" {
		return nil, fmt.Errorf("no time zone %q", name) // the zone of the machine is not the same on each of them
	}
	return zone, nil
}

// problem is a message and a hint; the zero value is none.
type problem struct{ message, hint string }

type faultList []Fault

func (l *faultList) add(field string, index int, p problem) {
	if p.message != "" {
		*l = append(*l, Fault{field, index, p.message, p.hint})
	}
}

// readList reads the entries of a list. An entry may hold several texts with commas between them.
func readList(faults *faultList, field string, entries []string, read func(text string) problem) {
	if entries != nil && len(entries) == 0 {
		faults.add(field, -1, problem{"the list is empty", "remove the key, or write " + exampleOf[field]})
	}
	for i, entry := range entries {
		for text := range strings.SplitSeq(entry, ",") {
			if p := read(strings.TrimSpace(text)); p.message != "" {
				faults.add(field, i, p)
				break
			}
		}
	}
}

var exampleOf = map[string]string{
	"days": "days: [mon-fri]", "hours": `hours: "09:00-18:00"`, "except": "except: [2026-12-25]",
	"at": `at: "mon-fri 09:00"`,
}

var everyDay = [7]bool{true, true, true, true, true, true, true}

// addDays adds a day, such as mon, or days that follow one another, such as mon-fri.
func addDays(days *[7]bool, text string) problem {
	first, last, isRange := cutDash(text)
	from, ok := dayOf(first)
	if !ok {
		return unknownDay(first, text)
	}
	to := from
	if isRange {
		if to, ok = dayOf(last); !ok {
			return unknownDay(last, text)
		}
		if to == from {
			return problem{fmt.Sprintf("%q begins and ends on the same day", text),
				"write " + dayNames[from] + " for one day; without days, the window has every day"}
		}
	}
	for d := from; ; d = (d + 1) % 7 {
		days[d] = true
		if d == to {
			return problem{}
		}
	}
}

// cutDash cuts a text at its first dash.
func cutDash(text string) (before, after string, found bool) {
	at := strings.IndexAny(text, "-–")
	if at < 0 {
		return text, "", false
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(text[at:], "–"), "-")
	return strings.TrimSpace(text[:at]), strings.TrimSpace(rest), true
}

var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

var fullDayNames = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// dayOf returns the day of a name, from Monday.
func dayOf(name string) (int, bool) {
	name = strings.ToLower(name)
	i := slices.Index(dayNames, name)
	if i < 0 {
		i = slices.Index(fullDayNames, name)
	}
	return i, i >= 0
}

// everyDayHint says how to write a window of every day.
const everyDayHint = "remove the key: without days, the window has every day"

func unknownDay(name, text string) problem {
	hint := "available: " + strings.Join(dayNames, ", ") + ", and ranges such as mon-fri"
	switch key := strings.ToLower(name); key {
	case "weekday", "weekdays", "workday", "workdays", "workweek":
		hint = "write mon-fri"
	case "weekend", "weekends":
		hint = "write sat-sun"
	case "daily", "all", "always", "everyday", "every day", "*", "any":
		hint = everyDayHint
	default:
		if near := catalog.Nearest(key, slices.Concat(dayNames, fullDayNames)); near != "" && key != "" {
			i, _ := dayOf(near)
			hint = `did you mean "` + dayNames[i] + `"?`
		}
	}
	if name == text {
		return problem{fmt.Sprintf("no day %q", name), hint}
	}
	return problem{fmt.Sprintf("no day %q in %q", name, text), hint}
}

// hoursHint says how to write hours.
const hoursHint = `write "09:00-18:00", with 24:00 for the end of the day`

// parseHours reads hours such as 09:00-18:00. Those that end before they begin end on the next day.
func parseHours(text string) (span, problem) {
	first, last, isRange := cutDash(text)
	if !isRange {
		hint := hoursHint
		if _, ok := clockTime(text); ok {
			hint = "write from when until when, such as " + strconv.Quote(text+"-18:00")
		}
		return span{}, problem{fmt.Sprintf("%q is not a stretch of hours", text), hint}
	}
	from, ok := clockTime(first)
	if !ok {
		return span{}, problem{fmt.Sprintf("%q is not a valid time of day in %q", first, text), hoursHint}
	}
	to, ok := clockTime(last)
	switch {
	case !ok:
		return span{}, problem{fmt.Sprintf("%q is not a valid time of day in %q", last, text), hoursHint}
	case from == to || from == day && to == 0:
		return span{}, problem{fmt.Sprintf("%q begins and ends at the same time", text), `all day is "00:00-24:00"`}
	case from == day:
		return span{}, problem{fmt.Sprintf("%q begins at the end of a day", text),
			"write " + strconv.Quote("00:00-"+last) + ", for the days on which it begins"}
	case to < from:
		to += day
	}
	return span{from, to}, problem{}
}

var clock = regexp.MustCompile(`^(\d{1,2}):(\d{2})$`)

// clockTime returns a time of day in seconds. 24:00 is the end of the day.
func clockTime(text string) (int64, bool) {
	m := clock.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	hour, _ := strconv.Atoi(m[1]) // digits, as matched
	minute, _ := strconv.Atoi(m[2])
	return int64(hour*60+minute) * 60, minute < 60 && (hour < 24 || hour == 24 && minute == 0)
}

// parseDates reads a date, or two of them with two dots between them.
func parseDates(text string) (dates, problem) {
	first, last, isRange := strings.Cut(text, "..")
	if !isRange {
		last = first
	}
	from, p := parseDate(strings.TrimSpace(first))
	if p.message != "" {
		return dates{}, p
	}
	to, p := parseDate(strings.TrimSpace(last))
	switch {
	case p.message != "":
		return dates{}, p
	case to < from:
		return dates{}, problem{fmt.Sprintf("%q ends before it begins", text), "write the earlier date first"}
	case to-from >= horizon:
		return dates{}, problem{fmt.Sprintf("%q is longer than 366 days", text),
			"a rule that is not needed for so long is switched off by enabled: false"}
	}
	return dates{from, to}, problem{}
}

// dateHint says how to write dates.
const dateHint = `write 2026-12-25, or "2026-12-28..2027-01-01" for several days`

func parseDate(text string) (int64, problem) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, problem{fmt.Sprintf("%q is not a valid date", text), dateHint}
	}
	return floorDiv(t.Unix(), day), problem{}
}

// sort brings hours and dates into order and joins those that overlap or touch.
func (w *Window) sort() {
	slices.SortFunc(w.hours, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var hours []span
	for _, h := range w.hours {
		if last := len(hours) - 1; last >= 0 && h.from <= hours[last].to {
			hours[last].to = max(hours[last].to, h.to)
		} else {
			hours = append(hours, h)
		}
	}
	slices.SortFunc(w.except, func(a, b dates) int { return cmp.Compare(a.from, b.from) })
	var except []dates
	for _, d := range w.except {
		if last := len(except) - 1; last >= 0 && d.from <= except[last].to+1 {
			except[last].to = max(except[last].to, d.to)
		} else {
			except = append(except, d)
		}
	}
	w.hours, w.except = hours, except
}

// checkOpens reports a window that is closed for more than 366 days.
func (w *Window) checkOpens(faults *faultList) {
	for _, d := range w.except {
		first, last := d.from, d.to
		for last-first <= horizon && !w.has(first-1) {
			first--
		}
		for last-first <= horizon && !w.has(last+1) {
			last++
		}
		if last-first >= horizon {
			faults.add("except", -1, problem{"the window does not open for more than 366 days, from " + date(first),
				"a rule that is not needed for so long is switched off by enabled: false"})
			return
		}
	}
}
