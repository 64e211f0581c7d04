//go:build !race

package condition_test

const raceFactor = 1
