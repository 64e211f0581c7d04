package terminal

import (
	"fmt"
	"strings"

	"qaserelay/rules/catalog"
)

// The exit codes.
const (
	ExitFine  = 0
	ExitWrong = 1 // the thing asked about is wrong: bad rules, a refused event, a failed test message, an id that a relay does not have
	ExitUsage = 2 // wrong usage, also a name that neither the rules nor the catalogue know, or it could not run
)

// ExitError ends the program with a code. Its err is printed unless it is nil, in which case all was said before.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Wrong says that the program worked and the thing asked about is wrong.
func Wrong(err error) error { return &ExitError{Code: ExitWrong, Err: err} }

// HintError is an error with the next step for the user.
type HintError struct {
	err  error
	Hint string
}

func (e *HintError) Error() string { return e.err.Error() }
func (e *HintError) Unwrap() error { return e.err }

func Hint(err error, format string, args ...any) error {
	return &HintError{err: err, Hint: fmt.Sprintf(format, args...)}
}

// maxNames is how many names a hint lists.
const maxNames = 20

// UnknownName says that a name is none of those that the rules have, which one may be meant, and which there are.
func UnknownName(what, name string, known []string) error {
	err := fmt.Errorf("there is no %s %q", what, name)
	all := fmt.Sprintf("the rules file has: %s", strings.Join(known[:min(len(known), maxNames)], ", "))
	switch {
	case len(known) == 0:
		all = fmt.Sprintf("the rules file has no %ss", what)
	case len(known) > maxNames:
		all += fmt.Sprintf(" … and %d more", len(known)-maxNames)
	}
	if near := catalog.Nearest(name, known); near != "" {
		return Hint(err, "did you mean %q? %s", near, all)
	}
	return Hint(err, "%s", all)
}
