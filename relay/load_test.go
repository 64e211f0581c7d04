package relay

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store/memory"
)

const smallRules = `
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: fake}]
rules: [{name: NAME, when: event_name == "run.completed", notify: [ops]}]
`

// fake is a kind of notifier without settings, made by make.
func fake(make func() (notifiers.Notifier, error)) []notifiers.Kind {
	type config struct{}
	return []notifiers.Kind{{Type: "fake", Config: func() any { return new(config) }, Options: struct{}{},
		New: func(any, json.RawMessage) (notifiers.Notifier, error) { return make() }}}
}

func fine() (notifiers.Notifier, error) { return dispatchtest.Sender(nil), nil }

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadMakesTheNotifiers(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "rules.yaml"), smallRules)
	cfg, problems := config.Load([]string{name}, config.LoadOptions{Kinds: fake(fine)})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if n := cfg.Notifiers["ops"]; n.Spec.Name != "ops" || n.Kind.Type != "fake" || n.Notifier == nil {
		t.Errorf("got %+v", n)
	}
}

func TestLoadReadsManyFilesAndStdin(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), `rules: [{name: a, when: event_type == "run", notify: [ops]}]`)
	write(t, filepath.Join(dir, "b.yaml"), `rules: [{name: b, when: event_type == "case", notify: [ops]}]`)
	cfg, problems := config.Load([]string{"-", filepath.Join(dir, "*.yaml")},
		config.LoadOptions{Kinds: fake(fine), Stdin: strings.NewReader(smallRules)})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if got := strings.Join(cfg.Rules.Names(), " "); got != "NAME a b" {
		t.Errorf("the rules are %s", got)
	}
}

func TestLoadSaysWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	bad := write(t, filepath.Join(dir, "rules.yaml"), smallRules)
	cases := []struct{ name, pattern, file, message string }{
		{"a file that does not exist", filepath.Join(dir, "none.yaml"), "none.yaml",
			"file not found (`qase-relay init` writes a starter"},
		{"a folder", dir, filepath.Base(dir), "cannot be read: is a directory"},
		{"a pattern for nothing", filepath.Join(dir, "*.yml"), "*.yml", "no file matches"},
		{"a pattern that is none", filepath.Join(dir, "[.yml"), "[.yml", "syntax error in pattern"},
		{"a notifier that cannot be made", bad, "rules.yaml", "no token"},
	}
	kinds := fake(func() (notifiers.Notifier, error) { return nil, errors.New("no token") })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, problems := config.Load([]string{c.pattern}, config.LoadOptions{Kinds: kinds})
			if cfg != nil || problems.Err() == nil {
				t.Fatalf("got %v, %v", cfg, problems)
			}
			if filepath.Base(problems[0].File) != c.file || !strings.Contains(problems.Error(), c.message) {
				t.Errorf("got %v", problems)
			}
		})
	}
}

// watched returns a reloader that watches, and a function that names the current rules.
func watched(t *testing.T, pattern string) (*config.Reloader, func() string) {
	t.Helper()
	options := config.LoadOptions{Kinds: fake(fine)}
	cfg, problems := config.Load([]string{pattern}, options)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	e := New(Options{Store: memory.New(), Config: cfg})
	r := config.NewReloader(config.ReloadOptions{Patterns: []string{pattern}, Load: options, Config: cfg,
		Apply: e.Reload})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Watch(ctx, func(error) {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r, func() string { return strings.Join(e.Config().Rules.Names(), " ") }
}

func soon(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for start := time.Now(); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("in a minute it did not happen that %s", what)
		}
	}
}

