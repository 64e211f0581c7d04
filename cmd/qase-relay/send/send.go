// Package send is the command that posts events to a relay, as Qase would.
package send

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/draft"
	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/redact"
	"qaserelay/relay/ingest/client"
	"qaserelay/rules/catalog"
)

// sendFlags are the flags of send.
type sendFlags struct {
	client.Options
	sets  []string
	file  string
	count int
	json  bool
}

// New returns the command send.
func New(c *terminal.Console) *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:        "send EVENT | --file FILE",
		SuggestFor: []string{"post", "trigger"},
		Short:      "Post an event to a relay, as Qase would",
		Long: `Posts an example from the catalog to a relay, as Qase would, and prints the answer.

--set changes a field by its path. A value is a number, true, false or null, JSON if it begins with { or [, else text.
The timestamp is now, unless --set or --file gives one. With --count, each copy has its own id, since a relay drops
duplicates.

Exits with 1 if any event was refused, and with 2 if the relay could not be reached.`,
		Example: `  qase-relay send run.completed --set payload.failed=3 --set project_code=WEB
  qase-relay send run.completed --count 1000 --concurrency 8
  qase-relay send --file event.json --to http://127.0.0.1:8080/webhooks/qase --secret s3cret`,
		Args: terminal.ArgsBetween(0, 1, "EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return send(cmd.Context(), c, strings.Join(args, ""), f)
		},
		ValidArgsFunction: cli.CompleteEvent,
	}
	set := cmd.Flags()
	set.StringVar(&f.URL, "to", terminal.DefaultSendTo, "webhook `URL` of the relay")
	flags.Secret{Name: "secret", Usage: "`SECRET` of the source (default $QASE_WEBHOOK_SECRET)"}.Add(set, &f.Secret)
	draft.AddSets(set, &f.sets)
	set.StringVar(&f.file, "file", "", "post the JSON in this `FILE` instead of an example; - is standard input")
	set.IntVar(&f.count, "count", 1, "`NUMBER` of copies to post")
	set.IntVar(&f.Concurrency, "concurrency", 1, "`NUMBER` of copies to post at the same time")
	set.DurationVar(&f.Timeout, "timeout", 15*time.Second, "`DURATION` to wait for each answer")
	set.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func send(ctx context.Context, c *terminal.Console, event string, f sendFlags) error {
	if f.count < 1 || f.Concurrency < 1 {
		return errors.New("--count and --concurrency must be at least 1")
	}
	d, err := newDraft(c, event, f)
	if err != nil {
		return err
	}
	if f.Secret == "" {
		if f.Secret, err = flags.SecretVariable("QASE_WEBHOOK_SECRET"); err != nil {
			return err
		}
	}
	if err := checkWebhookURL(f.URL); err != nil {
		return err
	}
	if f.count > 1 {
		return sendMany(ctx, c, f, d)
	}
	body, err := d.Copy(0, time.Now())
	if err != nil {
		return err
	}
	return sendOne(ctx, c, f, body)
}

// newDraft makes the event to post from the catalog or from a file, with the changes of --set.
func newDraft(c *terminal.Console, event string, f sendFlags) (*draft.Draft, error) {
	switch {
	case event == "" && f.file == "":
		return nil, terminal.Hint(errors.New("no event to post"),
			"for example: qase-relay send run.completed (all events: qase-relay catalog)")
	case event != "" && f.file != "":
		return nil, fmt.Errorf("%s and --file cannot be used together: post either an example or a file", event)
	case f.file != "":
		return draft.FromFile(c, f.file, f.sets)
	}
	known, ok := catalog.Lookup(event)
	if !ok {
		draft.NoteUnknownEvent(c.Err, event, "posting")
		return draft.FromSample(event, f.sets)
	}
	d, err := draft.FromSample(event, f.sets)
	if err == nil {
		draft.NoteUnknownFields(c.Err, known, f.sets)
	}
	return d, err
}

// checkWebhookURL checks that an address is a URL with the path of a source.
func checkWebhookURL(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return terminal.Hint(fmt.Errorf("--to %q is not a web address", redact.Address(to)), "for example %s", terminal.DefaultSendTo)
	}
	if strings.Trim(u.Path, "/") == "" {
		return terminal.Hint(fmt.Errorf("--to %s names no source", redact.Address(to)),
			"the address ends in /webhooks/SOURCE, for example %s", redact.Address(u.JoinPath("webhooks/qase").String()))
	}
	return nil
}

func sendOne(ctx context.Context, c *terminal.Console, f sendFlags, body []byte) error {
	a := client.New(f.Options).Post(ctx, body)
	a.Text = terminal.Printable(a.Text)
	if f.json {
		if err := c.WriteJSON(a); err != nil {
			return err
		}
		return answerExit(a, nil)
	}
	if !a.Accepted() {
		return answerExit(a, terminal.AnswerError(a, f.URL))
	}
	note := ""
	if a.Duplicate {
		note = c.Out.Warn("  duplicate: the relay has this body already, and sends nothing")
	}
	c.Out.Printf("%s  event %s  %s%s\n", c.Out.Good(a.Status), a.EventID,
		c.Out.Dim(a.Took.Round(10*time.Microsecond).String()), note)
	return nil
}

// answerExit wraps err with the exit code for an answer. It returns nil if the event was accepted.
func answerExit(a client.Answer, err error) error {
	switch {
	case a.Accepted():
		return nil
	case a.Err != nil && a.Code == 0:
		return &terminal.ExitError{Code: terminal.ExitUsage, Err: err}
	}
	return terminal.Wrong(err)
}
