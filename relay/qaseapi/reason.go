package qaseapi

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/rivo/uniseg"
	"golang.org/x/net/html"

	"qaserelay/notifiers"
	"qaserelay/rules/failures/mask"
)

const (
	maxReason = 200     // characters, as people see them
	maxBytes  = 1 << 10 // of a reason, a title or another name
	maxLine   = 1 << 10 // bytes of a line in which secrets are looked for
)

// reason returns the first line with text of the comment, or else of the stack trace, without markup and secrets.
func (c *Client) reason(comment, trace string) string {
	for _, text := range []string{comment, trace} {
		if line := firstLine(text); line != "" {
			return truncated(mask.Text(c.Hide(notifiers.CutBytes(line, maxLine))))
		}
	}
	return ""
}

// firstLine returns the first line that has a letter or a digit, as plain text.
func firstLine(text string) string {
	if strings.ContainsAny(text, "<&") {
		text = plainText(text)
	}
	if plain := ansi.Strip(text); strings.TrimSpace(plain) != "" { // a code without its end would take the rest with it
		text = plain
	}
	for line := range strings.Lines(notifiers.CleanText(strings.ReplaceAll(text, "\u2028", "\n"))) {
		line = notifiers.OneLine(line)
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			return line
		}
	}
	return ""
}

// truncated shortens a text to the length of a reason.
func truncated(text string) string {
	text = notifiers.CutBytes(text, maxBytes)
	rest, state, count := text, -1, 0
	for rest != "" {
		if count++; count == maxReason && len(rest) > 0 {
			end := len(text) - len(rest)
			if cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(rest, state); len(cluster) < len(rest) {
				return strings.TrimRight(text[:end], " ") + "…"
			}
		}
		_, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
	}
	return text
}

// blocks are the elements of HTML that begin a line.
var blocks = map[string]bool{"p": true, "br": true, "div": true, "li": true, "ul": true, "ol": true, "tr": true,
	"table": true, "pre": true, "blockquote": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true,
	"hr": true, "body": true, "html": true, "head": true, "section": true, "article": true, "tbody": true, "thead": true}

// inline are the elements that begin none.
var inline = map[string]bool{"a": true, "b": true, "i": true, "u": true, "s": true, "em": true, "strong": true,
	"code": true,
	"span": true, "font": true, "img": true, "td": true, "th": true, "small": true, "sub": true, "sup": true, "mark": true,
	"script": true, "style": true, "iframe": true, "svg": true, "input": true, "button": true, "form": true, "video": true}

// plainText returns HTML as text. What stands in angle brackets and is not an element of HTML stays, as in: expected
// <true>.
func plainText(markup string) string {
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(markup))
	for {
		kind := z.Next()
		raw := string(z.Raw())
		switch kind {
		case html.ErrorToken:
			out.WriteString(raw)
			return out.String()
		case html.DoctypeToken:
		case html.CommentToken:
			if !strings.HasPrefix(raw, "<!--") { // as <!here> is for the tokenizer
				out.WriteString(raw)
			}
		case html.TextToken:
			out.WriteString(html.UnescapeString(raw))
		default:
			name, _ := z.TagName()
			switch {
			case blocks[string(name)]:
				out.WriteByte('\n')
			case !inline[string(name)]:
				out.WriteString(raw)
			}
		}
	}
}

// name returns a title or another name of the answer as one line of a bounded length, without secrets of the
// configuration.
func (c *Client) name(text string) string {
	return c.Hide(notifiers.CutBytes(notifiers.OneLine(text), maxBytes))
}
