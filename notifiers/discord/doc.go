// Package discord sends messages to Discord.
package discord
