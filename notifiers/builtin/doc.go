// Package builtin lists the kinds of notifiers: a new kind is a folder beside this one and a line here.
package builtin
