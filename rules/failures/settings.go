package failures

import "time"

// Settings say what is asked about the results of runs: the key failures of a source.
type Settings struct {
	Off  bool          // nothing is asked
	Wait time.Duration // how long an event waits at most for the list
	Most int           // failing tests of a run that are read
	// OwnerField is the custom field of cases with the member who looks after a test, or empty.
	OwnerField string
	// NoReasons leaves out what comments and stack traces say.
	NoReasons bool
}

// DefaultSettings are those of a source that says nothing.
func DefaultSettings() Settings { return Settings{Wait: 20 * time.Second, Most: MaxResults} }

// MaxWait is the longest time that an event may wait.
const MaxWait = 10 * time.Minute

// Shown says how the messages of a rule list failing tests: the key failures of a rule.
type Shown struct {
	Most      int  // tests in a list; 0 is as many as suit the channel
	NoReasons bool // what comments and stack traces say is left out
}
