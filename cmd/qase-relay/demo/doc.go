// Package demo is the command that runs a relay and receivers in place of Slack, a mail server and a web service, and a Qase API. It
// posts events to the relay and prints the messages that arrive.
package demo
