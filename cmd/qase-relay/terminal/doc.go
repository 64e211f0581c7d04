// Package terminal prints for people: colors, tables, wrapped text, previews of messages, and problems with their
// places. It also has the errors that carry hints and exit codes.
package terminal
