package window

import (
	"archive/zip"
	"os"
	"strings"
	"testing"
	"time"
)

// allZones is the environment variable that has the properties tested in all time zones. It names an archive of
// them: "$(go env GOROOT)/lib/time/zoneinfo.zip".
const allZones = "QASE_RELAY_TEST_ZONES"

// place is a time zone, with a year in which its clock changes in a way of its own.
type place struct {
	zone string
	year int
}

func places(t *testing.T) []place {
	t.Helper()
	some := []place{{"Europe/Berlin", 2026}, {"America/Nuuk", 2026}, {"America/New_York", 2026},
		{"Australia/Lord_Howe", 2026},
		{"Pacific/Apia", 2011}, {"America/Sao_Paulo", 2018}, {"Antarctica/Troll", 2026}, {"Africa/Casablanca", 2026},
		{"Asia/Gaza", 2026}, {"Asia/Kathmandu", 2026}, {"UTC", 2026}}
	name := os.Getenv(allZones)
	if name == "" {
		return some
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			some = append(some, place{f.Name, 2026})
		}
	}
	return some
}

// reading tells by the local clock and calendar whether a window is open. It is written otherwise than the package.
type reading struct {
	spec Spec
	open func(date time.Time, minute int) bool // of the date on which the hours begin; minutes may be over 1440
}

var readings = []reading{
	{Spec{Hours: []string{"02:15-02:45", "22:00-03:30"}}, func(_ time.Time, m int) bool {
		return m >= 2*60+15 && m < 2*60+45 || m >= 22*60 && m < 27*60+30
	}},
	{Spec{Days: []string{"fri-mon"}, Hours: []string{"00:00-01:00", "23:30-24:00"}, Except: []string{"2026-03-29"}},
		func(date time.Time, m int) bool {
			d := date.Weekday()
			return (d >= time.Friday || d <= time.Monday) && date.Format(time.DateOnly) != "2026-03-29" &&
				(m < 60 || m >= 23*60+30 && m < 24*60)
		}},
}

func (r reading) at(t time.Time) bool {
	year, month, dayOfMonth := t.Date()
	today := time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC)
	minute := t.Hour()*60 + t.Minute()
	return r.open(today, minute) || r.open(today.AddDate(0, 0, -1), minute+1440)
}

func TestInEveryZoneAWindowOpensAsTheLocalClockReads(t *testing.T) {
	const step = 5 * time.Minute
	for _, p := range places(t) {
		z := zone(t, p.zone)
		for _, r := range readings {
			w, faults := New(r.spec, z)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			compare(t, w, r, time.Date(p.year, 1, 1, 0, 0, 0, 0, time.UTC), step)
		}
	}
}

// compare steps back through two years, and compares the window with what the local clock reads.
func compare(t *testing.T, w *Window, r reading, first time.Time, step time.Duration) {
	t.Helper()
	var next time.Time
	var since time.Duration // that the window has been open, from the time looked at to the last
	last := first.AddDate(2, 0, 0)
	for n, at := 0, last; at.After(first); n, at = n+1, at.Add(-step) {
		read := r.at(at.In(w.zone))
		if read {
			next = at
			since += step
		}
		if got := w.Open(at); got != read {
			t.Fatalf("%s: %s: open is %v, the clock reads %v", w, at.In(w.zone), got, read)
		}
		if n%7 != 0 || next.IsZero() {
			continue
		}
		if got := w.Next(at); !got.Equal(next) {
			t.Fatalf("%s: after %s comes %s, by the clock %s", w, at.In(w.zone), got, next.In(w.zone))
		}
		if n%997 == 0 {
			if got := w.Between(at, last.Add(step)); got != since {
				t.Fatalf("%s: open for %v from %s, by the clock %v", w, got, at, since)
			}
			end := w.Add(at, 100*time.Minute)
			if got := w.Between(at, end); got != 100*time.Minute || w.Open(end) && !w.Open(end.Add(-1)) {
				t.Fatalf("%s: from %s to %s it is open for %v", w, at, end, got)
			}
		}
	}
}

func TestInEveryZoneATimeComesOnceADay(t *testing.T) {
	for _, p := range places(t) {
		z := zone(t, p.zone)
		for _, text := range []string{"00:00", "02:30", "23:45"} {
			times, faults := ParseTimes([]string{text}, z)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			from := time.Date(p.year, 1, 1, 23, 50, 0, 0, z)
			var got, want []string
			for at := from; at.Before(from.AddDate(1, 0, 0)); at = at.Add(time.Hour) { // each date that the zone has
				if d := at.Format(time.DateOnly); len(want) == 0 || want[len(want)-1] != d {
					want = append(want, d)
				}
			}
			for at := times.Next(from); len(got) < len(want)-1; at = times.Next(at) {
				date := at
				if at.Format("15:04") < text { // left out by a change of the clock at midnight
					date = at.Add(-time.Minute)
				}
				got = append(got, date.Format(time.DateOnly))
			}
			for i := range got {
				if got[i] != want[i+1] {
					t.Errorf("%s %s: it came on %s in place of %s", p.zone, text, got[i], want[i+1])
					break
				}
			}
		}
	}
}