func TestWatchSeesEveryWayOfChangingAFile(t *testing.T) {
	dir := t.TempDir()
	named := func(name string) string { return strings.Replace(smallRules, "NAME", name, 1) }
	// As Kubernetes mounts a ConfigMap: rules.yaml → ..data/rules.yaml, and ..data → a folder with a time in its name.
	write(t, filepath.Join(dir, "..1", "rules.yaml"), named("first"))
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", filepath.Join(dir, "..data"))
	file := filepath.Join(dir, "rules.yaml")
	link(filepath.Join("..data", "rules.yaml"), file)
	_, names := watched(t, filepath.Join(dir, "*.yaml"))

	write(t, filepath.Join(dir, "..2", "rules.yaml"), named("swapped"))
	link("..2", filepath.Join(dir, "..next"))
	if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	soon(t, "a swapped link is seen", func() bool { return names() == "swapped" })

	write(t, filepath.Join(dir, "..2", "rules.yaml"), named("behind"))
	soon(t, "a write behind the link is seen", func() bool { return names() == "behind" })

	write(t, filepath.Join(dir, "new"), named("renamed"))
	if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
		t.Fatal(err)
	}
	soon(t, "a file put in its place is seen", func() bool { return names() == "renamed" })

	write(t, file, named("written"))
	soon(t, "a write in place is seen", func() bool { return names() == "written" })

	write(t, filepath.Join(dir, "z.yaml"), `rules: [{name: more, when: "true", notify: [ops]}]`)
	soon(t, "another file that fits is seen", func() bool { return names() == "written more" })
}

func TestABadFileKeepsTheOldRules(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "rules.yaml"), smallRules)
	r, names := watched(t, file)
	write(t, file, "rules: [")
	if err := r.Reload(); err == nil {
		t.Error("a bad file was loaded")
	}
	if s := r.Status(); names() != "NAME" || s.Problems.Err() == nil || !s.TriedAt.After(s.LoadedAt) {
		t.Errorf("the rules are %s, the status %+v", names(), s)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err == nil || names() != "NAME" {
		t.Errorf("without the file: %v, rules %s", err, names())
	}
	write(t, file, strings.Replace(smallRules, "NAME", "back", 1))
	soon(t, "a file that is back is seen", func() bool { return names() == "back" })
	if s := r.Status(); s.Problems.Err() != nil || !s.TriedAt.Equal(s.LoadedAt) {
		t.Errorf("the status is %+v", s)
	}
}

func TestAnIncludeThatMatchesNothingAnyMoreKeepsTheOldRules(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "rules.yaml"), "include: [rules.d/**/*.yaml, none.d/*.yaml]\n"+smallRules)
	write(t, filepath.Join(dir, "rules.d", "deep", "more.yaml"), `rules: [{name: more, when: "true", notify: [ops]}]`)
	r, names := watched(t, file)
	for range 2 {
		if err := os.Rename(filepath.Join(dir, "rules.d"), filepath.Join(dir, "away")); err != nil {
			t.Fatal(err)
		}
		err := r.Reload()
		if err == nil || !strings.Contains(err.Error(), "rules.d/**/*.yaml\" any more") || names() != "NAME more" {
			t.Errorf("got %v, rules %s", err, names())
		}
		if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "rules.d")); err != nil {
			t.Fatal(err)
		}
		soon(t, "a folder that is back is seen", func() bool { return r.Status().Problems.Err() == nil })
	}
	write(t, filepath.Join(dir, "rules.d", "deep", "more.yaml"), `rules: [{name: other, when: "true", notify: [ops]}]`)
	soon(t, "a change in a deep folder is seen", func() bool { return names() == "NAME other" })
	write(t, file, smallRules)
	if err := os.RemoveAll(filepath.Join(dir, "rules.d")); err != nil {
		t.Fatal(err)
	}
	soon(t, "a pattern may be taken out with its files", func() bool {
		return r.Reload() == nil && names() == "NAME"
	})
}

func TestStdinIsKeptForReloads(t *testing.T) {
	cfg, problems := config.Load([]string{"-"}, config.LoadOptions{Kinds: fake(fine),
		Stdin: strings.NewReader(smallRules)})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	r := config.NewReloader(config.ReloadOptions{Patterns: []string{"-"}, Load: config.LoadOptions{Kinds: fake(fine)},
		Config: cfg, Apply: func(*config.Config) {}})
	if err := r.Reload(); err != nil {
		t.Error(err)
	}
}
