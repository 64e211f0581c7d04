package terminal

import (
	"fmt"

	"github.com/spf13/cobra"
)

// ArgsBetween is cobra.RangeArgs with a message for people.
func ArgsBetween(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return Hint(fmt.Errorf("%s: %s is missing", cmd.Name(), what), "for example\n%s", cmd.Example)
		case len(args) > high:
			return Hint(fmt.Errorf("%s: do not know what to do with %q", cmd.Name(), args[high]), "usage: %s", cmd.UseLine())
		}
		return nil
	}
}
