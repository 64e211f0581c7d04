package window

import (
	"math"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // as in the program
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func mustNew(t testing.TB, spec Spec) *Window {
	t.Helper()
	w, faults := New(spec, nil)
	if len(faults) > 0 {
		t.Fatalf("%+v: %v", spec, faults)
	}
	return w
}

func local(t testing.TB, z *time.Location, text string) time.Time {
	t.Helper()
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, z); err == nil {
			return at
		}
	}
	t.Fatalf("no time %q", text)
	return time.Time{}
}

var office = Spec{Days: []string{"mon-fri"}, Hours: []string{"09:00-18:00"}, Timezone: "Europe/Berlin"}

func TestAWindowIsOpenFromItsBeginToBeforeItsEnd(t *testing.T) {
	nights := Spec{Days: []string{"fri"}, Hours: []string{"22:00-06:00"}, Timezone: "Europe/Berlin"}
	exceptFriday := Spec{Hours: []string{"22:00-06:00"}, Except: []string{"2026-11-27"}, Timezone: "Europe/Berlin"}
	christmas := Spec{Except: []string{"2026-12-25", "2026-12-28..2027-01-01"}, Timezone: "Europe/Berlin"}
	for _, c := range []struct {
		spec Spec
		at   string // in Berlin; the 27th of November is a Friday
		open bool
	}{
		{office, "2026-11-27 08:59:59.999999999", false},
		{office, "2026-11-27 09:00", true},
		{office, "2026-11-27 17:59:59.999999999", true},
		{office, "2026-11-27 18:00", false},
		{office, "2026-11-28 12:00", false},
		{nights, "2026-11-27 05:59", false},
		{nights, "2026-11-27 22:00", true},
		{nights, "2026-11-28 00:00", true},
		{nights, "2026-11-28 05:59", true},
		{nights, "2026-11-28 06:00", false},
		{nights, "2026-11-28 22:30", false},
		{exceptFriday, "2026-11-27 05:00", true},
		{exceptFriday, "2026-11-27 23:00", false},
		{exceptFriday, "2026-11-28 05:00", false},
		{exceptFriday, "2026-11-28 22:00", true},
		{christmas, "2026-12-24 23:59", true},
		{christmas, "2026-12-25 00:00", false},
		{christmas, "2026-12-26 00:00", true},
		{christmas, "2027-01-01 23:59", false},
		{christmas, "2027-01-02 00:00", true},
		{Spec{Hours: []string{"00:00-24:00"}}, "2026-12-26 23:59:59.9", true},
		{Spec{Days: []string{"fri-mon"}, Timezone: "Europe/Berlin"}, "2026-11-26 23:59", false},
		{Spec{Days: []string{"fri-mon"}, Timezone: "Europe/Berlin"}, "2026-11-29 12:00", true},
		{Spec{Days: []string{"fri-mon"}, Timezone: "Europe/Berlin"}, "2026-11-30 23:59", true},
		{Spec{Days: []string{"fri-mon"}, Timezone: "Europe/Berlin"}, "2026-12-01 00:00", false},
	} {
		at := local(t, zone(t, "Europe/Berlin"), c.at)
		if got := mustNew(t, c.spec).Open(at); got != c.open {
			t.Errorf("%+v at %s: open is %v", c.spec, c.at, got)
		}
	}
}

