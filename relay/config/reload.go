package config

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"qaserelay/relay/metrics"
	"qaserelay/rules/diag"
)

const (
	// settle is how long files have to be quiet before they are read: editors and package managers write in steps.
	settle = 200 * time.Millisecond
	// lookAgain is how often files are compared even if the file system says nothing, as network ones do.
	lookAgain = 30 * time.Second
)

// ReloadOptions are what a Reloader works with.
type ReloadOptions struct {
	Patterns []string
	Load     LoadOptions
	Config   *Config          // the one in force, as loaded from Patterns
	Apply    func(*Config)    // puts another in force, such as Engine.Reload
	Logger   *slog.Logger     // nil logs nothing
	Metrics  *metrics.Metrics // nil means new ones that nobody reads
}

// Reloader reads the rules files again. A bad file changes nothing: the old rules stay in force. Its methods may be
// called from many goroutines, but Watch only once.
type Reloader struct {
	o      ReloadOptions
	mu     sync.Mutex
	read   *reading // by the last try, good or bad
	status ReloadStatus
}

// ReloadStatus tells how the last try to load the rules went.
type ReloadStatus struct {
	LoadedAt time.Time     // when the rules in force were loaded
	TriedAt  time.Time     // when rules were last loaded, or could not be
	Problems diag.Problems // of the last try; with an error among them, older rules are in force
}

// NewReloader returns a reloader for rules that were just loaded.
func NewReloader(o ReloadOptions) *Reloader {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.New(metrics.Options{})
	}
	now := time.Now()
	o.Metrics.Reloaded(true, now)
	return &Reloader{o: o, read: o.Config.read, status: ReloadStatus{LoadedAt: now, TriedAt: now}}
}

// Status tells how the last try went.
func (r *Reloader) Status() ReloadStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Reload reads the files and puts them in force. The error is a [rules.Problems] with what is wrong with them. Every
// problem has been logged.
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
	r.read = read
	r.status.TriedAt, r.status.Problems = time.Now(), problems
	for _, p := range problems {
		r.o.Logger.Warn("rules: "+p.Message, "place", p.Place(), "severity", p.Severity, "hint", p.Hint)
	}
	if err := problems.Err(); err != nil {
		r.o.Metrics.Reloaded(false, r.status.TriedAt)
		r.o.Logger.Error("the rules could not be loaded, the old ones stay in force", "first", firstError(problems))
		return err
	}
	r.o.Apply(cfg)
	r.status.LoadedAt = r.status.TriedAt
	r.o.Metrics.Reloaded(true, r.status.TriedAt)
	r.o.Logger.Info("rules loaded", "rules", len(cfg.Rules.Names()), "notifiers", len(cfg.Outs))
	return nil
}

// firstError tells the first of the problems that keep rules from being used, and where it is.
func firstError(problems diag.Problems) string {
	for _, p := range problems {
		if p.Severity == diag.Error {
			return p.Place() + ": " + p.Message
		}
	}
	return ""
}

// safeLoad turns a panic into a problem: a running relay outlives any file.
func safeLoad(patterns []string, o LoadOptions, read *reading) (cfg *Config, problems diag.Problems) {
	defer func() {
		if p := recover(); p != nil {
			cfg, problems = nil, diag.Problems{failed("rules", fmt.Sprintf("loading them panicked: %v", p), "")}
		}
	}()
	return load(patterns, o, read)
}

// Watch reloads whenever a file that was read has changed, until ctx is done. It watches directories, so that it sees
// files being replaced, as editors and Kubernetes do. Where that is not possible, it looks every 30 seconds.
func (r *Reloader) Watch(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the rules files: %w", err)
	}
	defer watcher.Close()
	poll, quiet := time.NewTicker(lookAgain), time.NewTimer(settle)
	defer poll.Stop()
	defer quiet.Stop()
	watched := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-watcher.Events:
			if r.concerns(ev) {
				quiet.Reset(settle)
			}
		case err := <-watcher.Errors:
			r.o.Logger.Warn("watching the rules files", "error", err)
		case <-poll.C:
			r.reloadIfChanged()
		case <-quiet.C:
			r.follow(watcher, watched)
			if r.reloadIfChanged() {
				quiet.Reset(settle) // other directories may matter now
			}
		}
	}
}

// concerns leaves out writes to other files beside the rules, such as a database.
func (r *Reloader) concerns(ev fsnotify.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !ev.Has(fsnotify.Write) && !ev.Has(fsnotify.Chmod) || r.read.has(ev.Name)
}

func (r *Reloader) reloadIfChanged() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read.changed() {
		return false
	}
	_ = r.reload() // logged there, and shown by Status
	return true
}

// follow watches the directories of the files read last, and no others.
func (r *Reloader) follow(watcher *fsnotify.Watcher, watched map[string]bool) {
	r.mu.Lock()
	wanted := r.read.dirs()
	r.mu.Unlock()
	for dir := range watched {
		if !wanted[dir] {
			_ = watcher.Remove(dir) // it may be gone already
		}
	}
	maps.DeleteFunc(watched, func(dir string, _ bool) bool { return !wanted[dir] })
	for dir := range wanted {
		if err := watcher.Add(dir); err != nil && !watched[dir] {
			r.o.Logger.Warn("this directory cannot be watched, it is looked at every 30 seconds", "dir", dir,
				"error", err)
		}
		watched[dir] = true
	}
}
