package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/draft"
	"qaserelay/cmd/qase-relay/gallery"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
)

type explainFlags struct {
	rules  []string
	event  string
	name   string
	sets   []string
	given  []string
	at     string
	failed string
	source string
	only   []string

	preview bool
	html    string // the folder of the pages

	id string
	askFlags
}

func newExplain(c *terminal.Console) *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:        "explain --event FILE | --event-name NAME | --id EVENT_ID",
		SuggestFor: []string{"trace", "debug", "simulate"},
		Short:      "Show what each rule does with an event, and why",
		Long: `Shows for one event what each rule does with it: whether it matches, the value of each part of its
condition, the reason if it sends nothing, and its messages. Nothing is sent. The event is a file, or an example
from the catalog with changes as in send. Times of a condition, such as time.Hour(), now() and date("2026-01-05 09:30"),
are in settings.timezone.

Only the events in --given count as earlier events, for entity and previous. An example named
there is about the same run, defect … as the event. With --id it asks a running relay instead, and shows the
decision when the event arrived and the state of each delivery. If the rules file is here, it also shows how
that decides about the event today.

With --failures FILE the event knows which tests failed, as after an answer of Qase. The file is YAML or JSON, as failures:
of a test in the rules file: [{case_id: 25, title: Login works, suite: Shop / Auth, reason: "expected 200", new: false}].
--set failures.0.title=… changes it, or takes its place. All tests are new, unless new: false says that one failed in the
run before too.

With --preview it shows each message as its recipient will see it: the text, colors, links and buttons of a Slack
message, the header and text of an email, a request with its header and body. With --html it also writes pages for a
browser, including the HTML of emails.

Exits with 0 on success, with 1 if the rules are wrong or the relay does not have the event, and with 2 for
wrong usage.`,
		Example: `  qase-relay explain --event-name run.completed --set payload.failed=3
  qase-relay explain --event-name run.completed --set payload.failed=3 --preview
  qase-relay explain --given run.started --event-name run.completed --set payload.failed=3 --preview
  qase-relay explain --event-name run.completed --set failures.0.case_id=25 --set failures.0.title="Login works"
  qase-relay explain --event event.json --failures failures.yaml --rule failed-run
  qase-relay explain --given started.json --event completed.json --at 2026-01-05T09:00:00Z
  qase-relay explain --id 06bq1rk2tv8c0`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.json && (f.preview || f.html != "") {
				return errors.New("--json is for programs, --preview and --html are for people: choose one")
			}
			if f.id != "" {
				return explainStored(cmd.Context(), c, f)
			}
			return explain(c, f)
		},
	}
	f.add(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("event-name", cli.CompleteEvent)
	return cmd
}

func (f *explainFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.event, "event", "", "`FILE` with the event as Qase sends it; - is standard input")
	flags.StringVar(&f.name, "event-name", "", "take the catalog's example of the event `NAME`")
	draft.AddSets(flags, &f.sets)
	flags.StringArrayVar(&f.given, "given", nil,
		"`FILE` with an event that came before, or the name of one (repeatable)")
	flags.StringVar(&f.failed, "failures", "", "`FILE` with the tests that failed in the run, their number, or unknown")
	flags.StringVar(&f.at, "at", "", "`TIME` when the event arrives, such as 2026-01-05T09:00:00Z (default now)")
	flags.StringVar(&f.source, "source", "", "`NAME` of the source that receives it (default the first one)")
	addRules(flags, &f.rules)
	flags.StringArrayVar(&f.only, "rule", nil, "show only the rule `NAME` (repeatable)")
	flags.BoolVar(&f.preview, "preview", false, "show each message as its recipient will see it")
	flags.StringVar(&f.html, "html", "", "write each message as a page into `DIR`, with an index.html, and show it")
	flags.StringVar(&f.id, "id", "", "ask a relay what it decided about the event `EVENT_ID`")
	f.askFlags.add(flags)
}

