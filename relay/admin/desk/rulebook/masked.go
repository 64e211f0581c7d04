package rulebook

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile/written"
	"qaserelay/rules/yamldoc"
)

// MaskedLine returns the line of a problem as its file has it now: the part before the fault, and the word at the fault.
// Secrets are masked by their keys, and a key that is misspelt hides nothing, so it returns nil for a line outside of the
// parts of a file that say what to send, for a file that is not readable, and for one that has changed.
func MaskedLine(p diag.Problem) []string {
	data, err := os.ReadFile(p.File)
	lines := strings.Split(string(data), "\n")
	if err != nil || p.Source == "" || p.Line < 1 || p.Line > len(lines) || strings.TrimRight(lines[p.Line-1], "\r") != p.Source ||
		!slices.Contains([]string{"rules", "tests", "templates", "windows", "include"}, sectionOf(lines[:p.Line])) {
		return nil
	}
	text, _ := written.Read([]yamldoc.File{{Name: p.File, Data: data}}).Text(p.File)
	masked := strings.Split(text, "\n")
	if len(masked) < p.Line {
		return nil
	}
	line, source, at := []rune(masked[p.Line-1]), []rune(p.Source), max(p.Col-1, 0)
	if at > len(line) || at > len(source) || string(source[:at]) != string(line[:at]) {
		return nil // a secret stands before the fault
	}
	return []string{string(line[:at]), wordAtFault.FindString(string(line[at:]))}
}

var (
	topKey      = regexp.MustCompile(`^["']?([a-z_-]+)["']?\s*:`)
	wordAtFault = regexp.MustCompile(`^(?:"[^"]*"?|'[^']*'?|[^\s:,\]})]+|.)`)
)

// sectionOf returns the key at the top of a file that its last line is below, or "".
func sectionOf(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if m := topKey.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return ""
}
