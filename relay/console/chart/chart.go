// Package chart computes the shapes of charts, which the templates of the console draw as SVG. Each chart has a sentence
// that says what it shows, and a table with its numbers.
package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Series is a row of numbers over time.
type Series struct {
	Name   string
	Class  string // of its color: a, b, c, d, ok, bad, wait or none
	Values []int64
	Link   string // to the list that it counts, or empty
}

// Total returns the sum of the values.
func (s Series) Total() (n int64) {
	for _, v := range s.Values {
		n += v
	}
	return n
}

// TotalText returns the sum with separators.
func (s Series) TotalText() string { return Number(s.Total()) }

// Stack is a chart of stacked columns over time. The whole has a width and height of 100.
type Stack struct {
	Title, Sentence string
	Series          []Series
	Columns         []Column
	Ticks           []string // texts under the columns, each as far from the next
	Top             string   // the number at the upper edge
	Empty           bool
}

// Column is what happened in one step of time.
type Column struct {
	X, Width float64
	From     string // when the step begins
	Sum      string
	Link     string // to the list of what happened in it, or empty
	Parts    []Part
	Numbers  []string // of each series
}

// Part is the share of a series in a column.
type Part struct {
	Y, Height float64
	Class     string
}

// Steps are the columns of a chart: Count steps from From on.
type Steps struct {
	From  time.Time
	Step  time.Duration
	Count int
	Zone  *time.Location // of the texts
	// Link returns the address of the list of what happened between two times; nil for none.
	Link func(from, until time.Time) string
}

// NewStack computes a chart. what names what is counted, in the plural. Values beyond the steps are left out.
func NewStack(title, what string, series []Series, steps Steps) *Stack {
	s := &Stack{Title: title, Series: series}
	sums := make([]int64, steps.Count)
	total := int64(0)
	for i := range sums {
		for _, one := range series {
			sums[i] += at(one.Values, i)
		}
		total += sums[i]
	}
	most := slices.Max(append([]int64{0}, sums...))
	s.Empty = total == 0
	top := roundUp(most)
	s.Top = Number(top)
	width := 100 / float64(max(1, steps.Count))
	for i := range sums {
		s.Columns = append(s.Columns, steps.column(series, i, float64(max(1, top)), width))
	}
	s.Ticks = steps.ticks()
	s.Sentence = fmt.Sprintf("%s: %s %s since %s, at most %s %s", title, Number(total), what,
		steps.text(steps.From, true), Number(most), steps.per())
	return s
}

func at(values []int64, i int) int64 {
	if i >= len(values) {
		return 0
	}
	return values[i]
}

func (s Steps) column(series []Series, i int, top, width float64) Column {
	from := s.From.Add(time.Duration(i) * s.Step)
	c := Column{X: round(float64(i)*width + width*0.08), Width: round(width * 0.84), From: s.text(from, true)}
	if s.Link != nil {
		c.Link = s.Link(from, from.Add(s.Step))
	}
	sum, y := int64(0), 100.0
	for _, one := range series {
		n := at(one.Values, i)
		c.Numbers = append(c.Numbers, Number(n))
		sum += n
		if n == 0 {
			continue
		}
		h := float64(n) / top * 100
		y -= h
		c.Parts = append(c.Parts, Part{Y: round(y), Height: round(h), Class: one.Class})
	}
	c.Sum = Number(sum)
	return c
}

// ticks returns the times in the middle of each sixth of the chart.
func (s Steps) ticks() (texts []string) {
	for i := range min(6, s.Count) {
		middle := time.Duration(float64(s.Count) * (float64(i) + 0.5) / float64(min(6, s.Count)) * float64(s.Step))
		texts = append(texts, s.text(s.From.Add(middle.Truncate(s.Step)), false))
	}
	return texts
}

// text returns a time as the steps need it.
func (s Steps) text(t time.Time, full bool) string {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	switch {
	case full:
		return t.Format("Jan 2 15:04 -07:00")
	case s.Step*time.Duration(s.Count) <= 36*time.Hour:
		return t.Format("15:04")
	}
	return t.Format("Jan 2")
}

// per names the length of a step.
func (s Steps) per() string {
	switch s.Step {
	case time.Minute:
		return "a minute"
	case time.Hour:
		return "an hour"
	case 24 * time.Hour:
		return "a day"
	}
	return "in " + s.Step.String()
}

// roundUp returns the next number with one or two leading digits that is easy to read.
func roundUp(n int64) int64 {
	if n <= 4 {
		return max(n, 1)
	}
	scale := math.Pow(10, math.Floor(math.Log10(float64(n))))
	for _, step := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if rounded := int64(math.Round(step * scale)); rounded >= n {
			return rounded
		}
	}
	return n
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

// Number returns a number with separators: 1,204.
func Number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Share is a part of a whole, as a bar.
type Share struct {
	Name, Class, Link string
	N                 int64
	Percent           float64 // of the greatest one
	Text              string
}

// NewShares computes bars of which the greatest is 100 % long.
func NewShares(all []Share) []Share {
	most := int64(1)
	for _, s := range all {
		most = max(most, s.N)
	}
	for i := range all {
		all[i].Percent, all[i].Text = round(float64(all[i].N)/float64(most)*100), Number(all[i].N)
		if all[i].N > 0 {
			all[i].Percent = max(all[i].Percent, 1)
		}
	}
	return all
}
