package trial

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"qaserelay/rules/diag"
)

const (
	// maxTime is how long the work on a draft may take.
	maxTime = 2500 * time.Millisecond
	// maxMemory is how much memory it may take, in bytes.
	maxMemory = 768 << 20
	// maxOutput is the size of the largest result, in bytes.
	maxOutput = 32 << 20
	// niceDraft is how far a process for a draft, for which a person waits, lets others go first; niceHistory that for a
	// backtest.
	niceDraft, niceHistory = 10, 19
	// exitMemory and exitTime are the exit codes of a process that has reached a limit.
	exitMemory, exitTime = 11, 12
)

// Limits that a draft reaches.
var (
	ErrTime   = fmt.Errorf("the draft takes longer than %s to check and decide; make it smaller, or use qase-relay check", maxTime)
	ErrSize   = fmt.Errorf("the result of the draft has more than %d MiB; make it smaller", maxOutput>>20)
	ErrMemory = fmt.Errorf("the draft takes more than %d MiB of memory to check and decide; make it smaller", maxMemory>>20)
)

// Argument is the command line argument of a program that is to work on a draft: see [Main].
const Argument = "work-on-a-draft"

// Process works on drafts in a process of its own, so that no draft can hang or exhaust the relay: reading, checking and
// deciding cannot be stopped from outside within one.
type Process struct {
	// Command is the program, and the name that it has on its command line. It has to call Main.
	Path, Name string

	longest time.Duration // of work on a draft; zero means maxTime
}

// Self returns the process of the running program, named as on its command line.
func Self() Process {
	path := "/proc/self/exe" // is this program, also after another one has taken its place on disk
	if runtime.GOOS != "linux" {
		path, _ = os.Executable() // the name on the command line will do
	}
	if path == "" {
		path = os.Args[0]
	}
	return Process{Path: path, Name: os.Args[0]}
}

// Work is as the function Work, within the limits of time and memory. The process gets no environment, and is gone when
// Work returns.
func (p Process) Work(ctx context.Context, in Input) (out Output, err error) {
	data, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encoding a draft: %w", err)
	}
	timed, cancel := context.WithTimeout(ctx, cmp.Or(p.longest, maxTime))
	defer cancel()
	result := &limited{left: maxOutput, full: cancel}
	cmd := p.command(timed, Argument)
	cmd.Stdin, cmd.Stdout = bytes.NewReader(data), result // what it says beside may repeat the draft
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case result.left < 0:
		return out, ErrSize
	case ctx.Err() != nil:
		return out, ctx.Err()
	case timed.Err() != nil, errors.As(err, &exit) && exit.ExitCode() == exitTime:
		return out, ErrTime
	case errors.As(err, &exit) && (exit.ExitCode() == exitMemory || exit.ExitCode() == goCrash || exit.ExitCode() < 0):
		return out, ErrMemory
	case err != nil:
		return out, fmt.Errorf("starting a process for the draft: %w", err)
	}
	if err := json.Unmarshal(result.Bytes(), &out); err != nil {
		return out, fmt.Errorf("reading the result of a draft: %w", err)
	}
	return out, nil
}

// goCrash is the exit code of a Go program without memory.
const goCrash = 2

// limited is a buffer that does not grow without end.
type limited struct {
	bytes.Buffer
	left int
	full func()
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		l.full()
		return 0, io.ErrShortWrite
	}
	return l.Buffer.Write(p)
}

// Main does the work of a process for drafts, and reports true, if the arguments of the program ask for it.
func Main(args []string, in io.Reader, out io.Writer) bool {
	if len(args) == 2 && args[1] == HistoryArgument {
		bound(maxHistoryTime, niceHistory)
		yieldAlways()
		if mainOfHistory(in, out) != nil {
			os.Exit(1)
		}
		return true
	}
	if len(args) != 2 || args[1] != Argument {
		return false
	}
	bound(maxTime, niceDraft)
	var input Input
	if err := json.NewDecoder(in).Decode(&input); err != nil {
		os.Exit(1)
	}
	text, err := json.Marshal(safeWork(input))
	if err == nil {
		_, err = out.Write(text)
	}
	if err != nil {
		os.Exit(1)
	}
	return true
}

// safeWork is Work, with a panic as a problem.
func safeWork(in Input) (out Output) {
	defer func() {
		if recover() != nil {
			out = Output{Check: checkOf(in.Draft, nil, diag.Problems{{File: draftName, Severity: diag.Error,
				Message: "the draft cannot be read: it makes this program fail", Hint: "please report it, with the draft"}})}
		}
	}()
	return Work(in)
}

// bound keeps this process within its limits, even if the relay is gone.
func bound(longest time.Duration, nice int) {
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(maxMemory / 2)
	debug.SetGCPercent(400) // it is short of time rather than of memory
	debug.SetMaxStack(maxMemory / 4)
	yieldToOthers(nice)
	limitMemory(2 * maxMemory)
	time.AfterFunc(longest, func() { os.Exit(exitTime) })
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
		for range time.Tick(10 * time.Millisecond) {
			if metrics.Read(sample); sample[0].Value.Uint64() > maxMemory {
				os.Exit(exitMemory)
			}
		}
	}()
}
