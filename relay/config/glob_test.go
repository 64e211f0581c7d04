package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTwoStarsMatchFoldersOfAnyDepth(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"top.yaml", "a/mid.yaml", "a/b/deep.yaml", "a/b/notes.txt", ".git/hidden.yaml", "..data/v.yaml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]string{
		"**/*.yaml":      "a/b/deep.yaml a/mid.yaml top.yaml",
		"./**/*.yaml":    "a/b/deep.yaml a/mid.yaml top.yaml",
		"a/**/*.yaml":    "a/b/deep.yaml a/mid.yaml",
		"**/b/*.yaml":    "a/b/deep.yaml",
		"**/**/mid.yaml": "a/mid.yaml",
		"*/**/deep.yaml": "a/b/deep.yaml",
		"a/*.yaml":       "a/mid.yaml",
		"none/**/*.yaml": "",
	} {
		names, err := Glob(pattern)
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".git") })
		if got := filepath.ToSlash(strings.Join(names, " ")); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", pattern, got, err, want)
		}
	}
	if _, err := Glob("**/[a"); err == nil {
		t.Error("a pattern with an open bracket is taken")
	}
}
