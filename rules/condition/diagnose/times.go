package diagnose

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/value"
)

var (
	yearFirst  = regexp.MustCompile(`^(\d{4})[-./](\d{1,2})[-./](\d{1,2})(.*)$`)
	yearLast   = regexp.MustCompile(`^(\d{1,2})([-./])(\d{1,2})[-./](\d{4})(.*)$`)
	timeOfDay  = regexp.MustCompile(`^(\d{1,2}):\d\d`)
	lengthPart = regexp.MustCompile(`(?i)(\d+(?:\.\d+)?)\s*([a-zµ]+)`)

	quotedDate   = regexp.MustCompile(`"\d{4}-[^"]*"`)
	quotedLength = regexp.MustCompile(`"\d+[a-z][^"]*"`)
)

// DateWords says how to write a text that means a date.
func DateWords(text string) string {
	_, hint := Date(text, "")
	return quotedDate.ReplaceAllString(hint, "date($0)")
}

// LengthWords says how to write a text that means a duration.
func LengthWords(text string) string {
	return quotedLength.ReplaceAllString(durationHint(text), "duration($0)")
}

const dateHint = `write "2026-01-31" or "2026-01-31 09:30"`

// Date explains a text that is not a date. layout is the one that it has to have, or empty.
func Date(text, layout string) (message, hint string) {
	message = value.Quote(text) + " is not a valid date"
	if layout != "" {
		message += " of the layout " + value.Quote(layout)
	}
	plain := strings.TrimSpace(text)
	if m := yearFirst.FindStringSubmatch(plain); m != nil {
		return message, calendarDate(m[1], m[2], m[3], m[4])
	}
	if m := yearLast.FindStringSubmatch(plain); m != nil {
		day, month := m[1], m[3]
		if first, _ := strconv.Atoi(day); m[2] == "/" && first <= 12 {
			if day, month = month, day; first == 0 || number(day) <= 12 {
				return message, "the year stands first, then the month and the day: " + dateHint
			}
		}
		return message, calendarDate(m[4], month, day, m[5])
	}
	if m := timeOfDay.FindStringSubmatch(plain); m != nil {
		return message, fmt.Sprintf("for a time of the day write time.Hour() >= %d", number(m[1]))
	}
	switch strings.ToLower(plain) {
	case "now", "today":
		return message, "the present time is now()"
	case "yesterday":
		return message, `write now() - duration("24h")`
	case "tomorrow":
		return message, `write now() + duration("24h")`
	}
	if layout != "" {
		return message, `a layout shows how the date 2 January 2006, 15:04:05 is written, such as "2006-01-02"`
	}
	return message, dateHint
}

// calendarDate says how to write a date, or why there is none.
func calendarDate(year, month, day, rest string) string {
	y, m, d := number(year), number(month), number(day)
	if m > 12 && d <= 12 {
		m, d = d, m
	}
	first := time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
	switch last := first.AddDate(0, 1, -1).Day(); {
	case m < 1 || m > 12:
		return "there is no month " + month + ": " + dateHint
	case d < 1 || d > last:
		return fmt.Sprintf("%s %d has %d days", first.Month(), y, last)
	}
	date := fmt.Sprintf("%04d-%02d-%02d", y, m, d)
	for _, written := range []string{date + rest, date + " " + strings.Trim(rest, " ,T")} {
		if _, ok := value.Time(written); ok {
			return "write " + strconv.Quote(written)
		}
	}
	return "write " + strconv.Quote(date) + " or " + strconv.Quote(date+" 09:30")
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// lengthUnits are the beginnings of words for units of time, and how a duration writes them. The first that fits
// counts.
var lengthUnits = [][2]string{{"ms", "ms"}, {"milli", "ms"}, {"mo", "month"}, {"m", "m"}, {"s", "s"}, {"h", "h"},
	{"d", "d"}, {"w", "w"}, {"y", "year"}}

// Duration explains a text that is not a duration.
func Duration(text string) (message, hint string) {
	return value.Quote(text) + " is not a valid duration", durationHint(text)
}

// durationHint says how to write a length of time.
func durationHint(text string) string {
	general := `write it like "90s", "10m", "1h30m", "26h" or "7d"`
	plain := strings.TrimSpace(text)
	if isWholeNumber(plain) {
		return fmt.Sprintf("a duration has a unit: write \"%[1]sh\", \"%[1]sm\" or \"%[1]ss\"", plain)
	}
	var out strings.Builder
	for _, part := range lengthPart.FindAllStringSubmatch(plain, -1) {
		unit := ""
		for _, u := range lengthUnits {
			if unit == "" && strings.HasPrefix(strings.ToLower(part[2]), u[0]) {
				unit = u[1]
			}
		}
		switch unit {
		case "month":
			part[1], unit = strconv.Itoa(30*number(part[1])), "d"
		case "year":
			part[1], unit = strconv.Itoa(365*number(part[1])), "d"
		}
		out.WriteString(part[1] + unit)
	}
	if d, err := value.ParseDuration(out.String()); err != nil || d == 0 {
		return general
	}
	return "write " + strconv.Quote(out.String())
}
