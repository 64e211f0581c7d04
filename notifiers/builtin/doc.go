// Package builtin lists the kinds of notifiers there are.
package builtin
