package trial

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/backtest"
	"qaserelay/rules/diag"
)

const (
	// maxHistoryTime is how long a backtest may take.
	maxHistoryTime = 10 * time.Minute
	// progressEvery is the number of events between two reports of progress.
	progressEvery = 500
)

// ErrHistoryTime says that a backtest took too long.
var ErrHistoryTime = fmt.Errorf("the backtest takes longer than %s; choose a shorter time, or use qase-relay backtest", maxHistoryTime)

// History yields stored events, the oldest first, until one cannot be read.
type History = iter.Seq2[desk.Exported, error]

// Past is the result of a backtest: the problems of the draft, and unless one is an error, the report.
type Past struct {
	Check  Check            `json:"check,omitzero"`
	Report *backtest.Report `json:"report,omitempty"`
}

// WorkOnHistory decides about stored events by a draft, and compares with what was decided when they came. progress is
// called with the number of events from time to time.
func WorkOnHistory(ctx context.Context, in Input, events History, progress func(int)) (Past, error) {
	c := compose(in.Files, in.Draft)
	if c.problem != nil {
		return Past{Check: hidden(Output{Check: checkOf(in.Draft, nil, diag.Problems{*c.problem})}, nil).Check}, nil
	}
	file, problems, restored := in.parse(c)
	out := Past{Check: hidden(Output{Check: checkOf(in.Draft, file, problems)}, restored).Check}
	if file == nil {
		return out, nil
	}
	o := backtest.Options{Rules: file.Rules, RulesFile: out.Check.Name, Examples: 3, Progress: func(n int) {
		if n%progressEvery == 0 {
			progress(n)
		}
	}}
	if len(file.Sources) > 0 {
		o.Source = file.Sources[0].Name
	}
	var err error
	out.Report, err = backtest.Run(ctx, events, o)
	return out, err
}

// HistoryArgument is the command line argument of a program that is to work on history: see [Main].
const HistoryArgument = "work-on-history"

// said is a line that a process for history writes.
type said struct {
	Events int    `json:",omitempty"`
	Past   *Past  `json:",omitempty"`
	Error  string `json:",omitempty"`
}

// WorkOnHistory is as the function WorkOnHistory, in a process of its own.
func (p Process) WorkOnHistory(ctx context.Context, in Input, events History, progress func(int)) (out Past, err error) {
	timed, cancel := context.WithTimeout(ctx, maxHistoryTime)
	defer cancel()
	cmd := p.command(timed, HistoryArgument)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return out, fmt.Errorf("starting a process for the backtest: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return out, fmt.Errorf("starting a process for the backtest: %w", err)
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(stdin, in, events) }()
	last, err := hear(stdout, progress)
	cancelled := timed.Err()
	cancel() // it has said what there is to say
	_ = cmd.Wait()
	reading := <-fed
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case cancelled != nil:
		return out, ErrHistoryTime
	case reading != nil:
		return out, reading
	case last.Error != "":
		return out, errors.New(last.Error)
	case last.Past == nil || err != nil:
		return out, ErrMemory
	}
	return *last.Past, nil
}

// feed writes the draft and the events. An error is one of reading events: the process may end before the last one.
func feed(to io.WriteCloser, in Input, events History) error {
	defer to.Close()
	draft, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a draft: %w", err)
	}
	buffered := bufio.NewWriterSize(to, 64<<10)
	enc := gob.NewEncoder(buffered) // of JSON, each body would be read once more on either side
	if enc.Encode(draft) != nil {
		return nil
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		if enc.Encode(e) != nil {
			return nil
		}
	}
	_ = buffered.Flush()
	return nil
}

// hear reads what the process says, up to its last line.
func hear(from io.Reader, progress func(int)) (last said, err error) {
	dec := json.NewDecoder(io.LimitReader(from, maxOutput))
	for {
		var line said
		if err := dec.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) {
				return last, nil
			}
			return last, err
		}
		if last = line; line.Past != nil || line.Error != "" {
			return last, nil
		}
		progress(line.Events)
	}
}

// mainOfHistory is the work of a process for history.
func mainOfHistory(in io.Reader, out io.Writer) error {
	dec, enc := gob.NewDecoder(bufio.NewReaderSize(in, 64<<10)), json.NewEncoder(out)
	var draft []byte
	var input Input
	if err := dec.Decode(&draft); err != nil {
		return err
	}
	if err := json.Unmarshal(draft, &input); err != nil {
		return err
	}
	events := func(yield func(desk.Exported, error) bool) {
		for {
			var e desk.Exported
			err := dec.Decode(&e)
			if errors.Is(err, io.EOF) || !yield(e, err) || err != nil {
				return
			}
		}
	}
	past, err := safeHistory(input, events, func(n int) { _ = enc.Encode(said{Events: n}) })
	if err != nil {
		return enc.Encode(said{Error: err.Error()})
	}
	return enc.Encode(said{Past: &past})
}

// safeHistory is WorkOnHistory, with a panic as an error.
func safeHistory(in Input, events History, progress func(int)) (past Past, err error) {
	defer func() {
		if recover() != nil {
			past, err = Past{}, errors.New("the draft makes this program fail; please report it, with the draft")
		}
	}()
	return WorkOnHistory(context.Background(), in, events, progress)
}

// command returns the process for an argument, without an environment.
func (p Process) command(ctx context.Context, argument string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Path, argument)
	cmd.Args[0] = p.Name
	cmd.Env, cmd.Dir = []string{}, os.TempDir()
	cmd.WaitDelay = time.Second
	separate(cmd)
	return cmd
}
