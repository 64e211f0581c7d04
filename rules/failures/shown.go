package failures

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// Limits of what a message shows.
const (
	maxExamples = 5  // of the tests that have one reason
	maxNamed    = 10 // tests that were fixed
	maxOwners   = 5
)

// withoutCase is the title of a result without a case.
const withoutCase = "a test without a case"

// IsAsked reports whether anything was asked about the results of the run, so that a default message is about them.
func (r *Report) IsAsked() bool { return r != nil && r.Facts != nil && r.Facts.Cause != CauseOff }

// Message returns the failing tests as a message shows them, without Markdown. It returns nil if there is nothing to say.
func (r *Report) Message(most int) *message.Failures {
	m := &message.Failures{Total: r.Total, New: r.NewTotal, Most: most, Muted: r.Muted, FixedTotal: r.FixedTotal, Note: r.note()}
	for _, f := range r.List {
		if !f.Muted && len(m.Items) < message.MaxFailures {
			m.Items = append(m.Items, r.shown(f))
		}
	}
	for _, g := range r.Groups {
		m.Groups = append(m.Groups, r.groupShown(g, m.Items))
	}
	for _, f := range r.Fixed[:min(len(r.Fixed), maxNamed)] {
		m.Fixed = append(m.Fixed, message.Failure{Code: f.Code, Title: f.Title, URL: r.URL(f), Suite: f.Suite})
	}
	for _, f := range r.Flaky[:min(len(r.Flaky), maxNamed)] {
		m.Flaky = append(m.Flaky, r.shown(f))
	}
	for _, owner := range r.owners() {
		if name := ownerName(owner); name != "" && len(m.Owners) < maxOwners {
			m.Owners = append(m.Owners, name)
		}
	}
	if m.Total+m.FixedTotal+m.Muted+len(m.Flaky) == 0 && m.Note == "" {
		return nil
	}
	return m
}

// groupShown returns a reason that most of the tests share, with the first of them.
func (r *Report) groupShown(g Group, items []message.Failure) message.FailureGroup {
	shown := message.FailureGroup{Reason: g.Reason, Count: g.Count}
	for _, one := range items {
		if one.Reason == g.Reason && len(shown.Examples) < maxExamples {
			shown.Examples = append(shown.Examples, one)
		}
	}
	return shown
}

// shown returns a test as a message names it.
func (r *Report) shown(f *Failure) message.Failure {
	m := message.Failure{Code: f.Code, Title: f.Title, URL: r.URL(f), Suite: f.Suite, Reason: f.Reason, New: f.New,
		Since: r.age(f), Owner: ownerName(f.Owner)}
	if f.Status != "failed" && f.Status != "passed" {
		m.Status = f.Status
	}
	if f.IsFlaky {
		m.Rate = strings.TrimSuffix("flaky, "+f.Rate, ", ")
	}
	if f.Times > 1 {
		m.Times = f.Times
	}
	if f.Defect != nil {
		m.Defect, m.Link = fmt.Sprint("defect ", f.Defect.ID), r.defectURL(f.Defect)
	}
	if m.Reason == m.Title { // of a result without a case
		m.Reason = ""
	}
	return m
}

func ownerName(owner any) string {
	fields, _ := owner.(map[string]any)
	name, _ := fields["name"].(string)
	email, _ := fields["email"].(string)
	return cmp.Or(name, email)
}

// age says how long a test has failed: "4 runs, since Mon 08:00", or "never passed here". It is empty for a test that has
// begun to fail in this run.
func (r *Report) age(f *Failure) string {
	switch {
	case r.Compared == nil || f.Status == "passed":
		return ""
	case f.New && f.NeverPassed:
		return "never passed here"
	case f.New:
		return ""
	}
	text := value.Grouped(f.RedRuns) + " runs"
	switch {
	case f.NeverPassed:
		return text + ", never passed here"
	case f.Since <= 0:
		return text
	}
	layout := "Mon 15:04"
	if time.Duration(r.FinishedAt-f.Since)*time.Second > 6*24*time.Hour {
		layout = "2 Jan 15:04"
	}
	return text + ", since " + r.time(f.Since).Format(layout)
}

// note says in a sentence or two what is not known.
func (r *Report) note() string {
	switch {
	case !r.IsAsked():
		return ""
	case !r.known() && r.Total == 0:
		return sentence("Which tests were fixed could not be found out", r.Facts.Error)
	case !r.known():
		return sentence("Which tests failed could not be found out", r.Facts.Error)
	case r.Total == 0:
		return ""
	}
	var said []string
	if known := r.listedRows(); !r.Facts.Complete && r.Facts.Left == 0 && known < r.Total {
		text := value.Grouped(known) + " of " + value.Grouped(r.Total) + " are known so far"
		if r.Facts.Cause == "" { // they are still to come
			said = append(said, text+".")
		} else {
			said = append(said, sentence(text, r.Facts.Error))
		}
	}
	if r.Compared == nil {
		said = append(said, "There is no run to compare with, so all count as new.")
	}
	return strings.Join(said, " ")
}

// sentence returns a text with the reason for it.
func sentence(text, reason string) string {
	if reason = strings.TrimRight(value.OneLine(reason), ". "); reason != "" {
		text += ": " + reason
	}
	return text + "."
}

// listedRows counts the failing results of the list.
func (r *Report) listedRows() (n int) {
	for _, f := range r.List {
		if !f.Muted {
			n += f.rows()
		}
	}
	return n
}