func TestTheNextOpeningFollowsChangesOfTheClock(t *testing.T) {
	at := func(hours string) Spec { return Spec{Hours: []string{hours}} }
	friday := Spec{Days: []string{"fri"}, Hours: []string{"09:00-18:00"}}
	for _, c := range []struct {
		zone       string
		spec       Spec
		from, want string
	}{
		{"Europe/Berlin", at("02:30-05:00"), "2026-03-29 00:00", "2026-03-29T03:00:00+02:00"}, // left out
		{"America/New_York", at("02:30-05:00"), "2026-03-08 00:00", "2026-03-08T03:00:00-04:00"},
		{"America/Sao_Paulo", at("00:00-05:00"), "2018-11-03 12:00", "2018-11-04T01:00:00-02:00"},
		{"Australia/Lord_Howe", at("02:15-05:00"), "2026-10-04 00:00", "2026-10-04T02:30:00+11:00"},
		{"Europe/Berlin", at("02:30-05:00"), "2026-10-25 00:00", "2026-10-25T02:30:00+02:00"}, // twice
		{"America/New_York", at("01:30-05:00"), "2026-11-01 00:00", "2026-11-01T01:30:00-04:00"},
		{"Europe/Berlin", at("02:15-02:45"), "2026-03-29 00:00", "2026-03-30T02:15:00+02:00"}, // left out whole
		{"Europe/Berlin", at("01:00-02:30"), "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"},
		{"Europe/Berlin", at("01:00-02:30"), "2026-10-25T02:30:00+01:00", "2026-10-26T01:00:00+01:00"},
		{"Pacific/Apia", friday, "2011-12-29 20:00", "2012-01-06T09:00:00+14:00"},  // Friday the 30th was left out
		{"Europe/Berlin", office, "2026-10-23 18:00", "2026-10-26T09:00:00+01:00"}, // the clock changes on Sunday
		{"Europe/Berlin", office, "2026-03-27 18:00", "2026-03-30T09:00:00+02:00"},
		{"Europe/Berlin", office, "2026-03-27 17:59:59.5", "2026-03-27T17:59:59.5+01:00"}, // open
		{"Europe/Berlin", Spec{Except: []string{"2026-01-01..2026-12-31"}}, "2026-01-01 12:00",
			"2027-01-01T00:00:00+01:00"},
	} {
		z := zone(t, c.zone)
		w, faults := New(c.spec, z)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got, want := w.Next(local(t, z, c.from)), local(t, z, c.want)
		if !got.Equal(want) || !w.Open(got) {
			t.Errorf("%s %v from %s: %s, want %s", c.zone, c.spec, c.from, got.Format(time.RFC3339Nano), c.want)
		}
	}
}

func TestOnlyOpenTimeCounts(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	nights := Spec{Hours: []string{"22:00-06:00"}, Timezone: "Europe/Berlin"}
	split := Spec{Days: []string{"mon-fri"}, Hours: []string{"13:30-18:00", "09:00-12:30"}, Timezone: "Europe/Berlin"}
	for _, c := range []struct {
		spec  Spec
		from  string
		count time.Duration
		want  string
	}{
		{office, "2026-11-27 17:00", 8 * time.Hour, "2026-11-30T16:00:00+01:00"},
		{office, "2026-11-27 17:00", time.Hour, "2026-11-27T18:00:00+01:00"},
		{office, "2026-11-28 17:00", time.Second, "2026-11-30T09:00:01+01:00"},
		{office, "2026-11-27 17:00", 0, "2026-11-27T17:00:00+01:00"},
		{split, "2026-11-27 12:00", time.Hour, "2026-11-27T14:00:00+01:00"},
		{nights, "2026-03-28 22:00", 7 * time.Hour, "2026-03-29T06:00:00+02:00"},  // an hour is left out
		{nights, "2026-10-24 22:00", 9 * time.Hour, "2026-10-25T06:00:00+01:00"},  // and one comes twice
		{Spec{}, "2026-10-24 22:00", 48 * time.Hour, "2026-10-26T21:00:00+01:00"}, // always open
		{office, "2026-11-27 08:00", 45 * time.Hour, "2026-12-03T18:00:00+01:00"},
	} {
		w, from := mustNew(t, c.spec), local(t, z, c.from)
		got := w.Add(from, c.count)
		if want := local(t, z, c.want); !got.Equal(want) {
			t.Errorf("%v from %s: %s, want %s", c.count, c.from, got.Format(time.RFC3339), c.want)
		}
		if counted := w.Between(from, got); counted != c.count {
			t.Errorf("%v from %s: between are %v", c.count, c.from, counted)
		}
		if w.Between(got, from) != 0 {
			t.Errorf("%v from %s: time runs back", c.count, c.from)
		}
	}
}

