package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/ingest/client"
	"qaserelay/rules/catalog"
)

func newSend(c *terminal.Console) *cobra.Command {
	var f client.SendFlags
	cmd := &cobra.Command{
		Use:   "send EVENT | --file FILE",
		Short: "Post an event to a relay, as Qase would",
		Long: `Posts an example from the catalogue to a relay, as Qase would, and says what came back.

--set changes a field by its path. Numbers, true, false and null are taken as such, what begins with { or [ as JSON,
anything else as text. The timestamp is now, unless --set or --file say otherwise. With --count, each copy has an id of
its own, from a random one on, since a relay drops what it has seen before.

Exits with 1 if any event was refused, and with 2 if the relay could not be reached.`,
		Example: `  qase-relay send run.completed --set payload.failed=3 --set project_code=WEB
  qase-relay send run.completed --count 1000 --concurrency 8
  qase-relay send --file event.json --to http://127.0.0.1:8080/webhooks/qase --secret s3cret`,
		Args: terminal.ArgsBetween(0, 1, "EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return send(cmd.Context(), c, strings.Join(args, ""), f)
		},
		ValidArgsFunction: completeEvent,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.To, "to", terminal.DefaultSendTo, "webhook address of the relay, a `URL`")
	flags.StringVar(&f.Secret, "secret", "", "secret of the source (default $QASE_WEBHOOK_SECRET)")
	flags.StringArrayVar(&f.Sets, "set", nil, "`PATH=VALUE` to change in the event, such as payload.failed=3 (repeatable)")
	flags.StringVar(&f.File, "file", "", "post the JSON in this `FILE` instead of an example; - is standard input")
	flags.IntVar(&f.Count, "count", 1, "how many copies to post")
	flags.IntVar(&f.Concurrency, "concurrency", 1, "how many to post at the same time")
	flags.DurationVar(&f.Timeout, "timeout", 15*time.Second, "how long to wait for one answer")
	flags.BoolVar(&f.JSON, "json", false, "print JSON")
	return cmd
}

func send(ctx context.Context, c *terminal.Console, event string, f client.SendFlags) error {
	if f.Count < 1 || f.Concurrency < 1 {
		return errors.New("--count and --concurrency must be at least 1")
	}
	draft, err := newDraft(c, event, f)
	if err != nil {
		return err
	}
	if f.Secret == "" {
		f.Secret = os.Getenv("QASE_WEBHOOK_SECRET")
	}
	p, err := client.NewPoster(f)
	if err != nil {
		return err
	}
	if f.Count > 1 {
		return sendMany(ctx, c, p, draft)
	}
	body, err := draft.copy(0, time.Now())
	if err != nil {
		return err
	}
	return sendOne(ctx, c, p, body)
}

// newDraft makes the event to post from the catalogue or from a file, with all that --set changes.
func newDraft(c *terminal.Console, event string, f client.SendFlags) (*draft, error) {
	switch {
	case event == "" && f.File == "":
		return nil, terminal.Hint(errors.New("say which event to post"), "for example: qase-relay send run.completed (all events: qase-relay catalog)")
	case event != "" && f.File != "":
		return nil, fmt.Errorf("%s and --file at once: post either an example or a file", event)
	case f.File != "":
		return draftFromFile(c.In, f.File, f.Sets)
	}
	known, ok := catalog.Lookup(event)
	if !ok {
		warnOfUnknownEvent(c.Err, event, "posting")
		return draftFromNothing(event, f.Sets)
	}
	d, err := draftFromExample(known, f.Sets)
	if err == nil {
		warnOfUnknownFields(c.Err, known, f.Sets)
	}
	return d, err
}

// warnOfUnknownFields tells about fields that the event does not have. They are posted all the same: rules can match them.
func warnOfUnknownFields(s *terminal.Screen, known catalog.Event, sets []string) {
	var names []string
	for _, field := range known.Fields {
		names = append(names, field.Name)
	}
	for _, set := range sets {
		path, _, _ := strings.Cut(set, "=")
		name, ok := strings.CutPrefix(path, "payload.")
		if _, found := known.Field(name); !ok || found || !known.Documented {
			continue
		}
		advice := ""
		if near := catalog.Nearest(name, names); near != "" {
			advice = fmt.Sprintf(" (did you mean payload.%s?)", near)
		}
		s.Printf("%s Qase documents no field %s for %s%s; taking it all the same\n", s.Warn("note:"), path, known.Name, advice)
	}
}

func sendOne(ctx context.Context, c *terminal.Console, p *client.Poster, body []byte) error {
	a := p.Post(ctx, body)
	if p.JSON {
		if err := c.WriteJSON(a); err != nil {
			return err
		}
		return a.Exit(nil)
	}
	if a.Err != nil || !a.Accepted() {
		return a.Exit(a.Explain(p.To))
	}
	note := ""
	if a.Duplicate {
		note = c.Out.Warn("  duplicate: the relay had this very body before; nothing is sent twice")
	}
	c.Out.Printf("%s  event %s  %s%s\n", c.Out.Good(a.Status), a.EventID, c.Out.Dim(a.Took.Round(10*time.Microsecond).String()), note)
	return nil
}
