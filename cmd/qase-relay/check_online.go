package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/qaseapi"
	"qaserelay/rules/diag"
)

// maxAttempts limits the notifiers that are tried at once.
const maxAttempts = 8

// attempt is the result of trying one notifier without sending anything.
type attempt struct {
	Notifier string  `json:"notifier"`
	Type     string  `json:"type"`
	Outcome  string  `json:"outcome"` // ok, failed, or untried if it cannot be tried without sending
	Said     string  `json:"said"`
	Millis   float64 `json:"took_ms"`
}

// sourceAttempt is the result of asking the Qase API with the token of one source.
type sourceAttempt struct {
	Source  string  `json:"source"`
	Outcome string  `json:"outcome"` // ok or failed
	Said    string  `json:"said"`
	Millis  float64 `json:"took_ms"`
}

// The outcomes of an attempt.
const (
	attemptOK      = "ok"
	attemptFailed  = "failed"
	attemptUntried = "untried"
)

// tryOnline tries all notifiers, several at once. If one fails, the result is not OK.
func (r *checkResult) tryOnline(ctx context.Context, cfg *config.Config, timeout time.Duration) {
	r.Online = make([]attempt, len(cfg.Config.Notifiers))
	var all sync.WaitGroup
	free := make(chan struct{}, maxAttempts)
	for i, spec := range cfg.Config.Notifiers {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			limited, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			r.Online[i] = tryNotifier(limited, cfg.Notifiers[spec.Name], cfg.Rules.StaticOptions(spec.Name))
		})
	}
	all.Wait()
	cfg.Close()
	r.trySources(ctx, cfg, timeout)
	for i, a := range r.Online {
		if name, missing := unsetIn(r.Problems, a.Notifier); missing && a.Outcome == attemptOK {
			r.Online[i].Outcome, r.Online[i].Said = attemptFailed, name
		}
		r.OK = r.OK && r.Online[i].Outcome != attemptFailed
	}
}

// trySources asks the Qase API with the token of each source that has one. A failure is not OK.
func (r *checkResult) trySources(ctx context.Context, cfg *config.Config, timeout time.Duration) {
	client := qaseapi.NewClient(qaseapi.Options{Hide: cfg.Hide})
	defer client.Close()
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		if s.APIToken() == "" {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, timeout)
		a, start := sourceAttempt{Source: s.Name, Outcome: attemptOK}, time.Now()
		said, err := client.Probe(limited, s)
		if a.Said = said; err != nil {
			a.Outcome, a.Said, r.OK = attemptFailed, err.Error(), false
		}
		a.Millis = float64(time.Since(start).Microseconds()) / 1000
		r.Sources = append(r.Sources, a)
		cancel()
	}
}

// reportSources prints a line for each source that was tried, and the number of failures.
func (r checkResult) reportSources(s *terminal.Screen, format string) {
	failed, wide := 0, 0
	for _, a := range r.Sources {
		wide = max(wide, terminal.Columns(terminal.Printable(a.Source)))
	}
	for _, a := range r.Sources {
		attempt{Notifier: a.Source, Outcome: a.Outcome, Said: a.Said}.print(s, wide)
		if a.Outcome == attemptFailed {
			failed++
		}
		if format == "github" && a.Outcome == attemptFailed {
			s.Printf("::error title=qase-relay::%s\n",
				terminal.GitHubData("the Qase API failed for the source "+a.Source+": "+a.Said))
		}
	}
	if n := len(r.Sources); n > 0 {
		s.Printf("Qase API tried for %s: %d ok, %d failed\n", terminal.Plural(n, "source"), n-failed, failed)
	}
}

func tryNotifier(ctx context.Context, n config.Notifier, options []json.RawMessage) attempt {
	a := attempt{Notifier: n.Spec.Name, Type: n.Spec.Type, Outcome: attemptUntried}
	prober, can := n.Notifier.(notifiers.Prober)
	if !can {
		a.Said = "cannot be tried without sending; to send a test message: " + terminal.Program() + " notify " +
			n.Spec.Name
		return a
	}
	start := time.Now()
	said, err := prober.Probe(ctx, options)
	a.Millis = float64(time.Since(start).Microseconds()) / 1000
	if err == nil {
		a.Outcome, a.Said = attemptOK, said
		return a
	}
	a.Outcome, a.Said = attemptFailed, err.Error()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		a.Said = fmt.Sprintf("no answer within %v; check the address, or give it longer with --timeout",
			time.Since(start).Round(time.Second/10))
	}
	return a
}

// unsetIn returns the problem of a notifier whose configuration uses a variable that is not set.
func unsetIn(problems diag.Problems, notifier string) (problem string, missing bool) {
	for _, p := range aboutNotifier(slices.Clone(problems), notifier) {
		if strings.HasSuffix(p.Message, "is not set") {
			return p.Message, true
		}
	}
	return "", false
}

// reportOnline prints a line for each notifier, and the number of failures.
func (r checkResult) reportOnline(s *terminal.Screen, format string) {
	if len(r.Online) == 0 {
		return
	}
	count, wide := map[string]int{}, 0
	for _, a := range r.Online {
		count[a.Outcome]++
		wide = max(wide, terminal.Columns(terminal.Printable(a.Notifier)))
	}
	for _, a := range r.Online {
		a.print(s, wide)
		if format == "github" && a.Outcome == attemptFailed {
			s.Printf("::error title=qase-relay::%s\n",
				terminal.GitHubData("the notifier "+a.Notifier+" failed: "+a.Said))
		}
	}
	s.Printf("%s tried: %d ok, %d failed", terminal.Plural(count[attemptOK]+count[attemptFailed], "notifier"),
		count[attemptOK], count[attemptFailed])
	if n := count[attemptUntried]; n > 0 {
		s.Printf(", %d not tried", n)
	}
	s.Printf("\n")
}

func (a attempt) print(s *terminal.Screen, wide int) {
	mark := map[string]string{attemptOK: s.Good("ok  "), attemptFailed: s.Bad("FAIL"),
		attemptUntried: s.Dim("-   ")}[a.Outcome]
	name := terminal.Printable(a.Notifier)
	said := strings.Join(strings.Fields(terminal.Printable(a.Said)), " ")
	for i, line := range terminal.Sentences(s, said, wide+8) {
		if i > 0 {
			mark, name = "    ", ""
		}
		s.Printf("%s  %s%s  %s\n", mark, s.Bold(name), strings.Repeat(" ", wide-terminal.Columns(name)), line)
	}
}