func TestTheLongestTimeBeginsAtTheEndOfTheHours(t *testing.T) {
	w := mustNew(t, Spec{Days: []string{"mon"}, Hours: []string{"09:00-14:00"}})
	now := time.Date(2026, 1, 7, 12, 30, 0, 0, time.UTC)
	for open, want := range map[time.Duration]int{time.Minute: 7, 5 * time.Hour: 7, 6 * time.Hour: 14, 21 * time.Hour: 35} {
		if got := w.Longest(now, open); got != time.Duration(want)*24*time.Hour {
			t.Errorf("%s: %s, want %d days", open, got, want)
		}
	}
	if got := w.Longest(now, 10000*time.Hour); got != math.MaxInt64 {
		t.Errorf("too long: %s", got)
	}
	if got := (*Window)(nil).Longest(now, time.Minute); got != time.Minute {
		t.Errorf("without a window: %s", got)
	}
}

func TestWhatTakesTooLongIsNoTime(t *testing.T) {
	w := mustNew(t, Spec{Days: []string{"sun"}, Hours: []string{"03:00-03:01"}})
	if at := w.Add(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 30*24*time.Hour); !at.IsZero() {
		t.Error(at)
	}
}

func TestWithoutAWindowAllTimeIsOpen(t *testing.T) {
	var w *Window
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	if !w.Open(now) || !w.Next(now).Equal(now) || !w.Add(now, time.Hour).Equal(later) ||
		w.Between(now, later) != time.Hour || w.Between(later, now) != 0 || w.String() != "always" {
		t.Error("a nil window is not always open")
	}
}