func explain(c *terminal.Console, f explainFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, err := readRules(c, f.rules)
	if err != nil {
		return err
	}
	x, ev, err := f.explanation(c, cfg)
	if err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(x)
	}
	shown := report.Explanation{Explanation: x, Partial: len(f.only) > 0}
	if !f.previews() {
		shown.Print(c.Out)
		return nil
	}
	g := gallery.New(c.Out, cfg, ev, f.html)
	left := map[string][]rules.Notification{} // by rule, in the order in which they are drawn
	for _, r := range x.Rules {
		left[r.Rule] = r.Unmasked
	}
	shown.Draw = func(n rules.Notification) {
		g.Show(left[n.Rule][0], x.Now)
		left[n.Rule] = left[n.Rule][1:]
	}
	shown.Print(c.Out)
	return g.Write()
}

// explanation decides about the earlier events in order, and explains the event after them.
func (f *explainFlags) explanation(c *terminal.Console, cfg *rulefile.File) (x rules.Explanation, ev *event.Event,
	err error) {
	r := draft.Spec{}
	source, err := chooseSource(cfg, f.source)
	if err != nil {
		return x, nil, err
	}
	r.Source, r.Projects = source.Name, source.Projects
	if err := knownRules(cfg.Rules.Names(), f.only); err != nil {
		return x, nil, err
	}
	if r.At, err = f.moment(); err != nil {
		return x, nil, err
	}
	one := r
	one.Name, one.Sets, one.Failures = f.name, f.sets, f.failed
	if ev, err = one.Read(c, f.event); err != nil {
		return x, nil, err
	}
	var memory ruletest.Memory
	r.Before = ev
	for _, given := range f.given {
		earlier, err := r.Read(c, given)
		if err != nil {
			return x, nil, fmt.Errorf("--given %s: %w", given, err)
		}
		memory.Decide(cfg.Rules, earlier, r.At)
	}
	x = f.filter(cfg.Rules.Explain(ev, memory.State(r.At)))
	if !source.Takes(ev.Project) {
		x.Refused = fmt.Sprintf("the projects of the source %s are %s, not %s", source.Name,
			strings.Join(source.Projects, ", "), ev.Project)
	}
	return x, ev, nil
}

// filter leaves out the rules that --rule does not name.
func (f *explainFlags) filter(x rules.Explanation) rules.Explanation {
	x.Rules = slices.DeleteFunc(x.Rules, func(r rules.ExplainedRule) bool {
		return len(f.only) > 0 && !slices.Contains(f.only, r.Rule)
	})
	return x
}

// previews reports whether messages are shown as their recipients see them.
func (f *explainFlags) previews() bool { return f.preview || f.html != "" }

func (f *explainFlags) check() error {
	switch {
	case f.event == "" && f.name == "":
		return terminal.Hint(errors.New("no event to explain"),
			"--event FILE, --event-name run.completed, or --id EVENT_ID for one that a relay has taken")
	case f.event != "" && f.name != "":
		return errors.New("--event and --event-name cannot be used together: explain either a file or an example")
	case f.event == "-" && slices.Contains(f.rules, "-"):
		return errors.New("the event and the rules cannot both come from standard input")
	case f.failed == "-" && (f.event == "-" || slices.Contains(f.rules, "-")):
		return errors.New("the failures and something else cannot both come from standard input")
	}
	return readable(f.rules)
}

func (f *explainFlags) moment() (time.Time, error) {
	if f.at == "" {
		return time.Now().UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return at, terminal.Hint(fmt.Errorf("--at %q is not a valid time", f.at),
			"write it like 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00")
	}
	return at.UTC(), nil
}

// readRules reads rules without making notifiers. Variables may be unset.
func readRules(c *terminal.Console, patterns []string) (*rulefile.File, error) {
	files, unread := config.ReadFiles(patterns, c.In)
	if err := unread.Err(); err != nil {
		return nil, err
	}
	cfg, problems := lint.Parse(files, testOptions())
	if cfg == nil {
		terminal.PrintProblems(c.Err, problems.Errors())
		return nil, terminal.Wrong(errors.New("the rules cannot be used"))
	}
	return cfg, nil
}

