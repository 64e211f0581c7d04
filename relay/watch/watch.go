// Package watch notices that files change: by notifications about their folders, so that it sees files being replaced,
// as editors and Kubernetes do, and by a look every 30 seconds, for file systems without notifications.
package watch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is the time without changes after which files are read: editors and package managers write in steps.
	settle = 200 * time.Millisecond
	// lookEvery is the time between two looks, for file systems without notifications.
	lookEvery = 30 * time.Second
)

// Files are what is watched. All fields are needed.
type Files struct {
	// Dirs returns the folders of the files, also those behind symbolic links; see [DirsOf].
	Dirs func() map[string]bool
	// Has reports whether one of the files may have a base name.
	Has func(base string) bool
	// Look reads the files if they have changed, and reports whether they had. It is called once at the beginning.
	Look func() bool
	// Logger gets what could not be watched.
	Logger *slog.Logger
}

// DirsOf returns the folder of a file, and the one of what it links to.
func DirsOf(name string) map[string]bool {
	dirs := map[string]bool{filepath.Dir(name): true}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		dirs[filepath.Dir(real)] = true
	}
	return dirs
}

// Run watches the files until ctx is done. It fails if the system allows no watching; a folder that cannot be watched is
// logged, and its files are looked at every 30 seconds.
func (f Files) Run(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching files: %w", err)
	}
	defer watcher.Close()
	poll, settled := time.NewTicker(lookEvery), time.NewTimer(settle)
	defer poll.Stop()
	defer settled.Stop()
	watched := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-watcher.Events:
			if f.concerns(ev) {
				settled.Reset(settle)
			}
		case err := <-watcher.Errors:
			f.Logger.Warn("watching files failed", "error", err)
		case <-poll.C:
			f.Look()
		case <-settled.C:
			f.follow(watcher, watched)
			if f.Look() {
				settled.Reset(settle) // other folders may matter now
			}
		}
	}
}

// concerns reports whether an event is about the files, and not about other files beside them, such as a database.
func (f Files) concerns(ev fsnotify.Event) bool {
	return !ev.Has(fsnotify.Write) && !ev.Has(fsnotify.Chmod) || f.Has(filepath.Base(ev.Name))
}

// follow makes the watcher watch the folders of the files as they are now, and no others.
func (f Files) follow(watcher *fsnotify.Watcher, watched map[string]bool) {
	wanted := f.Dirs()
	for dir := range watched {
		if !wanted[dir] {
			_ = watcher.Remove(dir) // it may be gone already
		}
	}
	maps.DeleteFunc(watched, func(dir string, _ bool) bool { return !wanted[dir] })
	for dir := range wanted {
		if err := watcher.Add(dir); err != nil && !watched[dir] {
			f.Logger.Warn("directory not watched", "dir", dir, "error", err,
				"hint", "its files are compared every 30 seconds")
		}
		watched[dir] = true
	}
}
