package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// Console holds the standard streams of the program.
type Console struct {
	In       io.Reader
	Out, Err *Screen
	Build    BuildInfo
	// IsMain reports whether this process is the program itself, which can be started again, and not a test of it.
	IsMain bool
}

// NewConsole returns a console over three streams.
func NewConsole(in io.Reader, out, err *os.File) *Console {
	return &Console{In: in, Out: NewScreen(out), Err: NewScreen(err), Build: Build("")}
}

// WriteJSON prints v as indented JSON, for programs.
func (c *Console) WriteJSON(v any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Open opens a file for reading; "-" is standard input.
func (c *Console) Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.In), nil
	}
	return os.Open(name)
}

// ReadFile reads a file; "-" is standard input.
func (c *Console) ReadFile(name string) ([]byte, error) {
	file, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// IsFile reports whether name is a regular file.
func IsFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Screen is an output stream, with the properties of the terminal behind it.
type Screen struct {
	io.Writer
	Terminal bool
	Color    bool // true on a terminal, unless NO_COLOR or TERM=dumb is set
	Columns  int  // 80 if the stream is not a terminal
	// Zone is the time zone of the times that are printed; nil is that of this machine.
	Zone *time.Location
}

// NewScreen returns the screen of a file.
func NewScreen(f *os.File) *Screen {
	s := &Screen{Writer: f, Columns: 80, Terminal: term.IsTerminal(int(f.Fd()))}
	if !s.Terminal {
		return s
	}
	s.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
		s.Columns = w
	}
	return s
}

// Printf prints. It ignores errors: the signal SIGPIPE ends the program when a pipe is closed.
func (s *Screen) Printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

func (s *Screen) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold makes text bold.
func (s *Screen) Bold(text string) string { return s.paint("1", text) }

// Dim makes text faint.
func (s *Screen) Dim(text string) string { return s.paint("2", text) }

// Good makes text green.
func (s *Screen) Good(text string) string { return s.paint("32", text) }

// Bad makes text bold and red.
func (s *Screen) Bad(text string) string { return s.paint("1;31", text) }

// Warn makes text bold and yellow.
func (s *Screen) Warn(text string) string { return s.paint("1;33", text) }

// Level paints text in the color of a message's level.
func (s *Screen) Level(level, text string) string {
	code, ok := map[string]string{"success": "32", "warning": "33", "error": "31"}[level]
	if !ok {
		code = "34"
	}
	return s.paint(code, text)
}

// Columns returns the width of s in terminal columns. A wide character takes 2, and so does an emoji of several code
// points.
func Columns(s string) int { return ansi.StringWidth(s) }

// Wrap breaks text into lines of at most limit columns, at spaces where there are any.
func Wrap(text string, limit int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, wrapLine(strings.TrimRight(line, " \r"), max(limit, 10))...)
	}
	return lines
}

func wrapLine(line string, limit int) []string {
	var lines []string
	for cut := cutAt(line, limit); cut < len(line); cut = cutAt(line, limit) { // linear in the length
		if space := strings.LastIndexByte(line[:cut], ' '); space > 0 {
			cut = space
		}
		lines = append(lines, strings.TrimRight(line[:cut], " "))
		line = strings.TrimLeft(line[cut:], " ")
	}
	return append(lines, line)
}

// cutAt returns the number of bytes of s that fit into limit columns. It never splits a grapheme cluster.
func cutAt(s string, limit int) int {
	at := 0
	for at < len(s) {
		character, columns := ansi.FirstGraphemeCluster(s[at:], ansi.GraphemeWidth)
		if limit -= columns; limit < 0 {
			break
		}
		at += len(character)
	}
	return at
}
