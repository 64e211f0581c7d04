package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// testOptions are the options for reading rules without sending: secrets may be missing.
func testOptions() rulefile.Options {
	return rulefile.Options{
		Kinds:      config.Kinds(builtin.Kinds()),
		LookupEnv:  os.LookupEnv,
		ReadFile:   os.ReadFile,
		Glob:       filepath.Glob,
		AllowUnset: true,
	}
}

// testFiles reads the named files, and the test or rules files that belong to them.
func testFiles(c *terminal.Console, args []string) ([]yamldoc.File, error) {
	t := &testFileReader{c: c, seen: map[string]bool{}}
	if len(args) == 0 {
		args = []string{terminal.DefaultRules}
		beside, err := filepath.Glob("*" + testSuffix + ".y*ml")
		if err != nil {
			return nil, fmt.Errorf("looking for tests: %w", err)
		}
		args = append(args, beside...)
	}
	if err := readable(args); err != nil {
		return nil, err
	}
	for _, arg := range args {
		if err := t.add(arg, len(args) == 1); err != nil {
			return nil, err
		}
	}
	return t.files, nil
}

// testSuffix marks files of tests; the extension follows it.
const testSuffix = "_test"

type testFileReader struct {
	c     *terminal.Console
	seen  map[string]bool
	files []yamldoc.File
}

// add reads the files of a name or pattern. For the only argument, a file of tests, it reads its rules file too.
func (t *testFileReader) add(pattern string, alone bool) error {
	names := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		var err error
		if names, err = filepath.Glob(pattern); err != nil || len(names) == 0 {
			return fmt.Errorf("no file matches %s", pattern)
		}
		alone = false
	}
	for _, name := range names {
		ext := filepath.Ext(name)
		base := strings.TrimSuffix(name, ext)
		about, isTest := strings.CutSuffix(base, testSuffix)
		switch {
		case name == "-" || ext != ".yaml" && ext != ".yml":
		case !isTest:
			if err := t.read(name); err != nil {
				return err
			}
			name = base + testSuffix + ext
			if !isFile(name) {
				continue
			}
		case alone && isFile(about+ext):
			if err := t.readRules(name, about+ext); err != nil {
				return err
			}
		}
		if err := t.read(name); err != nil {
			return err
		}
	}
	return nil
}

// readRules reads the rules file of a file of tests, unless that includes files.
func (t *testFileReader) readRules(name, about string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading tests: %w", err)
	}
	if rulefile.HasIncludes(data) {
		return nil
	}
	return t.read(about)
}

func (t *testFileReader) read(name string) error {
	if t.seen[name] {
		return nil
	}
	t.seen[name] = true
	data, err := t.c.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading rules: %w", err)
	}
	t.files = append(t.files, yamldoc.File{Name: name, Data: data})
	return nil
}

// isFile reports whether name is a regular file.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
