package lint_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// mutationsVariable is an environment variable with the number of rules files to try, and with a seed behind a comma.
const mutationsVariable = "QASE_RELAY_TEST_MUTATIONS"

// planted is the secret of the files that are mutated.
const planted = "pl4nted-s3cr3t-pl4nted"

// TestCheckSurvivesAnyRulesFile changes rules files of the corpus and of the examples here and there, as people do by
// mistake. Check must not panic or hang, its problems have to be within the file, and none may show a secret.
func TestCheckSurvivesAnyRulesFile(t *testing.T) {
	count, seed := 900, 1 // some 5 seconds
	if n, s, found := strings.Cut(os.Getenv(mutationsVariable), ","); n != "" {
		var err, err2 error
		if count, err = strconv.Atoi(n); found {
			seed, err2 = strconv.Atoi(s)
		}
		if err = errors.Join(err, err2); err != nil {
			t.Fatalf("%s: %v", mutationsVariable, err)
		}
	}
	m := &mutator{random: rand.New(rand.NewPCG(uint64(seed), 2)), files: mutatedFiles(t)}
	for range count {
		text := m.next()
		for _, fault := range checkFaults(text) {
			t.Errorf("%s\n%s", fault, text)
		}
		if t.Failed() {
			return
		}
	}
}

// mutatedFiles returns the samples of the corpus, each behind the base file, and the examples. Their secrets are planted.
func mutatedFiles(t *testing.T) (all []string) {
	base, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	begin := regexp.MustCompile(`(?m)^(settings|sources|people|notifiers|windows|templates|include):`)
	for _, s := range slices.Concat(readCorpus(t, "wrong"), readCorpus(t, "right")) {
		text := s.files["rules.yaml"]
		if !begin.MatchString(text) {
			text = string(base) + text
		}
		if len(text) < 3000 { // which keeps the test short
			all = append(all, text)
		}
	}
	examples, err := filepath.Glob("../../examples/*/rules.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	for i := range all {
		all[i] = secretValue.ReplaceAllString(all[i], "${1}"+planted+"${2}")
	}
	return all
}

// secretValue matches a quoted secret behind its key, such as token: "…".
var secretValue = regexp.MustCompile(
	`(\b(?:token|secrets|secret|bearer|password|signing_secret|api_token): \[?")(?:xoxb-[^"]*|s3cret[^"]*|\$\{\w+\})(")`)

// mutator makes rules files with a few changes.
type mutator struct {
	random *rand.Rand
	files  []string
}

// tokens are put in anywhere.
var tokens = []string{"{{", "}}", `"`, "'", "[", "]", "{", "}", ": ", ":", "\n", "  ", "- ", ",", "ä", "日", "👩‍👧", "\t", "#", " #", "&a ",
	"*a", "!x ", "|", ">", "-", "$", "${A}", "${A:-", "%", "\\", "payload", ".x", "(", ")", "nil", "1e999", "-1",
	"99999999999999999999", "true", "..", " in ", " not ", "??", "\x00", "\u202e", "\ufeff", "\xff", "<<: *a", "~", "\r\n", "---\n",
	"{{ range . }}", "{{ end }}", "{{ if", "|| ", "matches \"(\""}

// next returns a file with up to four changes.
func (m *mutator) next() string {
	text := m.files[m.random.IntN(len(m.files))]
	for range 1 + m.random.IntN(4) {
		text = m.change(text)
	}
	return text
}

func (m *mutator) change(text string) string {
	at := m.random.IntN(len(text) + 1)
	end := min(len(text), at+1+m.random.IntN(12))
	switch m.random.IntN(7) {
	case 0, 1:
		return text[:at] + tokens[m.random.IntN(len(tokens))] + text[at:]
	case 2:
		return text[:at] + text[end:]
	case 3:
		return text[:at] + tokens[m.random.IntN(len(tokens))] + text[end:]
	case 4: // a part is repeated elsewhere
		from := m.random.IntN(len(text) + 1)
		part := text[from:min(len(text), from+1+m.random.IntN(40))]
		return text[:at] + part + text[at:]
	}
	lines := strings.SplitAfter(text, "\n")
	i, j := m.random.IntN(len(lines)), m.random.IntN(len(lines))
	switch m.random.IntN(4) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, j, lines[i])
	case 2:
		lines[i] = "  " + lines[i]
	case 3:
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "")
}

// checkFaults returns the ways in which check does not do what it has to for any file.
func checkFaults(text string) (faults []string) {
	done := make(chan []string, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- []string{fmt.Sprintf("panic: %v", p)}
			}
		}()
		done <- faultsOf(text, problemsOf(text))
	}()
	select {
	case faults = <-done:
		return faults
	case <-time.After(2 * time.Minute): // a file takes some milliseconds
		return []string{"check does not come to an end"}
	}
}

func problemsOf(text string) diag.Problems {
	_, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}},
		rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), AllowUnset: true})
	return problems
}

// faultsOf returns the problems that are outside of the file, and those that show its secret.
func faultsOf(text string, problems diag.Problems) (faults []string) {
	lines := strings.Split(text, "\n")
	hidden := strings.Count(text, planted) == len(plantedValue.FindAllString(text, -1))
	for _, p := range problems {
		switch {
		case p.Line < 1 || p.Line > len(lines):
			faults = append(faults, fmt.Sprintf("there is no line %d: %s", p.Line, p.Error()))
		case p.Col < 1 || p.Col > utf8.RuneCountInString(lines[p.Line-1])+1:
			faults = append(faults, fmt.Sprintf("line %d has no column %d: %s", p.Line, p.Col, p.Error()))
		}
		if shown := fmt.Sprintf("%+v", p); hidden && strings.Contains(shown, planted) {
			faults = append(faults, "the secret is shown: "+shown)
		}
	}
	return faults
}

// plantedValue matches the secret where it stands behind its key, alone in its quotes.
var plantedValue = regexp.MustCompile(`(?:token|secrets|secret|bearer|password): \[?"` + planted + `"`)