// chooseSource returns the named source, or the first one.
func chooseSource(cfg *rulefile.File, name string) (rules.Source, error) {
	var known []string
	for _, s := range cfg.Sources {
		if name == "" || s.Name == name {
			return s, nil
		}
		known = append(known, s.Name)
	}
	return rules.Source{}, fmt.Errorf("--source: %w", terminal.UnknownName("source", name, known))
}

func knownRules(known, asked []string) error {
	for _, name := range asked {
		if !slices.Contains(known, name) {
			return fmt.Errorf("--rule: %w", terminal.UnknownName("rule", name, known))
		}
	}
	return nil
}

// explainStored prints the decision that a relay recorded about an event.
func explainStored(ctx context.Context, c *terminal.Console, f explainFlags) error {
	if f.event+f.name+f.at+f.source+f.failed != "" || len(f.sets)+len(f.given) > 0 {
		return terminal.Hint(errors.New("--id explains a stored event, which cannot be changed"),
			"leave out --event, --event-name, --set, --failures, --given, --at and --source")
	}
	cl, ev := newRelayClient(f.clientFlags), &desk.Event{}
	if err := cl.fetch(ctx, "events", f.id, ev); err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(ev)
	}
	g, err := f.storedGallery(ctx, c, cl, ev)
	if err != nil {
		return err
	}
	stored := report.Stored{Event: ev, Only: f.only}
	if g != nil {
		stored.Draw = func(d desk.Delivery) { g.ShowStored(d.Notifier, d.Message) }
	}
	if err := stored.Print(c.Out); err != nil {
		return err
	}
	if g != nil {
		return g.Write()
	}
	printCurrent(c, ev, f)
	return nil
}

// storedGallery returns a gallery for stored messages, and fetches them. It returns nil without --preview or --html.
func (f *explainFlags) storedGallery(ctx context.Context, c *terminal.Console, cl *relayClient,
	stored *desk.Event) (*gallery.Gallery, error) {
	if !f.previews() {
		return nil, nil
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return nil, fmt.Errorf("reading the stored event: %w", err)
	}
	var cfg *rulefile.File
	if readable(f.rules) == nil {
		if cfg, err = readRules(c, f.rules); err != nil {
			return nil, err
		}
	}
	for i, d := range stored.Deliveries {
		var whole desk.Delivery
		if err := cl.fetch(ctx, "deliveries", d.ID, &whole); err != nil {
			return nil, err
		}
		stored.Deliveries[i].Message = whole.Message
	}
	return gallery.New(c.Out, cfg, ev, f.html), nil
}

// printCurrent prints how the local rules file decides about a stored event, with the trace of each condition. Without
// a rules file it prints a hint.
func printCurrent(c *terminal.Console, stored *desk.Event, f explainFlags) {
	files := strings.Join(f.rules, ", ")
	note := func(text string) { c.Out.PrintSentences("", text, c.Out.Dim) }
	if readable(f.rules) != nil {
		note("These are the decisions of that time. For those of a rules file today, with the value of each " +
			"condition, add --rules FILE.")
		return
	}
	cfg, err := readRules(c, f.rules)
	if err != nil {
		note(fmt.Sprintf("The decisions of %s today are not known: %v.", files, err))
		return
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		note(fmt.Sprintf("The stored body cannot be read: %v.", err))
		return
	}
	x := f.filter(cfg.Rules.Explain(ev, rules.State{Now: stored.ReceivedAt}))
	if len(x.Rules) == 0 {
		return
	}
	c.Out.Printf("\n%s\n\n", c.Out.Bold(fmt.Sprintf("Today, by %s, and without earlier events:", files)))
	report.Explanation{Explanation: x, Partial: len(f.only) > 0}.Print(c.Out)
}
