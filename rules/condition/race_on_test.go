//go:build race

package condition_test

// raceFactor is how much longer things may take under the race detector.
const raceFactor = 20
