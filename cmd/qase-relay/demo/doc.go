// Package demo runs a relay with receivers of its own.
package demo
