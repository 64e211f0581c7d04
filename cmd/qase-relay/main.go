// Command qase-relay receives Qase webhooks, applies rules, and notifies people on chats, by email and over HTTP.
//
// Each command has a file of its own. root.go runs them: it sets flags from environment variables, and prints errors
// with their hints. The exit codes are those of package terminal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // settings.timezone works where the machine has no time zones

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/trial"
)

// version is set by the linker in releases: go build -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	if trial.Main(os.Args, os.Stdin, os.Stdout) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	c := terminal.NewConsole(os.Stdin, os.Stdout, os.Stderr)
	c.Build, c.IsMain = terminal.Build(version), true
	code := run(ctx, os.Args[1:], c)
	stop()
	os.Exit(code)
}
