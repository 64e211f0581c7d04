package main

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/relay/config"
	"qaserelay/rules/diag"
)

// printProblems shows every problem with its place, the line at fault and what to do.
func printProblems(s *screen, problems diag.Problems) {
	for _, p := range problems {
		word := s.bad(string(p.Severity) + ":")
		if p.Severity == diag.Warning {
			word = s.warn(string(p.Severity) + ":")
		}
		s.Printf("%s: %s %s\n", s.bold(printable(p.Place())), word, printable(p.Message))
		if p.Source != "" && p.Line > 0 {
			printExcerpt(s, p)
		}
		if p.Hint != "" {
			s.Printf("  %s %s\n", s.dim("hint:"), printable(p.Hint))
		}
	}
}

// printExcerpt shows the line at fault with a caret under its column. Of a long line it shows the part around it.
func printExcerpt(s *screen, p diag.Problem) {
	const before = 60
	line := []rune(printable(p.Source))
	col := min(max(p.Col, 1), len(line)+1) - 1
	start, end, lead, tail := 0, len(line), "", ""
	if columns(p.Source) > 160 {
		if start = max(0, col-before); start > 0 {
			lead = "…"
		}
		if end = min(len(line), start+2*before); end < len(line) {
			tail = "…"
		}
	}
	number := fmt.Sprintf("%5d", p.Line)
	s.Printf("%s %s%s%s\n", s.dim(number+" |"), lead, string(line[start:end]), tail)
	if p.Col > 0 {
		s.Printf("%s %s%s\n", s.dim("      |"), blank(lead+string(line[start:col])), s.bad("^"))
	}
}

// blank returns white space as wide as text.
func blank(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\t' {
			b.WriteByte('\t')
			continue
		}
		b.WriteString(strings.Repeat(" ", runeColumns(r)))
	}
	return b.String()
}

// verdict is the closing line: what was wrong, or what is there.
func (r checkResult) verdict() string {
	if r.Errors+r.Warnings > 0 {
		return faults(r.Problems)
	}
	return fmt.Sprintf("%s: %s, %s, no problems", r.Name, plural(r.Counts.Rules, "rule"), plural(r.Counts.Notifiers, "notifier"))
}

// faults counts what is wrong, in words.
func faults(problems diag.Problems) string {
	errs, warnings := problems.Count()
	var parts []string
	if errs > 0 {
		parts = append(parts, plural(errs, "error"))
	}
	if warnings > 0 {
		parts = append(parts, plural(warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

// printForGitHub writes the problems as workflow commands, which GitHub shows beside the lines.
func printForGitHub(s *screen, problems diag.Problems) {
	for _, p := range problems {
		message := p.Message
		if p.Hint != "" {
			message += "\n" + p.Hint
		}
		file := p.File
		if file == "-" {
			file = "stdin"
		}
		fields := []string{"file=" + gitHubProperty(file)}
		if p.Line > 0 {
			fields = append(fields, fmt.Sprintf("line=%d", p.Line))
		}
		if p.Col > 0 {
			fields = append(fields, fmt.Sprintf("col=%d", p.Col))
		}
		fields = append(fields, "title=qase-relay")
		s.Printf("::%s %s::%s\n", p.Severity, strings.Join(fields, ","), gitHubData(message))
	}
}

// gitHubData escapes the text of a workflow command as actions/toolkit does.
func gitHubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func gitHubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(gitHubData(s))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// hasErrors reports whether the rules cannot be used.
func hasErrors(problems diag.Problems) bool {
	return slices.ContainsFunc(problems, func(p diag.Problem) bool { return p.Severity == diag.Error })
}

// counts are how many there are of what rules files hold.
type counts struct {
	Rules     int `json:"rules"`
	Notifiers int `json:"notifiers"`
	Sources   int `json:"sources"`
}

func countsOf(cfg *config.Config) counts {
	if cfg == nil {
		return counts{}
	}
	return counts{Rules: len(cfg.Rules.Names()), Notifiers: len(cfg.Outs), Sources: len(cfg.Sources)}
}
