package flags

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/yamldoc"
)

// The annotations of flags that belong together.
const (
	isSecret   = "qase-relay/secret"      // of a secret
	secretFile = "qase-relay/secret-file" // of the flag of its file: the name of the secret
	onlyFlags  = "qase-relay/only-flags"  // of the flag of its file: variables are not read
)

// maxSecret bounds the size of a file that holds a secret.
const maxSecret = 64 << 10

// Secret describes a flag that holds a secret.
type Secret struct {
	Name, Default string
	Usage         string
	OnlyFlags     bool // no environment variable sets it
}

// Add adds the flag, and another one with -file at its end, which names a file that holds the value.
func (s Secret) Add(set *pflag.FlagSet, value *string) {
	file := s.Name + "-file"
	set.StringVar(value, s.Name, s.Default, s.Usage)
	set.String(file, "", fmt.Sprintf("`FILE` that holds the value of --%s", s.Name))
	_ = set.SetAnnotation(s.Name, isSecret, []string{"true"}) // the flags exist
	_ = set.SetAnnotation(file, secretFile, []string{s.Name})
	if s.OnlyFlags {
		_ = set.SetAnnotation(file, onlyFlags, []string{"true"})
	}
}

// secret is the flag of a secret and that of its file.
type secret struct{ flag, file *pflag.Flag }

// resolve sets the secret from the command line, or else from the environment, and cleans it.
func (s *secret) resolve() error {
	value, file, names := s.flag.Value.String(), s.file.Value.String(), [2]string{"--" + s.flag.Name, "--" + s.file.Name}
	if !s.flag.Changed && !s.file.Changed && s.file.Annotations[onlyFlags] == nil {
		names = [2]string{Variable(s.flag.Name), Variable(s.file.Name)}
		value, file = os.Getenv(names[0]), os.Getenv(names[1])
	}
	switch {
	case (s.flag.Changed || value != "") && file != "" && s.flag.Changed == s.file.Changed:
		return terminal.Hint(fmt.Errorf("%s and %s cannot be used together", names[0], names[1]), "give one of them")
	case s.file.Changed || file != "":
		return s.read(names[1], file)
	case value == "":
		return nil
	}
	return s.set(names[0], value)
}

// read sets the secret from a file. source is what names the file.
func (s *secret) read(source, name string) error {
	text, err := readFile(name)
	if name == "" {
		err = errors.New("the name of the file is empty")
	}
	if err != nil {
		return terminal.Hint(fmt.Errorf("%s: %w", source, err), "a file that holds the value of --%s", s.flag.Name)
	}
	return s.set(source+": the file "+name, text)
}

// set cleans a value and sets the secret. subject names what holds the value, in errors.
func (s *secret) set(subject, value string) error {
	clean, err := cleaned(subject, value)
	if err != nil {
		return err
	}
	return s.flag.Value.Set(clean)
}

// SecretVariable returns the secret in an environment variable, or "" if it is not set.
func SecretVariable(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", nil
	}
	return cleaned(name, value)
}

func cleaned(subject, value string) (string, error) {
	clean, fault := yamldoc.CleanSecret(value, false)
	if fault == "" && clean == "" {
		fault = "is empty"
	}
	if fault != "" {
		return "", terminal.Hint(fmt.Errorf("%s %s", subject, fault),
			"a secret is one line of text, without spaces around it")
	}
	return clean, nil
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = errors.New(name + " is too large")
	}
	return string(text), err
}

// IsSecret reports whether a flag holds a secret.
func IsSecret(f *pflag.Flag) bool { return f.Annotations[isSecret] != nil }
