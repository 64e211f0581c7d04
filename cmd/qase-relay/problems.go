package main

import (
	"fmt"

	"qaserelay/cmd/qase-relay/terminal"
)

// verdict is the closing line: what was wrong, or what is there.
func (r checkResult) verdict() string {
	if r.Errors+r.Warnings > 0 {
		return terminal.Faults(r.Problems)
	}
	return fmt.Sprintf("%s: %s, %s, no problems", r.Name, terminal.Plural(r.Counts.Rules, "rule"), terminal.Plural(r.Counts.Notifiers, "notifier"))
}
