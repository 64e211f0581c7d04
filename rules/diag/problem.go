package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity is the severity of a problem.
type Severity string

// The severities. A file with errors cannot be used; warnings are advice.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is an error or warning about a rules file, with its position.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`   // from 1; 0 for the whole file
	Col      int      `json:"column,omitempty"` // from 1, in characters
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`   // the next step
	Source   string   `json:"source,omitempty"` // the text of the line
}

// Error returns FILE:LINE:COL: SEVERITY: MESSAGE (HINT).
func (p Problem) Error() string {
	s := fmt.Sprintf("%s: %s: %s", p.Place(), p.Severity, p.Message)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Place returns FILE:LINE:COL, without unknown parts.
func (p Problem) Place() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Problems is the problems of a set of rules files.
type Problems []Problem

// Error returns all problems, a line each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Count returns the number of errors and of warnings.
func (ps Problems) Count() (errors, warnings int) {
	for _, p := range ps {
		if p.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Err returns the errors among the problems as one error, or nil if there are only warnings.
func (ps Problems) Err() error {
	if errs := ps.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// Errors returns the problems that are errors.
func (ps Problems) Errors() (errs Problems) {
	for _, p := range ps {
		if p.Severity == Error {
			errs = append(errs, p)
		}
	}
	return errs
}

// Sort sorts the problems by file and position.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// WithoutRepeated returns the problems without the warnings where an error stands already.
func (ps Problems) WithoutRepeated() Problems {
	type place struct {
		file      string
		line, col int
	}
	wrong := map[place]bool{}
	for _, p := range ps {
		if p.Severity == Error {
			wrong[place{p.File, p.Line, p.Col}] = true
		}
	}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		return p.Severity == Warning && wrong[place{p.File, p.Line, p.Col}]
	})
}
