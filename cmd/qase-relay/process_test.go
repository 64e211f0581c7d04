package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// process is a relay in a process of its own.
type process struct {
	cmd  *exec.Cmd
	log  *lines
	done chan struct{}
}

type processOptions struct {
	dir  string
	args []string
	env  []string
}

func startProcess(o processOptions) (*process, error) {
	p := &process{cmd: exec.Command("qase-relay", o.args...), log: newLines(), done: make(chan struct{})}
	p.cmd.Dir = o.dir
	p.cmd.Env = append(os.Environ(), o.env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		in := bufio.NewScanner(stderr)
		for in.Scan() {
			p.log.add(in.Text())
		}
		p.log.end()
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// wait returns the exit code, after killing the process if it does not end.
func (p *process) wait() int {
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// lines collects text, so that a test can wait for a part of it.
type lines struct {
	mu    sync.Mutex
	all   []string
	seen  int // lines that await has passed
	ended bool
	more  chan struct{} // closed when there is more
}

func newLines() *lines { return &lines{more: make(chan struct{})} }

func (l *lines) add(line string) { l.change(func() { l.all = append(l.all, line) }) }
func (l *lines) end()            { l.change(func() { l.ended = true }) }

func (l *lines) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.more)
	l.more = make(chan struct{})
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// await returns the first match of pattern in a line that was not passed before.
func (l *lines) await(pattern string) ([]string, bool) {
	want, late := regexp.MustCompile(pattern), time.After(patience)
	for {
		match, more := l.look(want)
		if match != nil || more == nil {
			return match, match != nil
		}
		select {
		case <-more:
		case <-late:
			return nil, false
		}
	}
}

func (l *lines) look(want *regexp.Regexp) (match []string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.seen < len(l.all) {
		l.seen++
		if match = want.FindStringSubmatch(l.all[l.seen-1]); match != nil {
			return match, nil
		}
	}
	if l.ended {
		return nil, nil
	}
	return nil, l.more
}
