package lint_test

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qaserelay/relay/config"
	"qaserelay/rules/diag"
)

// sample is a rules file of the corpus: one as people write it, with the problems that check reports about it. The
// files of testdata/right and testdata/wrong hold many. Each begins with a line "### NAME", and has below it:
//
//	want LINE:COL SEVERITY: TEXT … TEXT
//	env NAME=VALUE
//
// for each problem, whose message and hint hold the texts in this order; :COL may be missing. "#### NAME" begins
// another file of the same sample. A sample without sources: is read together with testdata/base.yaml.
type sample struct {
	name  string // the file and the name of the sample
	env   map[string]string
	files map[string]string // by name; the main one is rules.yaml
	wants []want
}

// want is a problem that check has to report.
type want struct {
	line, col int // col is 0 if it does not matter
	severity  diag.Severity
	texts     []string // in the message and the hint, in this order
}

var wantLine = regexp.MustCompile(`^want (\d+)(?::(\d+))? (error|warning): (.+)$`)

// readCorpus returns the samples of a folder of testdata.
func readCorpus(t *testing.T, folder string) []*sample {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	var all []*sample
	names := map[string]bool{}
	for _, file := range files {
		for _, s := range readSamples(t, file) {
			if names[s.name] {
				t.Errorf("two samples are named %q", s.name)
			}
			names[s.name] = true
			all = append(all, s)
		}
	}
	return all
}

func readSamples(t *testing.T, file string) (all []*sample) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s *sample
	current, head := "", false
	for number, line := range strings.SplitAfter(string(data), "\n") {
		text := strings.TrimRight(line, "\n")
		name, begins := strings.CutPrefix(text, "### ")
		other, another := strings.CutPrefix(text, "#### ")
		switch {
		case begins:
			name = strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + name
			s = &sample{name: name, env: map[string]string{}, files: map[string]string{}}
			all, current, head = append(all, s), "rules.yaml", true
		case s == nil: // the introduction of the file
		case another:
			current = other
		case head && s.readHead(text):
		case head && (strings.HasPrefix(text, "want ") || text == ""):
			t.Fatalf("%s:%d: not understood: %s", file, number+1, text)
		default:
			head = false
			s.files[current] += line
		}
	}
	return all
}

// readHead reads a line between the name and the rules.
func (s *sample) readHead(line string) bool {
	if variable, isEnv := strings.CutPrefix(line, "env "); isEnv {
		name, value, _ := strings.Cut(variable, "=")
		s.env[name] = value
		return true
	}
	m := wantLine.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	w := want{severity: diag.Severity(m[3]), texts: strings.Split(m[4], " … ")}
	w.line, _ = strconv.Atoi(m[1])
	w.col, _ = strconv.Atoi(m[2])
	s.wants = append(s.wants, w)
	return true
}

// check returns what `qase-relay check` reports about the sample.
func (s *sample) check(t *testing.T) diag.Problems {
	t.Helper()
	base, err := filepath.Abs("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
	for name, text := range s.files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{base, "rules.yaml"}
	if regexp.MustCompile(`(?m)^sources:`).MatchString(s.files["rules.yaml"]) {
		files = files[1:]
	}
	_, problems := config.Load(files, config.LoadOptions{AllowUnset: true})
	return problems
}

// differences returns the problems that are missing and those that are too many.
func (s *sample) differences(problems diag.Problems) (all []string) {
	left := slices.Clone(problems)
	for _, w := range s.wants {
		i := slices.IndexFunc(left, w.matches)
		if i < 0 {
			all = append(all, "missing: "+w.String())
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, p := range left {
		all = append(all, "unexpected: "+p.Error())
	}
	return all
}

func (w want) matches(p diag.Problem) bool {
	if p.Line != w.line || w.col > 0 && p.Col != w.col || p.Severity != w.severity {
		return false
	}
	rest, found := p.Message+"\n"+p.Hint, true
	for _, text := range w.texts {
		if _, rest, found = strings.Cut(rest, text); !found {
			return false
		}
	}
	return true
}

func (w want) String() string {
	return fmt.Sprintf("%d:%d %s: %s", w.line, w.col, w.severity, strings.Join(w.texts, " … "))
}

// readPending returns the names in a list of samples that check does not answer well yet.
func readPending(t *testing.T, file string) map[string]bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pending := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name := strings.TrimSpace(lines.Text()); name != "" && !strings.HasPrefix(name, "#") {
			pending[name] = true
		}
	}
	return pending
}

// TestCheckAnswersTheRulesThatPeopleWrite checks each sample: one of testdata/wrong has exactly the problems that it
// wants, and one of testdata/right has none.
func TestCheckAnswersTheRulesThatPeopleWrite(t *testing.T) {
	for folder, least := range map[string]int{"wrong": 300, "right": 100} {
		pending := readPending(t, filepath.Join("testdata", "pending_"+folder+".txt"))
		all := readCorpus(t, folder)
		if len(all) < least {
			t.Errorf("%s has %d samples, want %d", folder, len(all), least)
		}
		for _, s := range all {
			if wrong := folder == "wrong"; wrong != (len(s.wants) > 0) {
				t.Errorf("%s: has %d wanted problems", s.name, len(s.wants))
				continue
			}
			t.Run(folder+"/"+s.name, func(t *testing.T) {
				differences := s.differences(s.check(t))
				switch {
				case !pending[s.name] && len(differences) > 0:
					t.Errorf("%s\n%s", strings.Join(differences, "\n"), s.files["rules.yaml"])
				case pending[s.name] && len(differences) == 0:
					t.Errorf("is answered well now: remove it from pending_%s.txt", folder)
				}
			})
			delete(pending, s.name)
		}
		for _, name := range slices.Sorted(maps.Keys(pending)) {
			t.Errorf("pending_%s.txt names %q, which is not a sample", folder, name)
		}
	}
}
