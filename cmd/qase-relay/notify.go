package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules/diag"
	"qaserelay/rules/message"
)

type notifyFlags struct {
	rules   []string
	sets    []string
	title   string
	body    string
	level   string
	timeout time.Duration
	json    bool
}

func newNotify(c *terminal.Console) *cobra.Command {
	var f notifyFlags
	cmd := &cobra.Command{
		Use:   "notify NOTIFIER",
		Short: "Send a test message through one notifier now",
		Long: `Sends a test message through one notifier of the rules file, once and without a relay, and prints
the answer. --set sets options of the message: an email needs --set to=ADDRESS if its notifier has no
recipients.

Exits with 1 if the message was not delivered.`,
		Example: `  qase-relay notify qa-slack
  qase-relay notify qa-slack --set channel=#qa-alerts
  qase-relay notify mail --set to=you@example.com`,
		Args: terminal.ArgsBetween(0, 1, "NOTIFIER"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeNotifier(f.rules, args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return notify(cmd.Context(), c, strings.Join(args, ""), f)
		},
	}
	flags := cmd.Flags()
	addRules(flags, &f.rules)
	flags.StringArrayVar(&f.sets, "set", nil,
		"message option `KEY=VALUE`, such as channel=#qa; commas separate lists (repeatable)")
	flags.StringVar(&f.title, "title", "A test message from qase-relay", "`TEXT` of the title")
	flags.StringVar(&f.body, "body", "If you can read this, **it works**.", "`TEXT` of the body, in Markdown")
	flags.StringVar(&f.level, "level", "info", "`LEVEL`: info, success, warning or error")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "`DURATION` to wait for the answer")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// completeNotifier returns the names of the notifiers in the rules files, with their types.
func completeNotifier(patterns, args []string) (names []string) {
	cfg, problems := config.Load(patterns, config.LoadOptions{AllowUnset: true})
	if problems.Err() != nil || len(args) > 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Notifiers)) {
		names = append(names, name+"\t"+cfg.Notifiers[name].Spec.Type)
	}
	return names
}

func notify(ctx context.Context, c *terminal.Console, name string, f notifyFlags) error {
	if err := readable(f.rules); err != nil {
		return err
	}
	if !slices.Contains([]string{"info", "success", "warning", "error"}, f.level) {
		return terminal.Hint(fmt.Errorf("unknown level %q", f.level), "info, success, warning or error")
	}
	cfg, problems := config.Load(f.rules, config.LoadOptions{AllowUnset: true, Stdin: c.In})
	if errs := problems.Errors(); len(errs) > 0 {
		terminal.PrintProblems(c.Err, errs)
		return errors.New("the rules cannot be used")
	}
	terminal.PrintProblems(c.Err, aboutNotifier(problems, name))
	defer cfg.Close()
	n, err := findNotifier(cfg, name)
	if err != nil {
		return err
	}
	options, err := messageOptions(n.Kind.Options, f.sets)
	if err != nil {
		return err
	}
	now := time.Now()
	m := relay.NewTestMessage(cfg, message.Message{Rule: "test", Level: f.level, Title: f.title, Body: f.body,
		URL: cfg.Settings.QaseURL})
	m.Options = options
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	receipt, err := n.Notifier.Send(ctx, m)
	t := newTrial(time.Since(now), receipt, err)
	if t.Delivered {
		t.Said = deliveredText(n, receipt)
	}
	return printTrial(c, n, t, f.json)
}

// deliveredText returns the meaning of a delivery: a service has posted the message, or has only accepted it.
func deliveredText(n config.Notifier, r notifiers.Receipt) string {
	if n.Kind.Delivered == nil {
		return "the receiver has accepted it"
	}
	return n.Kind.Delivered(r, terminal.Program()+" notify "+n.Spec.Name)
}

// aboutNotifier returns the problems on the lines of a notifier. It reads the files again, so it returns no problems of
// rules from standard input.
func aboutNotifier(problems diag.Problems, name string) diag.Problems {
	return slices.DeleteFunc(problems, func(p diag.Problem) bool {
		var file struct{ Notifiers []yaml.Node }
		data, err := os.ReadFile(p.File)
		if err != nil || yaml.Unmarshal(data, &file) != nil {
			return true
		}
		for _, n := range file.Notifiers {
			var one struct{ Name string }
			if n.Decode(&one) == nil && one.Name == name && n.Line <= p.Line && p.Line <= lastLine(&n) {
				return false
			}
		}
		return true
	})
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, inner := range n.Content {
		last = max(last, lastLine(inner))
	}
	return last
}

