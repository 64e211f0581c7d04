//go:build !unix

package main

import "os"

// ignoreSizeSignal does nothing: this system has no signal for file size limits.
func ignoreSizeSignal() {}

// notifyReloads does nothing: this system has no SIGHUP. A changed file and the admin API reload the rules.
func notifyReloads(chan<- os.Signal) {}
