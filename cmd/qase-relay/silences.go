package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/client"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
)

func newSilences(c *terminal.Console) *cobra.Command {
	return cli.WithSubcommands(&cobra.Command{
		Use:        "silences",
		SuggestFor: []string{"silence", "mute", "snooze", "maintenance"},
		Short:      "Hold messages back for some time",
		Long: `Silences hold messages back while people work on something: those of a rule, a project, a notifier … or of
events for which an expression is true. Events are stored and decided on as before; messages are not sent, and
the decisions say which silence held them back. What resolves an alert is sent all the same.`,
		Example: `  qase-relay silences add rule=failed-run project=~"WEB|API" --for 2h --comment migration
  qase-relay silences list --state active
  qase-relay silences extend 06bq1rk2tv8c0 --for 2h
  qase-relay silences expire 06bq1rk2tv8c0`,
	}, newSilencesAdd(c), newSilencesList(c), newSilencesShow(c), newSilencesExtend(c), newSilencesExpire(c))
}

// silenceFlags describe a new silence.
type silenceFlags struct {
	askFlags
	last, until, starts, when, comment, author, quiet, preview string
	all                                                        bool
}

func newSilencesAdd(c *terminal.Console) *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "add [MATCHER…] --for DURATION | --until TIME",
		Short: "Add a silence",
		Long: `Adds a silence, which is in force at once. All of its matchers have to match, and --when has to be true:

  FIELD=VALUE   FIELD!=VALUE   FIELD=~PATTERN   FIELD!~PATTERN

A field is rule, notifier, level, project, source, event, entity (its key, such as qase/WEB/run/7), environment or
plan. A pattern is a regular expression for the whole value. A field that a message does not have is the empty text.`,
		Example: `  qase-relay silences add rule=failed-run --for 2h --comment migration
  qase-relay silences add project=WEB notifier=~"qa-.*" --until "2026-12-01 08:00" --starts "2026-11-30 22:00"
  qase-relay silences add --when 'entity.environment == "staging"' --for 1d --quiet 1h
  qase-relay silences add project=WEB --for 2h --preview`,
		Args: terminal.ArgsBetween(0, 50, ""),
		RunE: func(cmd *cobra.Command, args []string) error { return addSilence(cmd.Context(), c, f, args) },
	}
	set := cmd.Flags()
	set.StringVar(&f.last, "for", "", "how long it lasts, a `DURATION` such as 2h or 3d")
	set.StringVar(&f.until, "until", "", "`TIME` at which it ends, such as 2026-12-01T08:00:00Z or \"2026-12-01 08:00\"")
	set.StringVar(&f.starts, "starts", "", "`TIME` at which it begins; default now")
	set.StringVar(&f.when, "when", "", "`EXPRESSION` as in rules that has to be true for the event")
	set.StringVar(&f.comment, "comment", "", "why, a `TEXT`")
	set.StringVar(&f.author, "author", "", "`NAME` of who adds it; default the user of this system")
	set.StringVar(&f.quiet, "quiet", "", "end early when it has matched nothing for this `DURATION`")
	set.BoolVar(&f.all, "all", false, "allow a silence that matches every message")
	set.StringVar(&f.preview, "preview", "",
		"add nothing, but show which messages of the last 24h, or this `DURATION`, match")
	set.Lookup("preview").NoOptDefVal = "24h"
	f.askFlags.add(set)
	return cmd
}

// spec returns the request for a new silence.
func (f *silenceFlags) spec(matchers []string) (desk.SilenceSpec, error) {
	spec := desk.SilenceSpec{Matchers: matchers, StartsAt: f.starts, EndsAt: f.until, For: f.last, All: f.all}
	author := authorOr(f.author)
	for to, text := range map[**string]*string{&spec.When: &f.when, &spec.Comment: &f.comment, &spec.Author: &author,
		&spec.Quiet: &f.quiet} {
		if *text != "" {
			*to = text
		}
	}
	switch {
	case f.last != "" && f.until != "":
		return spec, errors.New("--for and --until cannot be used together")
	case f.last == "" && f.until == "" && f.preview != "":
		spec.For = "1h" // which does not matter
	case f.last == "" && f.until == "":
		return spec, terminal.Hint(errors.New("a silence needs an end"), "give --for 2h, or --until TIME")
	}
	return spec, nil
}

func addSilence(ctx context.Context, c *terminal.Console, f silenceFlags, matchers []string) error {
	spec, err := f.spec(matchers)
	if err != nil {
		return err
	}
	cl := newRelayClient(f.clientFlags)
	r := client.Request{Method: http.MethodPost, Path: "silences", Body: spec}
	if f.preview != "" {
		r.Query = url.Values{"preview": {f.preview}}
		var found desk.SilencePreview
		if err := cl.silence(ctx, r, "", &found); err != nil {
			return err
		}
		if f.json {
			return c.WriteJSON(found)
		}
		cl.useZone(ctx, c.Out)
		report.PrintSilencePreview(c.Out, &found)
		return nil
	}
	var made desk.Silence
	if err := cl.silence(ctx, r, "", &made); err != nil {
		return err
	}
	return printSilence(ctx, c, cl, f.json, made)
}

