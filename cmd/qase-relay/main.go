// Command qase-relay takes webhook events from Qase, decides by rules who should know, and tells them.
//
// Each command has a file of its own; root.go holds what all of them share: flags with their environment twins,
// hints, and exit codes (0 fine, 1 the thing asked about is wrong, 2 wrong usage or could not run).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // settings.timezone works where the machine has no time zones

	"qaserelay/cmd/qase-relay/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	code := run(ctx, os.Args[1:], terminal.NewConsole(os.Stdin, os.Stdout, os.Stderr))
	stop()
	os.Exit(code)
}
