// Package layout explains layouts of dates that do not print, or read, a date as they are meant to.
package layout

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Explain returns a message about a layout of date, and what to write, or "" for one that prints a date.
func Explain(layout string) (message, hint string) {
	if m := countedPart.FindStringSubmatch(layout); m != nil {
		hint := "for the quarter write Q{{ div (add .time.Month 2) 3 }}"
		if counted[m[1]] == "week" {
			hint = "write the date in its place"
		}
		return fmt.Sprintf("%q prints %s and a part of the date: layouts have no %s", m[0], m[1], counted[m[1]]), hint
	}
	message, meant := explain(layout)
	switch {
	case message == "":
		return "", ""
	case strings.HasPrefix(message, "is printed"):
		message = fmt.Sprintf("%q %s: a layout is the date 2 January 2006, 15:04:05", layout, message)
	}
	return message, fmt.Sprintf("write %q", meant)
}

// countedPart matches a quarter or week as people write it.
var countedPart = regexp.MustCompile(`\b(Q|CW|KW|W)\d+`)

var counted = map[string]string{"Q": "quarter", "CW": "week", "KW": "week", "W": "week"}

// Differs returns a date as a layout prints it, if it never prints the given text, or "".
func Differs(layout, text string) string {
	example := time.Date(2026, 11, 27, 15, 4, 5, 0, time.UTC)
	t, err := time.Parse(layout, text)
	switch day := strings.Contains(layout, "Mon"); {
	case err != nil:
	case day && layout != "Mon" && layout != "Monday":
		return "" // the parts of a date that do not fit together are not looked for
	case day:
		for n := range 7 {
			if example.AddDate(0, 0, n).Format(layout) == text {
				return ""
			}
		}
	case t.Format(layout) == text:
		return ""
	}
	return example.Format(layout)
}

// explain returns what is wrong with a layout of date, and the layout that it most likely means. Both are "" for one
// that prints a date.
func explain(layout string) (message, meant string) {
	if named := namedLayouts[strings.ToLower(layout)]; named != "" {
		return "is printed as it is", named
	}
	if slices.ContainsFunc(letterRun.FindAllString(layout, -1), isOtherName) {
		return exampleHint(layout)
	}
	meant = goLayout(layout)
	switch {
	case meant == layout:
	case printsItself(layout):
		return "is printed as it is", meant
	case hasForeignTokens(layout):
		return "is printed in part as it is", meant
	}
	return exampleHint(layout)
}

// namedLayouts are names that other tools have for layouts.
var namedLayouts = map[string]string{
	"iso": "2006-01-02T15:04:05Z07:00", "iso8601": "2006-01-02T15:04:05Z07:00", "rfc3339": "2006-01-02T15:04:05Z07:00",
	"datetime": "2006-01-02 15:04", "date": "2006-01-02", "time": "15:04", "short": "2006-01-02", "long": "2 January 2006",
	"kitchen": "3:04PM", "rfc1123": "Mon, 02 Jan 2006 15:04:05 MST", "weekday": "Monday", "year": "2006", "month": "January",
	"hour": "15",
}

var (
	letterRun   = regexp.MustCompile(`[A-Za-z]+`)
	tokenRun    = regexp.MustCompile(`^(?:YYYY|yyyy|MMMM|MMM|MM|DD|dddd|ddd|dd|EEEE|HH|hh|mm|ss)+$`)
	percentCode = regexp.MustCompile(`%[A-Za-z]`)
)

// printsItself reports whether a layout gives the same text for two different times.
func printsItself(layout string) bool {
	a := time.Date(2011, 3, 13, 19, 27, 38, 0, time.UTC)
	b := time.Date(2022, 11, 26, 8, 41, 56, 0, time.FixedZone("X", 3600))
	return a.Format(layout) == b.Format(layout)
}

func hasForeignTokens(layout string) bool {
	if percentCode.MatchString(layout) {
		return true
	}
	for _, run := range letterRun.FindAllString(layout, -1) {
		if tokenRun.MatchString(run) {
			return true
		}
	}
	return false
}

// dialects are the ways in which other languages write layouts, each with the text that Go writes in place of theirs.
var dialects = map[string][]string{
	"strftime": {"%Y", "2006", "%y", "06", "%m", "01", "%-m", "1", "%d", "02", "%e", "2", "%-d", "2", "%H", "15", "%I",
		"03", "%M", "04", "%S", "05", "%p", "PM", "%B", "January", "%b", "Jan", "%A", "Monday", "%a", "Mon", "%Z", "MST",
		"%z", "-0700", "%F", "2006-01-02", "%T", "15:04:05", "%R", "15:04", "%D", "01/02/06"},
	"php": {"d", "02", "j", "2", "m", "01", "n", "1", "Y", "2006", "y", "06", "H", "15", "G", "15", "i", "04", "s", "05",
		"D", "Mon", "l", "Monday", "M", "Jan", "F", "January", "A", "PM"},
	"moment": {"YYYY", "2006", "yyyy", "2006", "YY", "06", "yy", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M",
		"1", "dddd", "Monday", "EEEE", "Monday", "ddd", "Mon", "EEE", "Mon", "DD", "02", "dd", "02", "D", "2", "d", "2",
		"HH", "15", "H", "15", "hh", "03", "h", "3", "mm", "04", "m", "4", "ss", "05", "s", "5", "a", "pm", "A", "PM",
		"ZZ", "-0700", "Z", "-07:00"},
}

// goLayout returns a layout of strftime, PHP or moment.js as Go writes it.
func goLayout(layout string) string {
	switch {
	case percentCode.MatchString(layout):
		return translate(layout, dialects["strftime"])
	case regexp.MustCompile(`\bY\b`).MatchString(layout) || regexp.MustCompile(`\bi\b`).MatchString(layout):
		return translate(layout, dialects["php"])
	}
	if !strings.ContainsAny(layout, "Hh") { // minutes without an hour are a month
		layout = strings.ReplaceAll(layout, "mm", "MM")
	}
	return letterRun.ReplaceAllStringFunc(layout, func(run string) string {
		if standard(run) {
			return run
		}
		return translate(run, dialects["moment"])
	})
}

// standard reports whether Go knows a word of a layout.
func standard(word string) bool {
	switch word {
	case "Jan", "January", "Mon", "Monday", "MST", "PM", "pm", "Z":
		return true
	}
	return false
}

// translate replaces the tokens of a dialect, the first that fits at each place.
func translate(layout string, pairs []string) string {
	return strings.NewReplacer(pairs...).Replace(layout)
}