// silence sends a request about a silence, whose id may be empty.
func (c *relayClient) silence(ctx context.Context, r client.Request, id string, v any) error {
	err := withHint(c.client.Send(ctx, r, v))
	var status *client.StatusError
	switch {
	case errors.As(err, &status) && status.Code == http.StatusBadRequest:
		return terminal.Hint(errors.New(status.Reason), "qase-relay silences add --help describes matchers and times")
	case errors.As(err, &status) && status.Code == http.StatusNotFound && id != "":
		return terminal.Wrong(terminal.Hint(fmt.Errorf("the relay has no silence %s", terminal.Printable(id)),
			"to list the ids: qase-relay silences list"))
	}
	return err
}

// printSilence prints a silence that was made or changed.
func printSilence(ctx context.Context, c *terminal.Console, cl *relayClient, json bool, s desk.Silence) error {
	if json {
		return c.WriteJSON(s)
	}
	cl.useZone(ctx, c.Out)
	report.PrintSilence(c.Out, &s)
	return nil
}

func newSilencesList(c *terminal.Console) *cobra.Command {
	var f askFlags
	var state string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List silences, the active ones first",
		Long: `Lists the active silences, then the pending ones, and then those that expired
in the last 5 days.`,
		Example: `  qase-relay silences list
  qase-relay silences list --state active --json`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, q := newRelayClient(f.clientFlags), url.Values{}
			if state != "" {
				q.Set("state", state)
			}
			found := struct {
				Silences []desk.Silence `json:"silences"`
			}{[]desk.Silence{}}
			r := client.Request{Method: http.MethodGet, Path: "silences", Query: q}
			if err := cl.silence(cmd.Context(), r, "", &found); err != nil {
				return err
			}
			if f.json {
				return c.WriteJSON(found.Silences)
			}
			cl.useZone(cmd.Context(), c.Out)
			report.PrintSilences(c.Out, found.Silences)
			return nil
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in the `STATE` active, pending or expired")
	f.add(cmd.Flags())
	return cmd
}

func newSilencesShow(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one silence",
		Example: `  qase-relay silences show 06bq1rk2tv8c0`,
		Args:    terminal.ArgsBetween(1, 1, "the id of a silence"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl := newRelayClient(f.clientFlags)
			s, err := cl.getSilence(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printSilence(cmd.Context(), c, cl, f.json, s)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (c *relayClient) getSilence(ctx context.Context, id string) (s desk.Silence, err error) {
	err = c.silence(ctx, client.Request{Method: http.MethodGet, Path: "silences/" + url.PathEscape(id)}, id, &s)
	return s, err
}

func newSilencesExtend(c *terminal.Console) *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "extend ID --for DURATION | --until TIME",
		Short: "Move the end of a silence",
		Long: `Moves the end of a silence by a duration, or to a time. A silence that is expired stays expired; a new one with
the same matchers is added, which begins now.`,
		Example: `  qase-relay silences extend 06bq1rk2tv8c0 --for 2h`,
		Args:    terminal.ArgsBetween(1, 1, "the id of a silence"),
		RunE:    func(cmd *cobra.Command, args []string) error { return extendSilence(cmd.Context(), c, f, args[0]) },
	}
	cmd.Flags().StringVar(&f.last, "for", "", "by how long, a `DURATION` such as 2h or 3d")
	cmd.Flags().StringVar(&f.until, "until", "",
		"`TIME` at which it ends, such as 2026-12-01T08:00:00Z or \"2026-12-01 08:00\"")
	f.askFlags.add(cmd.Flags())
	return cmd
}

func extendSilence(ctx context.Context, c *terminal.Console, f silenceFlags, id string) error {
	spec, err := f.spec(nil)
	if err != nil {
		return err
	}
	cl := newRelayClient(f.clientFlags)
	if f.last != "" {
		by, err := value.ParseDuration(f.last)
		if err != nil {
			return fmt.Errorf("--for %w", err)
		}
		old, err := cl.getSilence(ctx, id)
		if err != nil {
			return err
		}
		end := old.EndsAt
		if old.State == silence.Expired {
			end = time.Now()
		}
		spec.For, spec.EndsAt = "", end.Add(by).Format(time.RFC3339Nano)
	}
	var changed desk.Silence
	r := client.Request{Method: http.MethodPut, Path: "silences/" + url.PathEscape(id),
		Body: desk.SilenceSpec{EndsAt: spec.EndsAt}}
	if err := cl.silence(ctx, r, id, &changed); err != nil {
		return err
	}
	if changed.ID != id && !f.json {
		c.Err.Printf("%s is expired, so this is a new silence:\n", terminal.Printable(id))
	}
	return printSilence(ctx, c, cl, f.json, changed)
}

func newSilencesExpire(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:     "expire ID…",
		Short:   "End silences now",
		Example: `  qase-relay silences expire 06bq1rk2tv8c0`,
		Args:    terminal.ArgsBetween(1, desk.MaxPage, "the id of a silence"),
		RunE:    func(cmd *cobra.Command, args []string) error { return expireSilences(cmd.Context(), c, f, args) },
	}
	f.add(cmd.Flags())
	return cmd
}

// expireSilences ends silences.
func expireSilences(ctx context.Context, c *terminal.Console, f askFlags, ids []string) error {
	cl := newRelayClient(f.clientFlags)
	expire := func(id string) (s desk.Silence, err error) {
		r := client.Request{Method: http.MethodDelete, Path: "silences/" + url.PathEscape(id)}
		err = cl.silence(ctx, r, id, &s)
		return s, err
	}
	return eachID(c, ids, expire, func(expired []desk.Silence) error {
		if f.json {
			return c.WriteJSON(expired)
		}
		c.Out.Printf("expired %s\n", terminal.Plural(len(expired), "silence"))
		return nil
	})
}
