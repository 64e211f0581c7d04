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

// Masker shows lines of rules files as they are now, with their secrets masked. It reads each file once.
type Masker struct{ files map[string]*maskedFile }

// maskedFile is a file as it is, and masked; both are empty if it cannot be read.
type maskedFile struct{ lines, masked []string }

func (m *Masker) read(name string) *maskedFile {
	if f := m.files[name]; f != nil {
		return f
	}
	f := &maskedFile{}
	if data, err := os.ReadFile(name); err == nil {
		text, _ := written.Read([]yamldoc.File{{Name: name, Data: data}}).Text(name)
		f.lines, f.masked = strings.Split(string(data), "\n"), strings.Split(text, "\n")
	}
	if m.files == nil {
		m.files = map[string]*maskedFile{}
	}
	m.files[name] = f
	return f
}

// Line returns the line of a problem: the part before the fault, and the word at the fault. Secrets are masked by their
// keys, and a key that is misspelt hides nothing, so it returns nil for a line outside of the parts of a file that say
// what to send, for a file that is not readable, and for one that has changed.
func (m *Masker) Line(p diag.Problem) []string {
	f := m.read(p.File)
	if p.Source == "" || p.Line < 1 || p.Line > min(len(f.lines), len(f.masked)) || strings.TrimRight(f.lines[p.Line-1], "\r") != p.Source ||
		!slices.Contains([]string{"rules", "tests", "templates", "windows", "include"}, sectionOf(f.lines[:p.Line])) {
		return nil
	}
	line, source, at := []rune(f.masked[p.Line-1]), []rune(p.Source), max(p.Col-1, 0)
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
