// Package dispatch sends deliveries: lanes, limits, breakers, retries, outcomes.
package dispatch
