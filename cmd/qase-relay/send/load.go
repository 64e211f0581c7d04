package send

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"qaserelay/cmd/qase-relay/draft"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
)

// sendMany posts many copies concurrently and prints a summary of the answers.
func sendMany(ctx context.Context, c *terminal.Console, f sendFlags, d *draft.Draft) error {
	if _, err := d.Copy(1, time.Now()); err != nil {
		return err
	}
	base := 1 + rand.IntN(1<<30) // makes the copies of two runs within a second differ
	load := client.NewLoad(f.Options, f.count, func(n int) ([]byte, error) { return d.Copy(base+n, time.Now()) })
	finished := make(chan client.Summary, 1)
	go func() { finished <- load.Run(ctx) }()
	sum := watch(&terminal.Progress{Screen: c.Err, Want: f.count}, load, finished)
	if f.json {
		if err := c.WriteJSON(sum); err != nil {
			return err
		}
	} else {
		printLoad(c.Out, sum)
	}
	return loadError(sum, f)
}

// loadError returns the error of the command. With --json it has no message.
func loadError(sum client.Summary, f sendFlags) error {
	switch {
	case sum.Refused == nil && sum.Sent < f.count:
		return terminal.Wrong(fmt.Errorf("stopped after %d of %d", sum.Sent, f.count))
	case sum.Refused == nil:
		return nil
	}
	code := terminal.ExitWrong
	if !sum.Reached {
		code = terminal.ExitUsage
	}
	if f.json {
		return &terminal.ExitError{Code: code}
	}
	return &terminal.ExitError{Code: code, Err: terminal.AnswerError(*sum.Refused, f.URL)}
}

func printLoad(out *terminal.Screen, s client.Summary) {
	out.Printf("posted %s in %.2f s: %s\n", terminal.Plural(s.Sent, "event"), s.Seconds,
		out.Bold(fmt.Sprintf("%.0f a second", s.Rate)))
	for _, status := range slices.Sorted(maps.Keys(s.Statuses)) {
		out.Printf("  %6d  %s\n", s.Statuses[status], status)
	}
	if s.Duplicates > 0 {
		out.Printf("  %6d  of them duplicates, which the relay sends only once\n", s.Duplicates)
	}
	out.Printf("answered within  p50 %.1f ms  p90 %.1f ms  p99 %.1f ms  max %.1f ms\n", s.P50, s.P90, s.P99, s.Max)
}

// watch draws the bar until the load has ended, and returns its summary.
func watch(bar *terminal.Progress, load *client.Load, finished <-chan client.Summary) client.Summary {
	if !bar.Terminal {
		return <-finished
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		bar.Draw(load.Done())
		select {
		case sum := <-finished:
			bar.Clear()
			return sum
		case <-tick.C:
		}
	}
}
