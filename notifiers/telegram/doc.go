// Package telegram sends messages to Telegram.
package telegram
