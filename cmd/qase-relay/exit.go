package main

import "fmt"

// The exit codes.
const (
	exitFine  = 0
	exitWrong = 1 // the thing asked about is wrong: bad rules, a refused event, a failed test message
	exitUsage = 2 // wrong usage, or it could not run
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
