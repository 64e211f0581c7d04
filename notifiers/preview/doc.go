// Package preview draws what a channel shows of a message.
package preview
