package httpclient

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Limits of the text that is shown of a web page.
const (
	maxPageLines = 4
	maxPageLine  = 200 // characters
)

// pageText returns the title of a web page and the first lines of its text.
func pageText(page string) string {
	var lines []string
	add := func(text string) {
		text = strings.Join(strings.Fields(text), " ")
		if runes := []rune(text); len(runes) > maxPageLine {
			text = string(runes[:maxPageLine]) + "…"
		}
		if text != "" && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	line, hidden := "", false
	for tokens := html.NewTokenizer(strings.NewReader(page)); len(lines) < maxPageLines; {
		kind := tokens.Next()
		if kind == html.ErrorToken { // the end
			break
		}
		switch token := tokens.Token(); {
		case kind == html.TextToken && !hidden:
			line += token.Data
		case token.DataAtom == atom.Script, token.DataAtom == atom.Style:
			hidden = kind == html.StartTagToken
		case kind != html.TextToken && kind != html.CommentToken && !isInline(token.DataAtom):
			add(line)
			line = ""
		}
	}
	if len(lines) < maxPageLines {
		add(line)
	}
	return strings.Join(lines, "\n")
}

// isInline reports whether an element stands within a line of text.
func isInline(a atom.Atom) bool {
	return slices.Contains([]atom.Atom{atom.A, atom.B, atom.I, atom.Em, atom.Strong, atom.Span, atom.Code, atom.Tt,
		atom.Font, atom.Small, atom.U}, a)
}
