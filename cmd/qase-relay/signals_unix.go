//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoreSizeSignal makes a limit on file sizes an error of the write that meets it.
func ignoreSizeSignal() { signal.Ignore(syscall.SIGXFSZ) }

// notifyReloads sends to c when the rules are to be read again.
func notifyReloads(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
