// Package ntfy sends messages to ntfy.
package ntfy
