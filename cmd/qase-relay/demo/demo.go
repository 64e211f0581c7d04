package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/demo/week"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
	"qaserelay/relay/config"
	"qaserelay/relay/ingest/client"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
	"qaserelay/rules"
)

// rulesTemplate is the rules file of the demo. The words between @ and @ are replaced when it starts.
//
//go:embed demo.yaml
var rulesTemplate string

const (
	// arrivalTimeout limits the wait for one message.
	arrivalTimeout = 20 * time.Second
	// lookInterval is the time between two looks at an event that waits to be decided.
	lookInterval = 5 * time.Millisecond
)

// New returns the command demo.
func New(c *terminal.Console) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo [--keep]",
		Short: "See it work, without accounts or network",
		Long: `Starts a relay on free ports of this machine, with example rules and stand-ins for Slack, a mail
server, a web service and the Qase API. Posts events to it as Qase would, and prints for each which rules matched, and the
messages as they arrived. Nothing leaves this machine, and no files remain.

With --keep, the relay begins with the events of a week of three projects, keeps running with an event every few seconds,
and prints the address of its console.

Exits with 1 if a message did not arrive.`,
		Example: `  qase-relay demo
  qase-relay demo --keep      leave it running, with a week of events for the console`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), c, keep) },
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep running until Ctrl-C, with a week of events")
	return cmd
}

func run(ctx context.Context, c *terminal.Console, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "qase-relay-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := NewReceivers()
	if err != nil {
		return err
	}
	var receiving sync.WaitGroup
	receiverCtx, stopReceivers := context.WithCancel(context.WithoutCancel(ctx))
	receiving.Go(func() { r.Run(receiverCtx) })
	defer receiving.Wait()
	defer stopReceivers()

	d := &player{c: c, receivers: r, secret: rand.Text(), keep: keep, started: make(chan struct{})}
	if err := d.open(ctx, dir); err != nil {
		return err
	}
	relayCtx, stopRelay := context.WithCancel(ctx)
	defer stopRelay()
	var relaying sync.WaitGroup
	var relayErr error
	relaying.Go(func() { relayErr = d.relay.Run(relayCtx); stopRelay() })
	select {
	case <-d.started:
		err = d.run(relayCtx)
	case <-relayCtx.Done():
	}
	stopRelay()
	relaying.Wait()
	if errors.Is(relayErr, store.ErrBroken) {
		relayErr = terminal.Wrong(relayErr)
	}
	return cmp.Or(err, relayErr)
}

// player plays the story against a relay.
type player struct {
	c         *terminal.Console
	receivers *Receivers
	relay     *app.Relay
	rules     []string
	secret    string
	keep      bool
	started   chan struct{}
	began     time.Time
	arrived   int
}

