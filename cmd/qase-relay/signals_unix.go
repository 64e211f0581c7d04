//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoreSizeSignal makes a write beyond the file size limit return an error instead of ending the process.
func ignoreSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }

// notifyReloads relays SIGHUP to c.
func notifyReloads(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
