package report

import (
	"fmt"
	"strings"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/diag"
)

// PrintForGitHub prints the results as Print does, with problems and failed tests as workflow commands, which GitHub
// shows beside the lines.
func (r *Tests) PrintForGitHub(s *terminal.Screen, coverage bool, least float64) {
	terminal.PrintForGitHub(s, r.Problems)
	terminal.PrintForGitHub(s, r.Warnings)
	if len(r.Problems) > 0 {
		s.Printf("%s\n", terminal.CountText(r.Problems))
		return
	}
	terminal.PrintForGitHub(s, r.failures())
	if least >= 0 && r.Coverage.Percent < least {
		s.Printf("::error title=qase-relay::%s\n", terminal.GitHubData(fmt.Sprintf(
			"the tests cover %.1f%% of the rules, less than %v%%", r.Coverage.Percent, least)))
	}
	plain := *r
	plain.Warnings = nil
	plain.Print(s, coverage, least)
}

// failures returns a problem for each test that failed, at its place and with what differs.
func (r *Tests) failures() (all diag.Problems) {
	for _, t := range r.Tests {
		if !t.Passed {
			all = append(all, diag.Problem{File: t.File, Line: t.Line, Severity: diag.Error,
				Message: strings.TrimRight(junitFailure(t).Text, "\n")})
		}
	}
	return all
}
