// Package report prints the results of commands: explanations, stored events, deliveries, tests and backtests.
package report