// open opens a relay as serve does, with its files in dir and on free ports.
func (d *player) open(ctx context.Context, dir string) (err error) {
	files, err := d.writeRules(dir)
	if err != nil {
		return fmt.Errorf("writing the rules of the demo: %w", err)
	}
	cfg, problems := config.Load(files, config.LoadOptions{})
	terminal.PrintProblems(d.c.Err, problems)
	if problems.Err() != nil {
		return errors.New("the rules of the demo cannot be used")
	}
	build, file := d.c.Build, filepath.Join(dir, "relay.db")
	d.rules = cfg.Rules.Names()
	if d.keep {
		if err := d.fill(ctx, file, cfg); err != nil {
			return err
		}
	}
	o := app.Options{Version: build.Version, Revision: build.Revision, Rules: files,
		Config: cfg, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		StoreURL: "sqlite:" + file, Started: func(*app.Relay) { close(d.started) },
		Logger: slog.New(slog.NewTextHandler(d.c.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if d.c.IsMain {
		o.Work, o.WorkOnHistory = trial.Self().Work, trial.Self().WorkOnHistory
	}
	d.relay, err = app.Open(ctx, o)
	return err
}

// writeRules writes the rules files of the demo into a folder, and returns their names.
func (d *player) writeRules(dir string) (files []string, err error) {
	text := strings.NewReplacer("@SECRET@", d.secret, "@WEB@", d.receivers.webURL(), "@SMTP@",
		strconv.Itoa(d.receivers.SMTPPort())).Replace(rulesTemplate)
	files = []string{filepath.Join(dir, terminal.DefaultRules)}
	err = os.WriteFile(files[0], []byte(text), 0o600)
	if d.keep && err == nil {
		files = append(files, filepath.Join(dir, "week.yaml"))
		err = os.WriteFile(files[1], []byte(week.Rules), 0o600)
	}
	return files, err
}

func (d *player) run(ctx context.Context) error {
	p := client.New(client.Options{URL: d.relay.WebhookURL("qase"), Secret: d.secret, Timeout: arrivalTimeout,
		Concurrency: 1})
	d.printIntro()
	d.began = time.Now()
	var failures []error
	for i, s := range story() {
		if err := d.runStep(ctx, p, i+1, s); err != nil {
			d.c.Out.Printf("   %s %v\n", d.c.Out.Bad("✗"), err)
			failures = append(failures, fmt.Errorf("event %d: %w", i+1, err))
		}
	}
	if ctx.Err() != nil {
		return terminal.Wrong(errors.New("the demo was stopped"))
	}
	if len(failures) > 0 {
		return terminal.Wrong(fmt.Errorf("the demo failed: %w", errors.Join(failures...)))
	}
	d.printOutcome(time.Since(d.began))
	if d.keep {
		d.watch(ctx, p)
	}
	return nil
}

// runStep posts one event, and prints the decision and the messages that arrive.
func (d *player) runStep(ctx context.Context, p *client.Poster, number int, s step) error {
	body := s.body(d.began)
	d.printEvent(number, s, body)
	a := p.Post(ctx, body)
	if !a.Accepted() {
		return terminal.AnswerError(a, d.relay.WebhookURL("qase"))
	}
	stored, decision, err := d.storedEvent(ctx, a.EventID)
	if err != nil {
		return err
	}
	matched := d.printDecision(a, decision)
	level, err := d.level(ctx, stored)
	if err != nil {
		return err
	}
	arrivals, err := d.receive(ctx, len(stored.Deliveries))
	for _, message := range arrivals {
		printArrival(d.c.Out, level, message)
	}
	d.c.Out.Printf("\n")
	switch {
	case err != nil:
		return err
	case !slices.Equal(matched, s.matches) || len(arrivals) != s.sends:
		return fmt.Errorf("expected %v to match and %s, got %v and %d", s.matches, terminal.Plural(s.sends, "message"),
			matched, len(arrivals))
	}
	return nil
}

// storedEvent reads an event and its decision from the relay's store, once it is decided.
func (d *player) storedEvent(ctx context.Context, eventID string) (ev store.StoredEvent, decision rules.Decision,
	err error) {
	id, err := store.ParseID(eventID)
	if err != nil {
		return ev, decision, fmt.Errorf("reading the relay's answer: %w", err)
	}
	for start := time.Now(); ; time.Sleep(lookInterval) {
		if ev, err = d.relay.Store().Event(ctx, id); err != nil {
			return ev, decision, fmt.Errorf("looking the event up: %w", err)
		}
		decision = rules.Decision{}
		if err = json.Unmarshal(ev.Decisions, &decision); err != nil {
			return ev, decision, fmt.Errorf("reading the decision: %w", err)
		}
		if !decision.Waits || time.Since(start) > arrivalTimeout {
			return ev, decision, nil
		}
	}
}

// level returns the level of the messages of an event.
func (d *player) level(ctx context.Context, ev store.StoredEvent) (string, error) {
	if len(ev.Deliveries) == 0 {
		return "", nil
	}
	delivery, _, err := d.relay.Store().Delivery(ctx, ev.Deliveries[0])
	if err != nil {
		return "", fmt.Errorf("looking the message up: %w", err)
	}
	var m struct{ Level string }
	if err := json.Unmarshal(delivery.Message, &m); err != nil {
		return "", fmt.Errorf("reading the stored message: %w", err)
	}
	return m.Level, nil
}

// receive returns the next n messages that arrive.
func (d *player) receive(ctx context.Context, n int) ([]arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	var got []arrival
	for len(got) < n {
		select {
		case a := <-d.receivers.arrivals:
			got = append(got, a)
		case <-ctx.Done():
			return got, fmt.Errorf("%d of %s did not arrive within %v", n-len(got), terminal.Plural(n, "message"),
				arrivalTimeout)
		}
	}
	d.arrived += n
	slices.SortFunc(got, func(a, b arrival) int { return cmp.Compare(b.channel, a.channel) })
	return got, nil
}
