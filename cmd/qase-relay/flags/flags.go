// Package flags has what the flags of all commands share: environment variables, secrets, and sizes.
package flags

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix begins the name of each variable.
const envPrefix = "QASE_RELAY_"

// Variable returns the environment variable of a flag.
func Variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// FromEnvironment sets the flags that are not on the command line from environment variables, and reads secrets from
// their files. Commas separate the values of a list. An empty variable counts as not set.
func FromEnvironment(set *pflag.FlagSet) error {
	var errs []error
	set.VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Annotations[secretFile] != nil:
			errs = append(errs, (&secret{flag: set.Lookup(f.Annotations[secretFile][0]), file: f}).resolve())
		case !f.Changed && f.Annotations[isSecret] == nil && f.Name != "help" && f.Name != "version":
			errs = append(errs, fromVariable(f))
		}
	})
	return errors.Join(errs...)
}

func fromVariable(f *pflag.Flag) error {
	name := Variable(f.Name)
	value := os.Getenv(name)
	if value == "" {
		return nil
	}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.Replace(strings.Split(value, ","))
	}
	if err := f.Value.Set(value); err != nil {
		return fmt.Errorf("%s=%q: %w", name, value, err)
	}
	return nil
}
