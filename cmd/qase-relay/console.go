package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// console is where the program meets a person.
type console struct {
	in       io.Reader
	out, err *screen
}

func newConsole(in io.Reader, out, err *os.File) *console {
	return &console{in: in, out: newScreen(out), err: newScreen(err)}
}

// writeJSON prints v for a program.
func (c *console) writeJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// screen is a stream that knows whether a person looks at it.
type screen struct {
	io.Writer
	terminal bool
	colour   bool // a terminal, unless NO_COLOR or TERM=dumb say otherwise
	columns  int  // 80 when it is no terminal
}

func newScreen(f *os.File) *screen {
	s := &screen{Writer: f, columns: 80, terminal: term.IsTerminal(int(f.Fd()))}
	if !s.terminal {
		return s
	}
	s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
		s.columns = w
	}
	return s
}

// Printf prints, and leaves errors of a closed pipe to the operating system's signal.
func (s *screen) Printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

func (s *screen) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string { return s.paint("1", text) }
func (s *screen) dim(text string) string  { return s.paint("2", text) }
func (s *screen) good(text string) string { return s.paint("32", text) }
func (s *screen) bad(text string) string  { return s.paint("1;31", text) }
func (s *screen) warn(text string) string { return s.paint("1;33", text) }

// level paints text in the colour of a message's level.
func (s *screen) level(level, text string) string {
	code, ok := map[string]string{"success": "32", "warning": "33", "error": "31"}[level]
	if !ok {
		code = "34"
	}
	return s.paint(code, text)
}

// runeColumns is how many columns a terminal gives to r.
func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// wrap breaks text into lines of at most limit columns, at spaces where there are any.
func wrap(text string, limit int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, wrapLine(strings.TrimRight(line, " \r"), max(limit, 10))...)
	}
	return lines
}

func wrapLine(line string, limit int) []string {
	var lines []string
	for cut := cutAt(line, limit); cut < len(line); cut = cutAt(line, limit) { // looks at no more than it takes
		if space := strings.LastIndexByte(line[:cut], ' '); space > 0 {
			cut = space
		}
		lines = append(lines, strings.TrimRight(line[:cut], " "))
		line = strings.TrimLeft(line[cut:], " ")
	}
	return append(lines, line)
}

// cutAt returns how many bytes of s fit into limit columns.
func cutAt(s string, limit int) int {
	for i, r := range s {
		if limit -= runeColumns(r); limit < 0 {
			return i
		}
	}
	return len(s)
}
