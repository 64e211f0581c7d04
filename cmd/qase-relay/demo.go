package main

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// demoRules are the rules of the demo; what is between @ and @ is filled in when it starts.
//
//go:embed demo.yaml
var demoRules string

// demoPatience is how long the demo waits for one message.
const demoPatience = 5 * time.Second

func newDemo(c *console) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo [--keep]",
		Short: "See it work, without accounts and network",
		Long: `Starts a relay on free ports of this machine, with example rules and with stand-ins for Slack, a mail server and a web
service. Posts events to it as Qase would, and prints for each: which rules matched, and the messages as they arrived.
Nothing leaves this machine and nothing is left behind.

Exits with 1 if a message did not arrive.`,
		Example: `  qase-relay demo
  qase-relay demo --keep      leave it running, to post events of one's own`,
		Args: argsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), c, keep) },
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep running until Ctrl-C")
	return cmd
}

func demo(ctx context.Context, c *console, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "qase-relay-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := newReceivers()
	if err != nil {
		return err
	}
	var receiving sync.WaitGroup
	receiverCtx, stopReceivers := context.WithCancel(context.WithoutCancel(ctx))
	receiving.Go(func() { r.run(receiverCtx) })
	defer receiving.Wait()
	defer stopReceivers()

	d := &stage{c: c, receivers: r, secret: rand.Text(), keep: keep, started: make(chan struct{})}
	if d.service, d.rules, err = newDemoService(ctx, c, d, dir); err != nil {
		return err
	}
	relayCtx, stopRelay := context.WithCancel(ctx)
	defer stopRelay()
	var relaying sync.WaitGroup
	var relayErr error
	relaying.Go(func() { relayErr = d.service.run(relayCtx); stopRelay() })
	select {
	case <-d.started:
		err = d.play(relayCtx)
	case <-relayCtx.Done():
	}
	stopRelay()
	relaying.Wait()
	return cmp.Or(err, relayErr)
}

// newDemoService makes a relay as serve does, in a folder of its own and on free ports.
func newDemoService(ctx context.Context, c *console, d *stage, dir string) (*service, []string, error) {
	_, smtpPort, err := net.SplitHostPort(d.receivers.smtpLn.Addr().String())
	if err != nil {
		return nil, nil, fmt.Errorf("finding the mail port: %w", err)
	}
	text := strings.NewReplacer("@SECRET@", d.secret, "@WEB@", d.receivers.webURL(""), "@SMTP@", smtpPort).Replace(demoRules)
	name := filepath.Join(dir, defaultRules)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return nil, nil, fmt.Errorf("writing the rules of the demo: %w", err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	printProblems(c.err, problems)
	if hasErrors(problems) {
		return nil, nil, errors.New("the rules of the demo cannot be used")
	}
	s, err := newService(ctx, cfg, serviceOptions{rules: []string{name}, listen: "127.0.0.1:0", adminListen: "127.0.0.1:0",
		storeURL: "sqlite:" + filepath.Join(dir, "relay.db"), started: func(*service) { close(d.started) },
		logger: slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	return s, cfg.Rules.Names(), err
}

// stage is where the story is played.
type stage struct {
	c         *console
	receivers *receivers
	service   *service
	rules     []string
	secret    string
	keep      bool
	started   chan struct{}
	began     time.Time
	arrived   int
}

func (d *stage) play(ctx context.Context) error {
	p, err := newPoster(sendFlags{to: d.service.webhookURL("qase"), secret: d.secret, timeout: demoPatience, concurrency: 1})
	if err != nil {
		return err
	}
	d.open()
	d.began = time.Now()
	var failures []error
	for i, s := range story() {
		if err := d.perform(ctx, p, i+1, s); err != nil {
			d.c.out.Printf("   %s %v\n", d.c.out.bad("✗"), err)
			failures = append(failures, fmt.Errorf("event %d: %w", i+1, err))
		}
	}
	if ctx.Err() != nil {
		return wrong(errors.New("stopped before the end"))
	}
	if len(failures) > 0 {
		return wrong(fmt.Errorf("the demo did not go as it should: %w", errors.Join(failures...)))
	}
	d.close(time.Since(d.began))
	if d.keep {
		d.watch(ctx)
	}
	return nil
}

// watch shows whatever else arrives, until ctx is done.
func (d *stage) watch(ctx context.Context) {
	for {
		select {
		case a := <-d.receivers.arrivals:
			d.c.out.printArrival("info", a)
		case <-ctx.Done():
			return
		}
	}
}

// perform posts one event and shows what comes of it.
func (d *stage) perform(ctx context.Context, p *poster, number int, s scene) error {
	body := s.body(d.began)
	d.announce(number, s, body)
	a := p.post(ctx, body)
	if a.err != nil || !a.accepted() {
		return a.explain(p.to)
	}
	stored, decision, err := d.look(ctx, a.EventID)
	if err != nil {
		return err
	}
	matched := d.verdict(a, decision)
	level, err := d.level(ctx, stored)
	if err != nil {
		return err
	}
	arrivals, err := d.await(ctx, len(stored.Deliveries))
	for _, message := range arrivals {
		d.c.out.printArrival(level, message)
	}
	d.c.out.Printf("\n")
	switch {
	case err != nil:
		return err
	case !slices.Equal(matched, s.matches) || len(arrivals) != s.sends:
		return fmt.Errorf("expected %v to match and %s, got %v and %d", s.matches, plural(s.sends, "message"), matched, len(arrivals))
	}
	return nil
}

// look reads back what the relay has stored about an event.
func (d *stage) look(ctx context.Context, eventID string) (ev store.StoredEvent, decision rules.Decision, err error) {
	id, err := store.ParseID(eventID)
	if err != nil {
		return ev, decision, fmt.Errorf("reading the relay's answer: %w", err)
	}
	if ev, err = d.service.store.Event(ctx, id); err != nil {
		return ev, decision, fmt.Errorf("looking the event up: %w", err)
	}
	if err = json.Unmarshal(ev.Decisions, &decision); err != nil {
		return ev, decision, fmt.Errorf("reading the decision: %w", err)
	}
	return ev, decision, nil
}

// level returns the level of the messages that follow from an event.
func (d *stage) level(ctx context.Context, ev store.StoredEvent) (string, error) {
	if len(ev.Deliveries) == 0 {
		return "", nil
	}
	delivery, _, err := d.service.store.Delivery(ctx, ev.Deliveries[0])
	if err != nil {
		return "", fmt.Errorf("looking the message up: %w", err)
	}
	var m struct{ Level string }
	if err := json.Unmarshal(delivery.Message, &m); err != nil {
		return "", fmt.Errorf("reading the stored message: %w", err)
	}
	return m.Level, nil
}

// await returns the next n messages that arrive at the stand-ins.
func (d *stage) await(ctx context.Context, n int) ([]arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	var got []arrival
	for len(got) < n {
		select {
		case a := <-d.receivers.arrivals:
			got = append(got, a)
		case <-ctx.Done():
			return got, fmt.Errorf("%d of %s did not arrive within %v", n-len(got), plural(n, "message"), demoPatience)
		}
	}
	d.arrived += n
	slices.SortFunc(got, func(a, b arrival) int { return cmp.Compare(b.channel, a.channel) })
	return got, nil
}