func TestTheNextOfSeveralTimes(t *testing.T) {
	for _, c := range []struct {
		zone       string
		at         []string
		from, want string
	}{
		{"Europe/Berlin", []string{"mon-fri 09:00"}, "2026-11-27 09:00", "2026-11-30T09:00:00+01:00"},
		{"Europe/Berlin", []string{"mon-fri 09:00"}, "2026-11-27 08:59:59.9", "2026-11-27T09:00:00+01:00"},
		{"Europe/Berlin", []string{"17:00", "9:00"}, "2026-11-27 09:00", "2026-11-27T17:00:00+01:00"},
		{"Europe/Berlin", []string{"sat, mon 09:00", "sat-sun 10:00"}, "2026-11-28 09:00", "2026-11-28T10:00:00+01:00"},
		{"Europe/Berlin", []string{"02:30"}, "2026-03-28 02:30", "2026-03-29T03:00:00+02:00"},
		{"Europe/Berlin", []string{"02:30", "02:40"}, "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"Europe/Berlin", []string{"02:30"}, "2026-10-25 01:00", "2026-10-25T02:30:00+02:00"},
		{"Europe/Berlin", []string{"02:30"}, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"Pacific/Apia", []string{"fri 09:00"}, "2011-12-29 20:00", "2012-01-06T09:00:00+14:00"},
		{"Pacific/Apia", []string{"09:00"}, "2011-12-29 20:00", "2011-12-31T09:00:00+14:00"},
		{"America/Sao_Paulo", []string{"00:00"}, "2018-11-03 12:00", "2018-11-04T01:00:00-02:00"},
	} {
		z := zone(t, c.zone)
		times, faults := ParseTimes(c.at, z)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if got, want := times.Next(local(t, z, c.from)), local(t, z, c.want); !got.Equal(want) {
			t.Errorf("%s %v from %s: %s, want %s", c.zone, c.at, c.from, got.Format(time.RFC3339), c.want)
		}
	}
}

func TestPeopleReadWindows(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	utc := func(days, hours string, except ...string) Spec {
		s := Spec{Except: except, Timezone: "UTC"}
		if days != "" {
			s.Days = []string{days}
		}
		if hours != "" {
			s.Hours = []string{hours}
		}
		return s
	}
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{office, "mon–fri 09:00–18:00 Europe/Berlin"},
		{utc("", ""), "always UTC"},
		{Spec{Days: []string{"Fri-Monday"}}, "fri–mon all day Europe/Berlin"},
		{utc("mon,wed, fri – sat", "22:00-6:00,9:00 - 12:30"), "mon, wed, fri–sat 09:00–12:30, 22:00–06:00 UTC"},
		{utc("", "09:00-12:00, 11:00-18:00"), "every day 09:00–18:00 UTC"},
		{utc("", "09:00-18:00", "2026-12-25"), "every day 09:00–18:00 UTC, except 2026-12-25"},
		{utc("sun", "00:00-24:00, 22:00-06:00"), "sun 00:00–06:00 of the next day UTC"},
		{utc("", "", "2026-12-25, 2026-12-26", "2026-12-24..2026-12-25", "2026-12-31"),
			"always UTC, except 2026-12-24–2026-12-26, 2026-12-31"},
		{utc("", "", "2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"),
			"always UTC, except 2026-01-01, 2026-02-01, 2026-03-01, 2 more"},
	} {
		w, faults := New(c.spec, berlin)
		if len(faults) > 0 {
			t.Errorf("%+v: %v", c.spec, faults)
		} else if got := w.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	times, faults := ParseTimes([]string{"mon-fri 9:00", "sat 10:00", "sun 09:00", "18:00"}, berlin)
	if want := "sun–fri 09:00, sat 10:00, every day 18:00 Europe/Berlin"; len(faults) > 0 || times.String() != want {
		t.Errorf("got  %s\nwant %s", times, want)
	}
}

func TestFaultsSayWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		field string
		index int
		want  string // in the message and hint
	}{
		{Spec{Days: []string{"mon", "mondy"}}, "days", 1, `no day "mondy" (did you mean "mon"?)`},
		{Spec{Days: []string{"mon-fir"}}, "days", 0, `no day "fir" in "mon-fir" (did you mean "fri"?)`},
		{Spec{Days: []string{"mon-"}}, "days", 0, "available: mon, tue"},
		{Spec{Days: []string{"weekdays"}}, "days", 0, "write mon-fri"},
		{Spec{Days: []string{"mon-mon"}}, "days", 0, "write mon for one day"},
		{Spec{Days: []string{}}, "days", -1, "the list is empty"},
		{Spec{Days: []string{""}}, "days", 0, "available: mon"},
		{Spec{Days: []string{"1-5"}}, "days", 0, "available: mon"},
		{Spec{Hours: []string{"09:00"}}, "hours", 0, `"09:00-18:00"`},
		{Spec{Hours: []string{"9-18"}}, "hours", 0, `"9" is not a valid time of day in "9-18"`},
		{Spec{Hours: []string{"09:00-6pm"}}, "hours", 0, `"6pm" is not a valid time of day`},
		{Spec{Hours: []string{"09:00-24:01"}}, "hours", 0, `"24:01" is not a valid time of day`},
		{Spec{Hours: []string{"09:60-18:00"}}, "hours", 0, `"09:60" is not a valid time of day`},
		{Spec{Hours: []string{"09:00-09:00"}}, "hours", 0, `all day is "00:00-24:00"`},
		{Spec{Hours: []string{"24:00-00:00"}}, "hours", 0, `all day is "00:00-24:00"`},
		{Spec{Hours: []string{"24:00-06:00"}}, "hours", 0, `write "00:00-06:00"`},
		{Spec{Hours: []string{"09:00-10:00", "always"}}, "hours", 1, "is not a stretch of hours"},
		{Spec{Hours: []string{}}, "hours", -1, "the list is empty"},
		{Spec{Except: []string{"2026-02-30"}}, "except", 0, `"2026-02-30" is not a valid date`},
		{Spec{Except: []string{"12-25"}}, "except", 0, "write 2026-12-25"},
		{Spec{Except: []string{"2027-01-01..2026-12-28"}}, "except", 0, "ends before it begins"},
		{Spec{Except: []string{"2026-01-01..2028-01-01"}}, "except", 0, "longer than 366 days"},
		{Spec{Except: []string{"2026-01-01..2026-12-31", "2027-01-01..2027-12-31"}}, "except", -1,
			"does not open for more than 366 days, from 2026-01-01"},
		{Spec{Days: []string{"sun"}, Except: []string{"2026-01-01..2026-12-31", "2027-01-03"}}, "except", -1,
			"does not open for more than 366 days, from 2025-12-29"},
		{Spec{Timezone: "Berlin"}, "timezone", -1, `no time zone "Berlin" (names are like Europe/Berlin or UTC)`},
		{Spec{Timezone: "Local"}, "timezone", -1, `no time zone "Local"`},
	} {
		w, faults := New(c.spec, time.UTC)
		if w != nil || len(faults) != 1 || faults[0].Field != c.field || faults[0].Index != c.index ||
			!strings.Contains(faults[0].Error(), c.want) {
			t.Errorf("%+v: %v, want %s %d: %s", c.spec, faults, c.field, c.index, c.want)
		}
	}
	if _, faults := New(Spec{Days: []string{"x", "y"}, Hours: []string{"z"}, Except: []string{"u"}, Timezone: "v"},
		nil); len(faults) != 5 {
		t.Errorf("not every fault is found: %v", faults)
	}
}

