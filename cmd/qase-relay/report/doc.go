// Package report prints what commands found: explanations, stored events, deliveries, and results of tests and backtests.
package report
