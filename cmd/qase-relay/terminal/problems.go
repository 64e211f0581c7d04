package terminal

import (
	"fmt"
	"strings"

	"qaserelay/rules/diag"
)

// PrintProblems prints each problem with its place, the source line and a hint.
func PrintProblems(s *Screen, problems diag.Problems) {
	for _, p := range problems {
		word := s.Bad(string(p.Severity) + ":")
		if p.Severity == diag.Warning {
			word = s.Warn(string(p.Severity) + ":")
		}
		s.Printf("%s: %s %s\n", s.Bold(OneLine(p.Place())), word, Printable(p.Message))
		if p.Source != "" && p.Line > 0 {
			printExcerpt(s, p)
		}
		if p.Hint != "" {
			s.Printf("  %s %s\n", s.Dim("hint:"), Printable(p.Hint))
		}
	}
}

// printExcerpt prints the source line of a problem with a caret under its column. A long line is truncated around it.
func printExcerpt(s *Screen, p diag.Problem) {
	const before = 60
	line := []rune(Printable(p.Source))
	col := min(max(p.Col, 1), len(line)+1) - 1
	start, end, lead, tail := 0, len(line), "", ""
	if Columns(p.Source) > 160 {
		if start = max(0, col-before); start > 0 {
			lead = "…"
		}
		if end = min(len(line), start+2*before); end < len(line) {
			tail = "…"
		}
	}
	number := fmt.Sprintf("%5d", p.Line)
	s.Printf("%s %s%s%s\n", s.Dim(number+" |"), lead, string(line[start:end]), tail)
	if p.Col > 0 {
		s.Printf("%s %s%s\n", s.Dim("      |"), blank(lead+string(line[start:col])), s.Bad("^"))
	}
}

// blank returns white space of the same width as text.
func blank(text string) string {
	parts := strings.Split(text, "\t")
	for i, part := range parts {
		parts[i] = strings.Repeat(" ", Columns(part))
	}
	return strings.Join(parts, "\t")
}

// CountText returns the number of errors and warnings in words.
func CountText(problems diag.Problems) string {
	errs, warnings := problems.Count()
	var parts []string
	if errs > 0 {
		parts = append(parts, Plural(errs, "error"))
	}
	if warnings > 0 {
		parts = append(parts, Plural(warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

// PrintForGitHub writes the problems as workflow commands, which GitHub shows beside the lines.
func PrintForGitHub(s *Screen, problems diag.Problems) {
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
		s.Printf("::%s %s::%s\n", p.Severity, strings.Join(fields, ","), GitHubData(message))
	}
}

// GitHubData escapes the text of a workflow command as actions/toolkit does.
func GitHubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func gitHubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(GitHubData(s))
}

// Plural returns n with its noun: 1 rule, 2 rules.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun == "delivery" {
		return fmt.Sprintf("%d deliveries", n)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