func TestFaultsOfTimes(t *testing.T) {
	for _, c := range []struct {
		at    []string
		index int
		want  string
	}{
		{nil, -1, "the list is empty"},
		{[]string{"09:00", "mon-fir 09:00"}, 1, `did you mean "fri"?`},
		{[]string{"9"}, 0, `"9" is not a valid time of day`},
		{[]string{""}, 0, "is not a valid time of day"},
		{[]string{"mon-fri"}, 0, `"mon-fri" is not a valid time of day`},
		{[]string{"24:00"}, 0, "write 00:00"},
		{[]string{"09:00, 18:00"}, 0, "has several times"},
		{[]string{"09:00,18:00"}, 0, "has several times"},
		{[]string{"0 9 * * 1-5"}, 0, "is not a valid time of day"},
	} {
		times, faults := ParseTimes(c.at, nil)
		if times != nil || len(faults) != 1 || faults[0].Field != "at" || faults[0].Index != c.index ||
			!strings.Contains(faults[0].Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.at, faults, c.want)
		}
	}
}

func TestOpenAndNextAllocateNothing(t *testing.T) {
	w := mustNew(t, Spec{Days: []string{"mon-fri"}, Hours: []string{"09:00-12:30", "13:30-18:00"},
		Except: []string{"2026-12-25"}, Timezone: "Europe/Berlin"})
	now := time.Date(2026, 12, 24, 20, 0, 0, 0, time.UTC)
	if n := testing.AllocsPerRun(100, func() { w.Open(now); w.Next(now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNext(b *testing.B) {
	w := mustNew(b, office)
	now := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		w.Next(now)
	}
}

func BenchmarkOpen(b *testing.B) {
	w := mustNew(b, office)
	now := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		w.Open(now)
	}
}

func TestTheNextOpenings(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		spec Spec
		from string
		want string
	}{
		{office, "2026-11-27 12:00", "Mon 30 Nov 09:00, Tue 1 Dec 09:00, Wed 2 Dec 09:00"}, // it is open
		{office, "2026-11-27 09:00", "Fri 27 Nov 09:00, Mon 30 Nov 09:00, Tue 1 Dec 09:00"},
		{Spec{Hours: []string{"02:30-05:00"}}, "2026-03-28 12:00", "Sun 29 Mar 03:00, Mon 30 Mar 02:30, Tue 31 Mar 02:30"},
		{Spec{Hours: []string{"22:00-06:00"}, Except: []string{"2026-11-28"}}, "2026-11-27 23:00",
			"Sun 29 Nov 22:00, Mon 30 Nov 22:00, Tue 1 Dec 22:00"},
		{Spec{Hours: []string{"00:00-24:00"}}, "2026-03-28 12:00", ""},
	} {
		w, faults := New(c.spec, z)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var got []string
		for _, at := range w.Openings(local(t, z, c.from), 3) {
			got = append(got, at.Format("Mon 2 Jan 15:04"))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%+v from %s: %s, want %s", c.spec, c.from, text, c.want)
		}
	}
}
