package frame

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The cookies that keep how a person looks at the pages. They are no secrets.
const (
	zoneCookie   = "qr-zone"
	schemeCookie = "qr-scheme"
)

// look is how a person looks at the pages.
type look struct {
	Choice string         // of the time zone: rules, utc, or the name of the zone of the browser
	Zone   *time.Location // that the choice stands for
	Scheme string         // light, dark, or auto for that of the system
}

func lookOf(r *http.Request) look {
	l := look{Choice: "rules", Scheme: "auto"}
	if c, err := r.Cookie(zoneCookie); err == nil && isZone(c.Value) {
		l.Choice = c.Value
	}
	if c, err := r.Cookie(schemeCookie); err == nil && isScheme(c.Value) {
		l.Scheme = c.Value
	}
	return l
}

func isScheme(text string) bool { return text == "auto" || text == "light" || text == "dark" }

// isZone reports whether a text is a choice of a time zone.
func isZone(text string) bool {
	if text == "rules" || text == "utc" {
		return true
	}
	_, err := time.LoadLocation(text)
	return err == nil && strings.Contains(text, "/") && len(text) < 64
}

// location returns the zone of a choice.
func (l look) location(rules *time.Location) *time.Location {
	if rules == nil {
		rules = time.UTC
	}
	switch l.Choice {
	case "rules":
		return rules
	case "utc":
		return time.UTC
	}
	zone, err := time.LoadLocation(l.Choice)
	if err != nil {
		return rules
	}
	return zone
}

// NextScheme is the colors that the switch turns to.
func (l look) NextScheme() string {
	return map[string]string{"auto": "light", "light": "dark", "dark": "auto"}[l.Scheme]
}

// Own is the zone of the browser, if it was chosen.
func (l look) Own() string {
	if l.Choice == "rules" || l.Choice == "utc" {
		return ""
	}
	return l.Choice
}

// chooseView keeps the zone or the colors that a form names, and goes back to its page. It needs no sign-in.
func (f *Frame) chooseView(w http.ResponseWriter, r *http.Request) {
	for name, ok := range map[string]func(string) bool{"zone": isZone, "scheme": isScheme} {
		if v := r.PostFormValue(name); v != "" && ok(v) {
			http.SetCookie(w, &http.Cookie{Name: "qr-" + name, Value: v, MaxAge: 365 * 24 * 3600, HttpOnly: true,
				SameSite: http.SameSiteLaxMode})
		}
	}
	seeOther(w, "./"+SafePath(r.PostFormValue("back")))
}

// Moment is a time as the pages show it.
type Moment struct {
	ISO   string // for programs
	Short string // the time, with the day if that is not today
	Full  string // day, time, milliseconds and offset
	Ago   string // how long ago, or in how long
}

// NewMoment returns a time as it is seen at another one in a zone. The zero time has no texts.
func NewMoment(t, now time.Time, zone *time.Location) Moment {
	if t.IsZero() {
		return Moment{}
	}
	local, today := t.In(zone), now.In(zone)
	m := Moment{ISO: t.UTC().Format(time.RFC3339Nano), Full: local.Format("2006-01-02 15:04:05.000 -07:00"),
		Short: local.Format("15:04:05"), Ago: ago(now.Sub(t))}
	switch {
	case local.Year() != today.Year():
		m.Short = local.Format("2006-01-02 15:04:05")
	case local.YearDay() != today.YearDay():
		m.Short = local.Format("Jan 2 15:04:05")
	}
	return m
}

// ago says how long ago something was, in one unit.
func ago(d time.Duration) string {
	text := Duration(d.Abs())
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return "in " + text
	}
	return text + " ago"
}

// Duration returns a length of time for people, in one unit: 350 ms, 4 s, 12 min, 31 h, 9 d.
func Duration(d time.Duration) string {
	unit := func(n float64, name string) string {
		if n < 10 && name != "ms" {
			return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") + " " + name
		}
		return strconv.FormatFloat(n, 'f', 0, 64) + " " + name
	}
	switch {
	case d < time.Second:
		return unit(float64(d)/float64(time.Millisecond), "ms")
	case d < 100*time.Second:
		return unit(d.Seconds(), "s")
	case d < 100*time.Minute:
		return unit(d.Minutes(), "min")
	case d < 100*time.Hour:
		return unit(d.Hours(), "h")
	}
	return unit(d.Hours()/24, "d")
}
