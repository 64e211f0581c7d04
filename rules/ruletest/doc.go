// Package ruletest runs the tests that stand in a rules file.
package ruletest
