// Package teams sends messages to Microsoft Teams.
package teams
