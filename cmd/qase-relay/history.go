package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/app"
	"qaserelay/relay/backtest"
	"qaserelay/relay/store"
)

// historyPage is the number of events per request: few enough not to slow a running relay.
const historyPage = 200

// historyFlags choose the events to read and their origin.
type historyFlags struct {
	askFlags
	filterFlags
	store   string // empty for a running relay
	decided bool   // also read the decisions
}

// addStore adds the flag of the store to read. The environment variable is meant for serve.
func (f *historyFlags) addStore(set *pflag.FlagSet) {
	flags.Secret{Name: "store", OnlyFlags: true,
		Usage: "read the store at this `URL`, such as sqlite:data/relay.db, instead of a relay"}.Add(set, &f.store)
}

// read returns the events of a store, or of a running relay.
func (f *historyFlags) read(ctx context.Context) (backtest.History, error) {
	if f.store != "" {
		return f.fromStore(ctx)
	}
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	q.Set("limit", strconv.Itoa(historyPage))
	q.Set("decided", strconv.FormatBool(f.decided))
	c := newRelayClient(f.clientFlags)
	return pages(func(after string) (page desk.ExportPage, err error) {
		if after != "" {
			q.Set("after", after)
		}
		err = c.get(ctx, "events/export", q, &page)
		return page, err
	}), nil
}

// pages yields the events of all pages. read reads the page after an event, or the first page.
func pages(read func(after string) (desk.ExportPage, error)) backtest.History {
	return func(yield func(desk.Exported, error) bool) {
		for after, more := "", true; more; more = after != "" {
			page, err := read(after)
			if err != nil {
				yield(desk.Exported{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
			}
			after = page.Next
		}
	}
}

func (f *historyFlags) fromStore(ctx context.Context) (backtest.History, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	return func(yield func(desk.Exported, error) bool) {
		s, err := openToRead(ctx, f.store)
		if err != nil {
			yield(desk.Exported{}, err)
			return
		}
		defer s.Close()
		pages(func(after string) (page desk.ExportPage, err error) {
			if after != "" {
				filter.After, err = store.ParseID(after)
			}
			if err == nil {
				page, err = desk.ExportFrom(ctx, s, filter, f.decided)
			}
			return page, err
		})(yield)
	}, nil
}

func (f *historyFlags) filter() (store.EventFilter, error) {
	since, until, err := f.window()
	filter := store.EventFilter{Source: f.source, Project: f.project, Name: f.event, Limit: historyPage}
	if !since.IsZero() {
		filter.After = store.FirstID(since) - 1
	}
	if !until.IsZero() {
		filter.Before = store.FirstID(until)
	}
	return filter, err
}

// openToRead opens an existing store for reading, while a relay may use it.
func openToRead(ctx context.Context, url string) (store.ReadCloser, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); err != nil {
			return nil, terminal.Hint(fmt.Errorf("--store %s: %w", url, errors.Unwrap(err)),
				"name the store of a relay, such as sqlite:data/relay.db")
		}
	}
	s, err := app.OpenStoreToRead(ctx, url)
	if err != nil {
		return nil, terminal.Hint(fmt.Errorf("opening the store: %w", err),
			"if a relay uses it, read from that relay: leave out --store, and set --url")
	}
	return s, nil
}

// fromFile reads a file of JSON lines: an export, or bodies as Qase sends them.
func (f *historyFlags) fromFile(c *terminal.Console, name string) (backtest.History, error) {
	since, until, err := f.window()
	if err != nil {
		return nil, err
	}
	return func(yield func(desk.Exported, error) bool) {
		file, err := c.Open(name)
		if err != nil {
			yield(desk.Exported{}, fmt.Errorf("reading events: %w", err))
			return
		}
		defer file.Close()
		for e, err := range readLines(file) {
			if err != nil {
				yield(e, fmt.Errorf("%s: %w", name, err))
				return
			}
			chosen := (f.project == "" || e.Project == f.project) && !e.ReceivedAt.Before(since) &&
				(until.IsZero() || e.ReceivedAt.Before(until))
			if chosen && !yield(e, nil) {
				return
			}
		}
	}, nil
}

func readLines(in io.Reader) backtest.History {
	return func(yield func(desk.Exported, error) bool) {
		lines := bufio.NewReaderSize(in, 1<<20)
		for number := 1; ; number++ {
			line, err := lines.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				e, err := readLine(line)
				if err != nil {
					err = fmt.Errorf("line %d: %w", number, err)
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(desk.Exported{}, err)
				}
				return
			}
		}
	}
}

// readLine reads one event of an export. A line without the key body is itself a body as Qase sends it.
func readLine(line []byte) (e desk.Exported, err error) {
	if err = json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("not an event in JSON: %w", err)
	}
	if e.Body == nil {
		e.Body = line
		var sent struct {
			Project   string `json:"project_code"`
			Timestamp int64  `json:"timestamp"`
		}
		_ = json.Unmarshal(line, &sent) // missing fields stay empty
		e.Project, e.ReceivedAt = sent.Project, time.Unix(sent.Timestamp, 0)
	}
	return e, nil
}
