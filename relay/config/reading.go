package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"qaserelay/relay/watch"
	"qaserelay/rules/diag"
	"qaserelay/rules/yamldoc"
)

// ReadFiles reads the files of names and patterns; "-" is stdin.
func ReadFiles(patterns []string, stdin io.Reader) ([]yamldoc.File, diag.Problems) {
	return newReading().all(patterns, stdin)
}

// reading remembers the files that a load has read, to find out later whether one has changed.
type reading struct {
	files map[string][32]byte // the content of each file; zero if it could not be read
	globs map[string]string   // the files that matched each pattern
	watch map[string]bool     // the folders in which a file could match a pattern
	stdin []byte
}

func newReading() *reading {
	return &reading{files: map[string][32]byte{}, globs: map[string]string{}, watch: map[string]bool{}}
}

// all reads the files of names and patterns; "-" is stdin.
func (r *reading) all(patterns []string, stdin io.Reader) (files []yamldoc.File, problems diag.Problems) {
	for _, pattern := range patterns {
		names, err := []string{pattern}, error(nil)
		if strings.ContainsAny(pattern, "*?[") {
			names, err = r.glob(pattern)
		}
		switch {
		case err != nil:
			problems = append(problems, failed(pattern, err.Error(), ""))
		case len(names) == 0:
			problems = append(problems, failed(pattern, "no file matches", ""))
		}
		for _, name := range names {
			data, err := r.one(name, stdin)
			if err != nil {
				problems = append(problems, unreadable(name, err))
			}
			files = append(files, yamldoc.File{Name: name, Data: data})
		}
	}
	return files, problems
}

func (r *reading) one(name string, stdin io.Reader) ([]byte, error) {
	if name != "-" {
		return r.file(name)
	}
	if stdin == nil || r.stdin != nil {
		return r.stdin, nil
	}
	data, err := io.ReadAll(stdin)
	r.stdin = data
	return data, err
}

func unreadable(name string, err error) diag.Problem {
	if errors.Is(err, fs.ErrNotExist) {
		return failed(name, "file not found", "`qase-relay init` writes a starter; --rules names another file")
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return failed(name, fmt.Sprintf("cannot be read: %v", err), "")
}

func (r *reading) file(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	r.files[name] = contentSum(data, err)
	return data, err
}

func (r *reading) glob(pattern string) ([]string, error) {
	names, folders, err := glob(pattern)
	r.globs[pattern] = strings.Join(names, "\n")
	for _, folder := range folders {
		r.watch[folder] = true
	}
	return names, err
}

// emptied returns a problem for each pattern of include: that matched files when before was read and matches none now.
// A folder that is away for a moment, as while it is checked out or mounted anew, must not take the rules with it.
func (r *reading) emptied(before *reading) (problems diag.Problems) {
	for _, pattern := range slices.Sorted(maps.Keys(r.globs)) {
		if r.globs[pattern] == "" && before.globs[pattern] != "" {
			problems = append(problems, failed("include", fmt.Sprintf("no file matches %q any more", pattern),
				"put the files back, or take the pattern out of include:"))
		}
	}
	return problems
}

func contentSum(data []byte, err error) [32]byte {
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(data)
}

// changed reports whether reading again would give another content.
func (r *reading) changed() bool {
	for pattern, names := range r.globs {
		now, _ := Glob(pattern)
		if strings.Join(now, "\n") != names {
			return true
		}
	}
	for name, sum := range r.files {
		if contentSum(os.ReadFile(name)) != sum {
			return true
		}
	}
	return false
}

// dirs returns the directories to watch for changes, also those behind symbolic links.
func (r *reading) dirs() map[string]bool {
	dirs := map[string]bool{}
	for name := range r.files {
		maps.Copy(dirs, watch.DirsOf(name))
	}
	maps.Copy(dirs, r.watch)
	return dirs
}

// has reports whether a file with a base name was read.
func (r *reading) has(base string) bool {
	for file := range r.files {
		if filepath.Base(file) == base {
			return true
		}
	}
	return false
}
