//go:build !unix

package main

import "os"

// ignoreSizeSignal does nothing: there are no limits on file sizes here.
func ignoreSizeSignal() {}

// notifyReloads does nothing: no signal asks for it here. A changed file and the admin API do.
func notifyReloads(chan<- os.Signal) {}
