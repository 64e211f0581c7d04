package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qaserelay/cmd/qase-relay/terminal"
)

// recorder is a shell in which each command writes down its words and does nothing. Only builtins work. The commands of
// a pipe run at the same time, so each process of the shell writes a file of its own.
const recorder = `
record() { printf '%s\0' "$@" $'\n' >>"$RECORDED.$BASHPID"; }
command_not_found_handle() { record "$@"; }
cd() { :; }
`

// TestEachCommandOfReadmesIsValid runs the shell blocks of all pages in a shell that only writes commands down, and
// checks those of the program: their flags and arguments, and of curl: the path against the description of the API.
func TestEachCommandOfReadmesIsValid(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	n := 0
	for _, p := range allPages(t) {
		for _, b := range p.blocks {
			if b.language != "sh" || b.marks["skip"] != "" {
				continue
			}
			for _, words := range recorded(t, bash, b) {
				if args, ours := programArgs(words); ours {
					n++
					if err := validCommand(args); err != nil {
						t.Errorf("%s:%d: qase-relay %s: %v", b.page, b.line, strings.Join(args, " "), err)
					}
				}
				if err := validRequest(t, words); err != nil {
					t.Errorf("%s:%d: %v", b.page, b.line, err)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d commands of the program were checked", n)
	}
}

// recorded returns the commands of a block.
func recorded(t *testing.T, bash string, b block) (commands [][]string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, ".recorded")
	cmd := exec.Command(bash, "-c", recorder+b.text)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Join(dir, "nothing"), "RECORDED=" + file, "ID=06bq1rk2tv8c0"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s:%d: bash: %v\n%s", b.page, b.line, err, out)
	}
	files, err := filepath.Glob(file + ".*")
	if err != nil || len(files) == 0 {
		t.Errorf("%s:%d: no command: %v", b.page, b.line, err)
	}
	var data []byte
	for _, one := range files {
		text, err := os.ReadFile(one)
		if err != nil {
			t.Error(err)
		}
		data = append(data, text...)
	}
	for _, line := range strings.Split(string(data), "\n\x00") {
		if words := strings.Split(strings.TrimSuffix(line, "\x00"), "\x00"); words[0] != "" {
			commands = append(commands, words)
		}
	}
	return commands
}

// programArgs returns the arguments of our program in a command: qase-relay itself, go run, or one in a container.
func programArgs(words []string) ([]string, bool) {
	switch {
	case words[0] == "qase-relay":
		return words[1:], true
	case len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/qase-relay":
		return words[3:], true
	case words[0] == "docker" && slices.Contains(words, "/qase-relay"):
		return words[slices.Index(words, "/qase-relay")+1:], true
	case words[0] == "kubectl" && slices.Contains(words, "/qase-relay"):
		return words[slices.Index(words, "/qase-relay")+1:], true
	case words[0] == "docker" && words[1] == "run" && words[len(words)-1] != "qase-relay":
		return words[slices.Index(words, "qase-relay")+1:], true
	}
	return nil, false
}

// validCommand returns an error if the program would answer a command line with wrong usage.
func validCommand(args []string) error {
	c := &terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}}
	program := newRoot(c)
	cmd, rest, err := program.Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err == nil && cmd.HasSubCommands() {
		err = fmt.Errorf("%s needs a subcommand", cmd.Name())
	}
	return err
}

// validRequest returns an error if a curl of the admin API asks for something that it does not have.
func validRequest(t *testing.T, words []string) error {
	t.Helper()
	if words[0] != "curl" {
		return nil
	}
	method := "get"
	for i, word := range words {
		if word == "-X" {
			method = strings.ToLower(words[i+1])
		}
		if word == "-d" && !json.Valid([]byte(words[i+1])) {
			return fmt.Errorf("not JSON: %s", words[i+1])
		}
	}
	for _, word := range words {
		address, err := url.Parse(word)
		if err != nil || address.Port() != "9090" {
			continue
		}
		return describedRequest(t, method, address)
	}
	return nil
}

func describedRequest(t *testing.T, method string, address *url.URL) error {
	t.Helper()
	for path, operations := range apiOf(t).Paths {
		pattern := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$"
		op, found := operations[method]
		if !found || !regexp.MustCompile(pattern).MatchString(address.Path) {
			continue
		}
		for name := range address.Query() {
			if !slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.Name == name }) {
				return fmt.Errorf("%s %s has no parameter %s", method, path, name)
			}
		}
		return nil
	}
	return fmt.Errorf("the API has no %s %s", method, address.Path)
}

// api is the description of the admin API, as far as pages show it.
type api struct {
	Paths map[string]map[string]struct {
		Summary    string
		Parameters []parameter
	}
}

type parameter struct{ Name string }

func apiOf(t *testing.T) (a api) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "relay", "admin", "openapi.json"))
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}
