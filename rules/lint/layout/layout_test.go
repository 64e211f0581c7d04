package layout

import "testing"

// TestLayoutsOfOtherLanguagesAndOtherDatesGetTheRightOne checks what a layout means, and that right ones have no
// finding.
func TestLayoutsOfOtherLanguagesAndOtherDatesGetTheRightOne(t *testing.T) {
	for written, want := range map[string]string{
		"YYYY-MM-DD": "2006-01-02", "%Y-%m-%d": "2006-01-02", "dd.MM.yyyy HH:mm": "02.01.2006 15:04", "d.m.Y": "02.01.2006",
		"%d/%m/%Y": "02/01/2006", "HH:mm": "15:04", "hh:mm a": "03:04 pm", "iso8601": "2006-01-02T15:04:05Z07:00",

		"2026-01-31": "2006-01-02", "2026-11-27": "2006-01-02", "31.12.2026": "02.01.2006", "5.3.2026": "2.1.2006",
		"12/31/2026": "01/02/2006", "01/02/2026": "01/02/2006", "31/12/26": "02/01/06", "2026-12-31 23:59": "2006-01-02 15:04",
		"2026-12-31T10:00:00": "2006-01-02T15:04:05", "31 December 2026": "02 January 2006", "12:00": "15:04",
		"3:45 PM": "3:04 PM", "14:30:00": "15:04:05", "Tue, 5 Mar 2026": "Mon, 2 Jan 2006", "Friday": "Monday",
		"2024": "2006", "20261231": "20060102", "2026-12": "2006-01", "12.2026": "01.2006", "December 2026": "January 2006",

		"2006-31-01": "2006-01-02", "2006-02-01": "2006-01-02", "2006-01-03": "2006-01-02", "15:05": "15:04", "02.02.2006": "02.01.2006",
		"15:01": "15:04", "2006/02/01": "2006/01/02", "2006-01-02 03:04": "2006-01-02 15:04", "2006-04-02": "2006-01-02",
	} {
		if message, meant := explain(written); meant != want || message == "" {
			t.Errorf("%q: got %q, %q; want %q", written, message, meant, want)
		}
	}
	for _, right := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04:05Z07:00", "02.01.2006", "2.1.2006",
		"01/02/2006", "02/01/2006", "1/2/06", "02/01/06", "15:04", "15:04:05", "3:04 PM", "03:04PM", "3:04pm", "Mon, 02 Jan 2006 15:04:05 MST",
		"Monday, 2 January 2006", "Jan 2", "January 2006", "2006", "02 Jan", "15h", "Mon 15:04 MST", "20060102", "20060102150405",
		"2006-01", "01.2006", "15:04:05.000", "Monday", "Mon", "Jan _2 15:04", "2006-01-02 15:04:05 -0700", "05", "02.01."} {
		if message, meant := explain(right); message != "" {
			t.Errorf("%q: got %q, %q; want nothing", right, message, meant)
		}
	}
}
