// Package app assembles the relay.
package app
