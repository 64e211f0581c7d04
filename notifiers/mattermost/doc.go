// Package mattermost sends messages to Mattermost.
package mattermost
