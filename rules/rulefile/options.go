package rulefile

// Options are what Parse may reach. A nil function reaches nothing.
type Options struct {
	// Kinds are the known types of notifiers by name.
	Kinds map[string]Kind
	// LookupEnv reads an environment variable.
	LookupEnv func(name string) (string, bool)
	// ReadFile reads a file named by include: or by a KEY_file: twin, relative to the working directory.
	ReadFile func(name string) ([]byte, error)
	// Glob expands the patterns of include:.
	Glob func(pattern string) ([]string, error)
	// AllowUnset makes unset environment variables (and unreadable secret files) warnings; they expand to nothing.
	AllowUnset bool
}
