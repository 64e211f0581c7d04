// Package googlechat sends messages to Google Chat.
package googlechat
