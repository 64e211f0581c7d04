// Package demo is the command that runs a relay with stand-ins for Slack, a mail server and a web service, posts events
// to it, and prints the messages that arrive.
package demo
