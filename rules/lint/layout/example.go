package layout

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// datePart is a part of a layout: a run of digits, a word, or what is between them.
type datePart struct {
	text string
	kind byte // 'd' for digits, 'w' for a word, 0 for anything else
}

// datePieces matches the parts of a layout.
var datePieces = regexp.MustCompile(`\d+|[A-Za-z]+|[^A-Za-z\d]+`)

func dateParts(layout string) (all []datePart) {
	for _, piece := range datePieces.FindAllString(layout, -1) {
		kind := byte(0)
		switch c := piece[0]; {
		case c >= '0' && c <= '9':
			kind = 'd'
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			kind = 'w'
		}
		all = append(all, datePart{piece, kind})
	}
	return all
}

// goDigits matches the runs of digits that a layout of Go can have.
var goDigits = regexp.MustCompile(`^(?:2006|20060102|060102|20060102150405|150405|1504|06|01|1|02|2|002|15|03|3|04|4|05|5|` +
	`0700|0[17]?00|00|0+|9+)$`)

// exampleHint returns what is wrong with a layout that shows another date than 2 January 2006, 15:04:05, or shows its
// parts in places where they do not belong, and the layout that it most likely means. Both are "" for a right one.
func exampleHint(layout string) (message, meant string) {
	parts := dateParts(layout)
	foreign := slices.ContainsFunc(parts, func(p datePart) bool {
		return p.kind == 'd' && !goDigits.MatchString(p.text) || p.kind == 'w' && isOtherName(p.text)
	})
	meant = likeThis(parts)
	switch {
	case meant == layout:
		return "", ""
	case foreign:
		return "a layout shows how the date 2 January 2006, 15:04:05 is written", meant
	case dateSpan.MatchString(layout) || clock.MatchString(layout):
		return "it prints other parts of the date than it seems: in a layout 01 is the month, 02 the day, 15 the hour, " +
			"04 the minute", meant
	}
	return "", ""
}

var (
	dateSpan = regexp.MustCompile(`\d+[-/.]\d+[-/.]\d+`)
	clock    = regexp.MustCompile(`\d+:\d+`)
)

// names of months and days beside those of layouts.
var (
	monthNames = strings.Fields("January February March April May June July August September October November December")
	dayNames   = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
)

// isOtherName reports whether a word is the name of a month or day, long or short, that layouts do not have.
func isOtherName(word string) bool { return goName(word) != word }

// goName returns the name of a month or day as layouts have it, and other words as they are.
func goName(word string) string {
	for _, names := range [][]string{monthNames, dayNames} {
		for _, name := range names {
			switch {
			case strings.EqualFold(word, name):
				return names[0]
			case len(word) >= 3 && len(word) <= 4 && strings.EqualFold(word, name[:min(len(word), len(name))]):
				return names[0][:3]
			}
		}
	}
	return word
}

// likeThis returns the layout of Go for a date that is written as an example.
func likeThis(parts []datePart) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = p.text
		if p.kind == 'w' {
			out[i] = goName(p.text)
		}
	}
	for i := 0; i < len(parts); i++ {
		end := i
		for end+2 < len(parts) && parts[end].kind == 'd' && parts[end+2].kind == 'd' && parts[end+1].text == parts[i+1].text &&
			strings.Contains("-/.:", parts[end+1].text) {
			end += 2
		}
		switch {
		case parts[i].kind != 'd', parts[i].text == "07": // of the time zone
		case end > i && parts[i+1].text == ":":
			writeClock(out[i:end+1], parts, end)
		case end > i:
			writeDate(out[i:end+1], parts[i+1].text)
		default:
			out[i] = lonely(parts, i)
		}
		i = end
	}
	return strings.Join(out, "")
}

// writeClock replaces hours, minutes and seconds, which stand at each second place.
func writeClock(out []string, parts []datePart, end int) {
	half := end+1 < len(parts) && strings.Contains(strings.ToLower(parts[end+1].text), "pm") ||
		end+2 < len(parts) && strings.EqualFold(parts[end+2].text, "pm")
	hour := "15"
	switch {
	case half && len(out[0]) == 2:
		hour = "03"
	case half:
		hour = "3"
	}
	for i, token := range []string{hour, "04", "05"} {
		if 2*i < len(out) {
			out[2*i] = token
		}
	}
}

// writeDate replaces year, month and day, which stand at each second place, with the same sign between them.
func writeDate(out []string, sign string) {
	if len(out) < 3 || len(out) > 5 {
		return
	}
	var numbers []string
	for i := 0; i < len(out); i += 2 {
		numbers = append(numbers, out[i])
	}
	if slices.Equal(numbers, []string{"06", "01", "02"}) {
		return // the parts of a layout, in the order of ISO 8601
	}
	yearFirst := len(numbers[0]) == 4
	order := []int{0, 1, 2} // of day, month and year: the places of each
	switch {
	case yearFirst && len(numbers) == 3:
		order = []int{2, 1, 0}
	case yearFirst:
		order = []int{-1, 1, 0}
	case len(numbers) == 2 && len(numbers[1]) == 4:
		order = []int{-1, 0, 1}
	case isAmerican(numbers, sign):
		order = []int{1, 0, 2}
	}
	for place, width := range map[int][2]string{order[0]: {"2", "02"}, order[1]: {"1", "01"}} {
		if place >= 0 && place < len(numbers) {
			out[2*place] = width[min(1, len(numbers[place])-1)]
		}
	}
	if year := order[2]; year < len(numbers) {
		out[2*year] = map[bool]string{true: "2006", false: "06"}[len(numbers[year]) != 2]
	}
}

// isAmerican reports whether the month stands before the day.
func isAmerican(numbers []string, sign string) bool {
	first, _ := strconv.Atoi(numbers[0])
	second, _ := strconv.Atoi(numbers[1])
	switch {
	case first > 12:
		return false
	case second > 12:
		return true
	case numbers[0] == "01" || numbers[0] == "1":
		return true
	case numbers[1] == "01" || numbers[1] == "1":
		return false
	}
	return sign == "/"
}

// lonely returns the token for a number on its own: a year, or a day beside a month.
func lonely(parts []datePart, i int) string {
	text := parts[i].text
	n, _ := strconv.Atoi(text)
	switch {
	case n > 0 && n <= 31 && isBesideMonth(parts, i):
		if text == "06" {
			return text // of a year
		}
		return map[bool]string{true: "2", false: "02"}[len(text) == 1]
	case goDigits.MatchString(text):
		return text
	case len(text) == 4 && n >= 1900 && n < 2100:
		return "2006"
	case len(text) == 8 && strings.HasPrefix(text, "20"):
		return "20060102"
	case len(text) == 2 && n <= 31 && n > 0:
		return "02"
	case len(text) == 1:
		return "2"
	}
	return text
}

// isBesideMonth reports whether the name of a month stands next to a number.
func isBesideMonth(parts []datePart, i int) bool {
	for _, j := range []int{i - 2, i + 2} {
		if j < 0 || j >= len(parts) || parts[j].kind != 'w' || strings.ContainsAny(parts[(i+j)/2].text, ":\n") {
			continue
		}
		if name := goName(parts[j].text); name == "Jan" || name == "January" {
			return true
		}
	}
	return false
}
