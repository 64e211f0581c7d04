package dispatch

import "time"

const (
	// retryLogEvery is how often a notifier's failed attempts are logged at most.
	retryLogEvery = 10 * time.Second
	// RuleLogEvery is how often what goes wrong in one rule is logged at most.
	RuleLogEvery = time.Minute
)
