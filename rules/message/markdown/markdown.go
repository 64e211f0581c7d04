// Package markdown parses the Markdown of messages. Templates, which write values into it, and notifiers, which show it,
// read it alike.
package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/util"
)

// Parser returns a parser of CommonMark with tables, but without HTML. Emphasis is parsed only by the given parsers,
// since it does not change what is code, a link or a table.
func Parser(emphasis ...parser.InlineParser) parser.Parser {
	inline := []util.PrioritizedValue{
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
	}
	for _, p := range emphasis {
		inline = append(inline, util.Prioritized(p, 500))
	}
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewListParser(), 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(parser.NewBlockquoteParser(), 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(inline...),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(extension.NewTableParagraphTransformer(), 200),
		),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
	)
}

// CodeMarks returns what stands before and after a span of code: more backticks than it contains in a row, and where it
// begins and ends with a space or has a backtick at an end, a space, which readers remove.
func CodeMarks(code string) (opening, closing string) {
	mark, pad := strings.Repeat("`", LongestRun(code, "`")+1), ""
	blanks := strings.HasPrefix(code, " ") && strings.HasSuffix(code, " ")
	if blanks || strings.HasPrefix(code, "`") || strings.HasSuffix(code, "`") {
		pad = " "
	}
	return mark + pad, pad + mark
}

// Run returns how often a mark stands at the beginning of s.
func Run(s, mark string) int { return len(s) - len(strings.TrimLeft(s, mark)) }

// LongestRun returns how often a mark stands in a row in s at most.
func LongestRun(s, mark string) int {
	longest := 0
	for i := 0; i < len(s); {
		n := Run(s[i:], mark)
		longest = max(longest, n)
		_, size := utf8.DecodeRuneInString(s[i:])
		i += max(n, size)
	}
	return longest
}
