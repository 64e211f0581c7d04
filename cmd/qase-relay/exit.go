package main

import (
	"fmt"
	"strings"

	"qaserelay/rules/catalog"
)

// The exit codes.
const (
	exitFine  = 0
	exitWrong = 1 // the thing asked about is wrong: bad rules, a refused event, a failed test message, an id that a relay does not have
	exitUsage = 2 // wrong usage, also a name that neither the rules nor the catalogue know, or it could not run
)

// exitError ends the program with a code. Its err is printed unless it is nil, in which case all was said before.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// wrong says that the program worked and the thing asked about is wrong.
func wrong(err error) error { return &exitError{code: exitWrong, err: err} }

// hintError is an error with the next step for the user.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func hint(err error, format string, args ...any) error {
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// maxNames is how many names a hint lists.
const maxNames = 20

// unknownName says that a name is none of those that the rules have, which one may be meant, and which there are.
func unknownName(what, name string, known []string) error {
	err := fmt.Errorf("there is no %s %q", what, name)
	all := fmt.Sprintf("the rules file has: %s", strings.Join(known[:min(len(known), maxNames)], ", "))
	switch {
	case len(known) == 0:
		all = fmt.Sprintf("the rules file has no %ss", what)
	case len(known) > maxNames:
		all += fmt.Sprintf(" … and %d more", len(known)-maxNames)
	}
	if near := catalog.Nearest(name, known); near != "" {
		return hint(err, "did you mean %q? %s", near, all)
	}
	return hint(err, "%s", all)
}
