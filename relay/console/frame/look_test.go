package frame

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestMomentsAreShownInTheZoneOfThePage(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC) // half an hour after the end of summer time
	for _, c := range []struct {
		at               time.Time
		short, full, ago string
	}{
		{now.Add(-40 * time.Minute), "02:50:00", "2026-10-25 02:50:00.000 +02:00", "40 min ago"},
		{now.Add(-300 * time.Millisecond), "02:29:59", "2026-10-25 02:29:59.700 +01:00", "now"},
		{now.Add(5 * time.Second), "02:30:05", "2026-10-25 02:30:05.000 +01:00", "in 5 s"},
		{now.Add(-24 * time.Hour), "Oct 24 03:30:00", "2026-10-24 03:30:00.000 +02:00", "24 h ago"},
		{now.Add(-400 * 24 * time.Hour), "2025-09-20 03:30:00", "2025-09-20 03:30:00.000 +02:00", "400 d ago"},
	} {
		if m := NewMoment(c.at, now, berlin); m.Short != c.short || m.Full != c.full || m.Ago != c.ago {
			t.Errorf("%v: %+v", c.at, m)
		}
	}
	if m := NewMoment(time.Time{}, now, berlin); m != (Moment{}) {
		t.Errorf("no time: %+v", m)
	}
}

func TestDurationsHaveOneUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 ms", 350 * time.Millisecond: "350 ms", 4 * time.Second: "4 s",
		1500 * time.Millisecond: "1.5 s", 99 * time.Second: "99 s", 12 * time.Minute: "12 min", 31 * time.Hour: "31 h",
		720 * time.Hour: "30 d"} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestTheLookComesFromCookies(t *testing.T) {
	for text, want := range map[string]string{"": "UTC", "qr-zone=utc": "UTC", "qr-zone=Europe/Berlin": "Europe/Berlin",
		"qr-zone=Local": "UTC", "qr-zone=../../etc/passwd": "UTC", "qr-zone=Nowhere/Land": "UTC"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", text)
		if got := lookOf(r).location(nil).String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestPathsStayInTheConsole(t *testing.T) {
	for text, want := range map[string]string{"": "", "events": "events", "events/0pc?x=1": "events/0pc?x=1", "/events": "",
		"//evil.example": "", "https://evil.example": "", "javascript:alert(1)": "", "../x": "", "a/../b": "", `\evil`: "",
		"events\r\nX: y": "", "x:y/z": ""} {
		if got := SafePath(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCompressionIsThatOfTheClient(t *testing.T) {
	for header, want := range map[string]bool{"": false, "gzip": true, "br, gzip;q=0.8": true, "gzip;q=0": false, "gzip; q=0.0": false,
		"identity": false, "x-gzip": false, "gzip;q=x": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := zips(r); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}
