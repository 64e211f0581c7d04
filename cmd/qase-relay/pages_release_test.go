package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shipped calls visit with each file that a release or a user of one copies.
func shipped(t *testing.T, visit func(name, text string)) {
	t.Helper()
	for _, folder := range []string{"deploy", "examples/rules-repo", ".github"} {
		err := fs.WalkDir(os.DirFS(root()), folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) == ".png" {
				return err
			}
			data, err := os.ReadFile(filepath.Join(root(), name))
			visit(name, string(data))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestAllFilesOfAReleaseHaveItsVersionAsTheReadmeSays compares each version of the relay in the deployment files and examples with the
// first one of the change log.
func TestAllFilesOfAReleaseHaveItsVersionAsTheReadmeSays(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(), "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	headings := regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(data), -1)
	version := regexp.MustCompile(`^(\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$`).FindStringSubmatch(headings[1][1])
	if headings[0][1] != "Unreleased" || version == nil {
		t.Fatalf("the change log begins with %q", headings[:2])
	}
	seen := map[string]bool{}
	for _, section := range strings.Split(string(data), "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		if n := strings.Count(text, "\n"); n > 120 || seen[name] {
			t.Errorf("%s of the change log has %d lines, or is there twice: people read two screens; after a merge by "+
				"union, keep what is new under Unreleased", name, n)
		}
		seen[name] = true
	}
	ours := regexp.MustCompile(`(?m)(?:qase-relay[_:]|newTag: |^version: |^appVersion: "|ref: v|rev: v|action@v|download/v|releases/v|` +
		`[Tt]ag .?v|release\.sh |\x60v|such as v)(\d+\.\d+\.\d+)`)
	found := map[string]bool{}
	shipped(t, func(name, text string) {
		for _, m := range ours.FindAllStringSubmatch(text, -1) {
			found[name] = true
			if m[1] != version[1] {
				t.Errorf("%s has version %s (%q), the change log %s", name, m[1], m[0], version[1])
			}
		}
	})
	for _, name := range []string{"deploy/helm/qase-relay/Chart.yaml", "deploy/kustomize/base/kustomization.yaml",
		"examples/rules-repo/.github/workflows/rules.yml", "examples/rules-repo/.pre-commit-config.yaml",
		"examples/rules-repo/.gitlab-ci.yml", "deploy/gitlab/rules.yml", "deploy/README.md"} {
		if !found[name] {
			t.Errorf("%s has no version", name)
		}
	}
}

// TestTheReadmeOfDeployNamesEachPlaceholder looks for names that stand in for those of users.
func TestTheReadmeOfDeployNamesEachPlaceholder(t *testing.T) {
	section := pageNamed(t, "deploy/README.md").section(t, "## What to replace")
	placeholders := regexp.MustCompile(`\bOWNER\b|\btools/qase-relay\b|\b[a-z.@-]+\.example\.com\b`)
	n := 0
	shipped(t, func(name, text string) {
		for _, word := range placeholders.FindAllString(text, -1) {
			n++
			if !strings.Contains(section, word) {
				t.Errorf("the section does not say what to do with %s of %s", word, name)
			}
		}
	})
	if n < 10 {
		t.Errorf("found %d placeholders", n)
	}
}
