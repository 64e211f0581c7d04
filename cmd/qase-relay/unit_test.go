package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
)

// TestEachFlagWithASecretCanBeReadFromAFile reads the help of all commands: tokens, secrets and URLs of stores.
func TestEachFlagWithASecretCanBeReadFromAFile(t *testing.T) {
	holdsSecret := regexp.MustCompile(`(?i)password|secret|\btoken\b|\bstore\b.*\burl\b|\burl\b.*\bstore\b`)
	n := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if strings.HasSuffix(f.Name, "-file") || f.Value.Type() == "bool" || !holdsSecret.MatchString(f.Usage) {
				return
			}
			if n++; cmd.LocalFlags().Lookup(f.Name+"-file") == nil {
				t.Errorf("%s: --%s has no --%[2]s-file", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}}))
	if n < 10 {
		t.Errorf("found %d flags with secrets", n)
	}
}

// TestHelpFitsEightyColumns reads the help of all commands. Only command lines may be longer.
func TestHelpFitsEightyColumns(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		help := strings.Replace(cmd.Long+"\n"+cmd.UsageString(), cmd.Example, "", 1)
		for line := range strings.SplitSeq(help, "\n") {
			if utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "  qase-relay ") {
				t.Errorf("%s --help: %q has more than 80 columns", cmd.CommandPath(), line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}}))
}

func TestNoStoreShowsItsPassword(t *testing.T) {
	for storeURL, want := range map[string]string{
		"sqlite:data/relay.db":               "sqlite:data/relay.db",
		"sqlite:///var/relay.db":             "sqlite:///var/relay.db",
		"postgres://u:secret@h:5432/d":       "postgres://u:xxxxx@h:5432/d",
		"postgres://h/d?password=secret":     "postgres://h/d",
		"postgres://u:12?secret@h/d":         "postgres://…",
		"postgres://u:12/secret@h/d":         "postgres://…",
		"postgres://u:x#secret@h/d":          "postgres://…",
		"postgres:/u:secret@h":               "postgres:…",
		"host=h password=secret":             "…",
		"postgres:host=h password=secret":    "postgres:…",
		"u:secret@h/d":                       "…",
		"sqlite:relay.db?key=secret":         "sqlite:…",
		"postgres://u:%secret@h:5432/dbname": "postgres://…",
	} {
		if got := redactStoreURL(storeURL); got != want || strings.Contains(got, "secret") {
			t.Errorf("%s is shown as %s, want %s", storeURL, got, want)
		}
	}
}
