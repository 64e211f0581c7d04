package terminal

import "strings"

// Progress is a progress bar. It is for terminals only.
type Progress struct {
	*Screen
	Want int // the whole
}

// Draw draws the bar anew, with so many of the whole done.
func (p *Progress) Draw(done int) {
	wide := min(40, p.Columns-24)
	full := wide * done / p.Want
	p.Printf("\r%s%s %d/%d", p.Good(strings.Repeat("█", full)), p.Dim(strings.Repeat("░", wide-full)), done, p.Want)
}

// Clear removes the bar.
func (p *Progress) Clear() { p.Printf("\r\x1b[K") }
