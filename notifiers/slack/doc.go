// Package slack sends messages to Slack.
package slack
