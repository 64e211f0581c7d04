package config

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"qaserelay/relay/watch"
	"qaserelay/rules/diag"
)

// ReloadOptions are what a Reloader works with. Patterns, Config and Apply are needed.
type ReloadOptions struct {
	Patterns []string
	Load     LoadOptions
	Config   *Config       // the current one, as loaded from Patterns
	Apply    func(*Config) // makes another one current, such as Engine.Reload
	Logger   *slog.Logger  // nil logs nothing
	// Observe counts a try, and whether it succeeded. Nil does nothing.
	Observe func(ok bool, at time.Time)
}

// Reloader reloads the rules files. A file with errors changes nothing: the current rules stay. Its methods may be
// called from many goroutines, Watch only once.
type Reloader struct {
	o      ReloadOptions
	mu     sync.Mutex
	read   *reading // of the last try, good or bad
	good   *reading // of the current rules
	status ReloadStatus
}

// ReloadStatus is the outcome of the last try to load the rules.
type ReloadStatus struct {
	LoadedAt time.Time     // of the current rules
	TriedAt  time.Time     // of the last try
	Problems diag.Problems // of the last try; with an error among them, the current rules are older
}

// NewReloader returns a reloader for rules that were loaded a moment ago.
func NewReloader(o ReloadOptions) *Reloader {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(bool, time.Time) {}
	}
	now := time.Now()
	o.Observe(true, now)
	return &Reloader{o: o, read: o.Config.read, good: o.Config.read, status: ReloadStatus{LoadedAt: now, TriedAt: now}}
}

// Status returns the outcome of the last try.
func (r *Reloader) Status() ReloadStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Reload reads the files and makes their rules current. An error is diag.Problems; every problem has been logged.
func (r *Reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reload()
}

func (r *Reloader) reload() error {
	load, read := r.o.Load, newReading()
	if stdin := r.o.Config.read.stdin; stdin != nil {
		load.Stdin = bytes.NewReader(stdin)
	}
	cfg, problems := safeLoad(r.o.Patterns, load, read)
	problems = append(problems, read.emptied(r.good)...)
	r.read = read
	known := reflect.DeepEqual(problems, r.status.Problems) // as when a signal follows a change of the file
	r.status.TriedAt, r.status.Problems = time.Now(), problems
	errs := problems.Errors()
	if !known {
		r.logProblems(problems, errs)
	}
	if len(errs) > 0 {
		r.o.Observe(false, r.status.TriedAt)
		r.o.Logger.Error("reload failed: keeping the previous rules", "error", errs[0].Place()+": "+errs[0].Message,
			"hint", errs[0].Hint, "errors", len(errs))
		return problems.Err()
	}
	r.o.Apply(cfg)
	r.good = read
	r.status.LoadedAt = r.status.TriedAt
	r.o.Observe(true, r.status.TriedAt)
	r.o.Logger.Info("rules loaded", "rules", len(cfg.Rules.Names()), "notifiers", len(cfg.Notifiers))
	return nil
}

// logProblems logs each problem but the first error, which is the reason why the rules are not loaded.
func (r *Reloader) logProblems(problems, errs diag.Problems) {
	for _, p := range problems {
		level := slog.LevelWarn
		switch {
		case len(errs) > 0 && reflect.DeepEqual(p, errs[0]):
			continue
		case p.Severity == diag.Error:
			level = slog.LevelError
		}
		r.o.Logger.Log(context.Background(), level, "problem in the rules", "reason", p.Message, "place", p.Place(),
			"hint", p.Hint)
	}
}

// safeLoad turns a panic into a problem, so that no file ends a running relay.
func safeLoad(patterns []string, o LoadOptions, read *reading) (cfg *Config, problems diag.Problems) {
	defer func() {
		if p := recover(); p != nil {
			cfg, problems = nil, diag.Problems{failed("rules", fmt.Sprintf("loading them panicked: %v", p), "")}
		}
	}()
	return load(patterns, o, read)
}

// Watch reloads when a file that was read has changed, until ctx is done. reloaded is called after each reload, with its
// error.
func (r *Reloader) Watch(ctx context.Context, reloaded func(error)) error {
	return watch.Files{Dirs: r.dirs, Has: r.has, Logger: r.o.Logger,
		Look: func() bool { return r.reloadIfChanged(reloaded) }}.Run(ctx)
}

func (r *Reloader) dirs() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read.dirs()
}

func (r *Reloader) has(base string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read.has(base)
}

func (r *Reloader) reloadIfChanged(reloaded func(error)) bool {
	r.mu.Lock()
	if !r.read.changed() {
		r.mu.Unlock()
		return false
	}
	err := r.reload() // logged there, and shown by Status
	r.mu.Unlock()
	reloaded(err)
	return true
}