func findNotifier(cfg *config.Config, name string) (config.Notifier, error) {
	names := slices.Sorted(maps.Keys(cfg.Notifiers))
	n, ok := cfg.Notifiers[name]
	switch {
	case ok:
		return n, nil
	case name != "":
		return n, terminal.UnknownName("notifier", name, names)
	case len(names) == 0:
		return n, terminal.Hint(errors.New("no notifier to try"), "the rules file has no notifiers")
	}
	return n, terminal.Hint(errors.New("no notifier to try"), "the rules file has: %s", strings.Join(names, ", "))
}

// messageOptions returns KEY=VALUE pairs as the message options of a kind of notifier.
func messageOptions(kind any, sets []string) (json.RawMessage, error) {
	if len(sets) == 0 {
		return nil, nil
	}
	fields, values := map[string]reflect.Type{}, map[string]any{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(kind)) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		fields[key] = f.Type
	}
	for _, set := range sets {
		key, text, ok := strings.Cut(set, "=")
		kind, known := fields[key]
		if !ok || !known {
			return nil, terminal.Hint(fmt.Errorf("--set %s: no such option", set), "KEY=VALUE with one of: %s",
				strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		value, err := optionValue(kind, text)
		if err != nil {
			return nil, fmt.Errorf("--set %s: %w", key, err)
		}
		values[key] = value
	}
	return json.Marshal(values)
}

func optionValue(kind reflect.Type, text string) (any, error) {
	switch {
	case kind.Kind() == reflect.String:
		return text, nil
	case kind.Kind() == reflect.Slice && !strings.HasPrefix(text, "["):
		return strings.Split(text, ","), nil
	}
	return terminal.DecodeValue(text)
}

// trialMessage is the result of a test message.
type tested struct {
	Delivered bool    `json:"delivered"`
	Said      string  `json:"said,omitempty"` // the meaning of the answer, if delivered
	Status    string  `json:"status,omitempty"`
	Response  string  `json:"response,omitempty"`
	Millis    float64 `json:"took_ms"`
	Failure   string  `json:"error,omitempty"`
	Again     string  `json:"again,omitempty"` // never, gone, later or a duration

	took time.Duration
}

func newTrial(took time.Duration, r notifiers.Receipt, err error) tested {
	t := tested{Delivered: err == nil, Status: r.Status, Response: r.Response, took: took,
		Millis: float64(took.Microseconds()) / 1000}
	if err == nil {
		return t
	}
	t.Failure, t.Again = err.Error(), "later"
	var permanent *notifiers.PermanentError
	var wait *notifiers.RetryAfterError
	var gone *notifiers.GoneError
	switch {
	case errors.As(err, &gone):
		t.Again = "gone"
	case errors.As(err, &permanent):
		t.Again = "never"
	case errors.As(err, &wait):
		t.Again = (wait.After + time.Second - 1).Truncate(time.Second).String()
	}
	return t
}

func printTrial(c *terminal.Console, n config.Notifier, t tested, asJSON bool) error {
	if asJSON {
		if err := c.WriteJSON(t); err != nil || t.Delivered {
			return err
		}
		return terminal.Wrong(nil)
	}
	took := t.took.Round(time.Millisecond)
	if t.Delivered {
		c.Out.Printf("%s a test message through %s (%s) in %v\n", c.Out.Good("delivered"), n.Spec.Name, n.Spec.Type,
			took)
		c.Out.PrintSentences("  ", t.Said, nil)
		printAnswer(c.Out, t)
		return nil
	}
	printAnswer(c.Err, t)
	advice := "the receiver asks for a later attempt: a relay would try again after " + t.Again
	switch t.Again {
	case "never":
		advice = "another attempt would not help: a relay would keep this as a dead letter"
	case "gone":
		advice = "the receiver is gone for good: a relay would keep this, and pause the notifier"
	case "later":
		advice = "this may be temporary: a relay would try again"
	}
	return terminal.Wrong(terminal.Hint(fmt.Errorf("%s (%s) did not deliver, after %v: %s", n.Spec.Name, n.Spec.Type,
		took, terminal.OneLine(t.Failure)), "%s", advice))
}

func printAnswer(s *terminal.Screen, t tested) {
	if t.Status != "" {
		s.Printf("  answer: %s\n", terminal.OneLine(t.Status))
	}
	if body := strings.TrimSpace(terminal.Printable(t.Response)); body != "" {
		for _, line := range terminal.Wrap(body, s.Columns-4) {
			s.Printf("  %s\n", s.Dim("| "+line))
		}
	}
}
