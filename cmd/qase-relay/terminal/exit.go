package terminal

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/rules/catalog"
)

// The exit codes.
const (
	ExitOK = 0

	// ExitWrong: the command ran and found a fault, such as bad rules, a refused event, a failed test message, or an
	// id that the relay does not have.
	ExitWrong = 1

	// ExitUsage: wrong usage, including an unknown name of a rule, notifier or event; or the command could not run.
	ExitUsage = 2
)

// ExitError ends the program with a code. Err is printed unless it is nil: then the command has printed the reason.
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

// Wrong returns err with the exit code ExitWrong. A nil err prints nothing.
func Wrong(err error) error { return &ExitError{Code: ExitWrong, Err: err} }

// HintError is an error with a hint for the user.
type HintError struct {
	err  error
	Hint string
}

func (e *HintError) Error() string { return e.err.Error() }
func (e *HintError) Unwrap() error { return e.err }

// Hint adds a hint to err: the next step for the user.
func Hint(err error, format string, args ...any) error {
	return &HintError{err: err, Hint: fmt.Sprintf(format, args...)}
}

// maxNames limits the names that a hint lists.
const maxNames = 20

// UnknownName returns the error for a name that the rules file does not have. The hint suggests the nearest name and
// lists the available ones.
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

// ArgsBetween is cobra.RangeArgs with hints. what names the missing argument.
func ArgsBetween(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return Hint(fmt.Errorf("%s: %s is missing", cmd.Name(), what), "for example\n%s", cmd.Example)
		case len(args) > high:
			return Hint(fmt.Errorf("%s: unexpected argument %q", cmd.Name(), args[high]), "usage: %s", cmd.UseLine())
		}
		return nil
	}
}
