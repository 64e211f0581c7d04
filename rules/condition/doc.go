// Package condition compiles, matches and explains conditions.
package condition
