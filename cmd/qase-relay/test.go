package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

type testFlags struct {
	run         string
	junit       string
	coverage    bool
	coverageMin float64 // negative if not asked for
	format      string
	json        bool
}

func newTest(c *terminal.Console) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [FILE…]",
		Short: "Run the tests in rules files",
		Long: `Runs the tests: of rules files. Each test simulates events and lists the expected messages
of the last one; nothing is sent. Without FILE it reads ` + terminal.DefaultRules + ` and all *_test.yaml beside
it. NAME.yaml also reads NAME_test.yaml, if that exists, and NAME_test.yaml also reads NAME.yaml, unless it
has an include. Several files are one configuration, as serve reads them.

The clock of a test starts on Monday, 5 January 2026, 09:00 UTC, and events are a second apart unless at or
advance is set. Unset variables and missing secret files are ignored.

Exits with 0 if all tests pass, with 1 if one fails or the files are wrong, and with 2 if nothing could be run.`,
		Example: `  qase-relay test
  qase-relay test --run 'aborted' rules.yaml
  qase-relay test --junit report.xml --coverage-min 90      in a pipeline
  qase-relay test --format github                           in a GitHub workflow`,
		RunE:              func(_ *cobra.Command, args []string) error { return test(c, args, f) },
		ValidArgsFunction: completeYAML,
	}
	cmd.Flags().StringVar(&f.run, "run", "", "only tests whose name matches the regular expression `REGEX`")
	cmd.Flags().StringVar(&f.junit, "junit", "", "also write the results to this `FILE`, as JUnit XML")
	cmd.Flags().BoolVar(&f.coverage, "coverage", false, "list the rules that no test covers")
	cmd.Flags().Float64Var(&f.coverageMin, "coverage-min", -1,
		"fail if the tests cover less than `PERCENT` of the rules")
	cmd.Flags().Lookup("coverage-min").DefValue = "0" // hides the -1 in the help
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text, json or github (annotations in a workflow)")
	cmd.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	return cmd
}

func test(c *terminal.Console, args []string, f testFlags) error {
	filter, err := regexp.Compile(f.run)
	if err != nil {
		return terminal.Hint(fmt.Errorf("--run %q: %w", f.run, err),
			"it takes a regular expression, such as 'aborted|failed'")
	}
	if f.coverageMin > 100 {
		return terminal.Hint(fmt.Errorf("--coverage-min %v: more than 100 percent", f.coverageMin),
			"write a number from 0 to 100")
	}
	if f.json {
		f.format = "json"
	}
	if !slices.Contains([]string{"text", "json", "github"}, f.format) {
		return terminal.Hint(fmt.Errorf("--format: unknown format %q", f.format), "text, json or github")
	}
	files, err := testFiles(c, args)
	if err != nil {
		return err
	}
	r := report.NewTests(files, testOptions(), filter)
	if f.run != "" && len(r.Tests) == 0 && r.Total > 0 {
		return terminal.Hint(fmt.Errorf("--run %q: no test has a matching name", f.run),
			"there are %s; see their names with: qase-relay test", terminal.Plural(r.Total, "test"))
	}
	if f.junit != "" {
		if err := r.WriteJUnit(f.junit); err != nil {
			return fmt.Errorf("writing the JUnit report: %w", err)
		}
	}
	enough := r.Coverage.Percent >= f.coverageMin && (r.Total > 0 || f.coverageMin < 0)
	switch f.format {
	case "json":
		err = c.WriteJSON(r)
	case "github":
		r.PrintForGitHub(c.Out, f.coverage, f.coverageMin)
	default:
		r.Print(c.Out, f.coverage, f.coverageMin)
	}
	if err == nil && (!r.OK || !enough) {
		return terminal.Wrong(nil)
	}
	return err
}

// testOptions are the options for reading rules without sending: secrets may be missing.
func testOptions() rulefile.Options {
	return rulefile.Options{
		Kinds:       config.Kinds(builtin.Kinds()),
		LookupEnv:   os.LookupEnv,
		ReadFile:    os.ReadFile,
		Glob:        config.Glob,
		IgnoreUnset: true,
	}
}

// testSuffix marks files of tests; the extension follows it.
const testSuffix = "_test"

// testFiles reads the named files, and the test or rules files that belong to them.
func testFiles(c *terminal.Console, args []string) ([]yamldoc.File, error) {
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
	var files []yamldoc.File
	for _, name := range testFileNames(args) {
		data, err := c.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		files = append(files, yamldoc.File{Name: name, Data: data})
	}
	return files, nil
}

// testFileNames returns the names of readable files and patterns, each once, with the files that belong to them.
func testFileNames(args []string) (all []string) {
	for _, arg := range args {
		names, alone := []string{arg}, len(args) == 1
		if strings.ContainsAny(arg, "*?[") {
			names, _ = config.Glob(arg)
			alone = false
		}
		for _, name := range names {
			for _, name := range withCompanion(name, alone) {
				if !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
	}
	return all
}

// withCompanion returns a rules file with its file of tests, if it has one. It returns a file of tests that is alone on
// the command line with its rules file, unless it includes files.
func withCompanion(name string, alone bool) []string {
	ext := filepath.Ext(name)
	base := strings.TrimSuffix(name, ext)
	about, isTest := strings.CutSuffix(base, testSuffix)
	tests := base + testSuffix + ext
	switch {
	case ext != ".yaml" && ext != ".yml":
	case !isTest && terminal.IsFile(tests):
		return []string{name, tests}
	case isTest && alone && terminal.IsFile(about+ext):
		if data, err := os.ReadFile(name); err == nil && !rulefile.HasIncludes(data) {
			return []string{about + ext, name}
		}
	}
	return []string{name}
}
