// Package backtest sends stored events through other rules and compares.
package backtest
