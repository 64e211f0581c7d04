package diagnose

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser/lexer"
)

// PatternWords returns the text of a pattern that another language writes between slashes, with the flags behind them.
func PatternWords(pattern, flags string) string {
	if strings.Contains(flags, "i") {
		pattern = "(?i)" + pattern
	}
	return strconv.Quote(pattern)
}

var (
	betweenSlashes = regexp.MustCompile(`^\s*/((?:[^/\\]|\\.)+)/([a-z]*)`)
	inQuotes       = regexp.MustCompile(`^\s*(?:"([^"]*)"|'([^']*)')`)
)

// patternAfter returns the words for the pattern that a source begins with, or `"…"`.
func patternAfter(source string) string {
	if m := betweenSlashes.FindStringSubmatch(source); m != nil {
		return PatternWords(m[1], m[2])
	}
	if m := inQuotes.FindStringSubmatch(source); m != nil {
		return strconv.Quote(m[1] + m[2])
	}
	return `"…"`
}

// tildeFault explains the operators =~ and !~, whose tokens end in front of the tilde at an offset.
func tildeFault(source []rune, tokens []lexer.Token, at int) *fault {
	if len(tokens) == 0 || source[at] != '~' {
		return nil
	}
	last := tokens[len(tokens)-1]
	if last.To != at || !last.Is(lexer.Operator, "=", "!") {
		return nil
	}
	pattern := patternAfter(string(source[at+1:]))
	hint := "write matches " + pattern
	if last.Value == "!" {
		hint = "write not (… matches " + pattern + ")"
	}
	return &fault{last.From, last.Value + "~ is not an operator", hint}
}

// unquotedPattern explains a pattern between slashes behind matches, or returns nil.
func unquotedPattern(source []rune, at int) *fault {
	if at >= len(source) || source[at] != '/' || !strings.HasSuffix(strings.TrimSpace(string(source[:at])), "matches") {
		return nil
	}
	return &fault{at, "a pattern stands without quotes",
		"put the pattern in quotes: matches " + patternAfter(string(source[at:]))}
}

// likeWords returns the operator for a pattern of SQL, whose % stands for any text.
func likeWords(pattern string) string {
	inner := strconv.Quote(strings.Trim(pattern, "%"))
	switch begins, ends := !strings.HasPrefix(pattern, "%"), !strings.HasSuffix(pattern, "%"); {
	case begins && ends:
		return "== " + inner
	case begins:
		return "startsWith " + inner
	case ends:
		return "endsWith " + inner
	default:
		return "contains " + inner
	}
}

// invalidPattern explains a pattern that is not a valid regular expression, at its own place.
func (e *typeError) invalidPattern(reason string) (message, hint string) {
	subject, pattern := "", ""
	e.walk(func(n ast.Node) {
		b, isBinary := n.(*ast.BinaryNode)
		if !isBinary || b.Operator != "matches" || b.Location().From != e.at {
			return
		}
		if text, isText := b.Right.(*ast.StringNode); isText {
			subject, pattern = b.Left.String(), text.Value
			e.at = text.Location().From
		}
	})
	return "invalid regular expression: " + reason, patternHint(subject, pattern, reason)
}

var lookahead = regexp.MustCompile(`^(\^?)(?:\.\*)?\(\?!(?:\.\*)?([^()]*)\)(?:\.\*)?\$?$`)

// patternHint says how to write a pattern that is not valid.
func patternHint(subject, pattern, reason string) string {
	plain := strings.Trim(pattern, "*")
	switch m := lookahead.FindStringSubmatch(pattern); {
	case m != nil:
		return fmt.Sprintf("write not (%s matches %q)", subject, m[1]+m[2])
	case strings.Contains(pattern, "(?!"), strings.Contains(pattern, "(?="), strings.Contains(pattern, "(?<"):
		return "there is no looking ahead or behind: join two conditions with and, or and not"
	case plain != pattern && regexp.QuoteMeta(plain) == plain:
		return fmt.Sprintf("matches takes a regular expression: write contains %q, or matches %q", plain, plain)
	case strings.Contains(reason, "missing closing )"), strings.Contains(reason, "unexpected )"):
		return `write \\( or \\) for a bracket itself, or contains for plain text`
	case strings.Contains(reason, "missing closing ]"):
		return `write \\[ for a bracket itself, or contains for plain text`
	case strings.Contains(reason, "repetition"):
		return `write \\ in front of * + or ? for the sign itself, or contains for plain text`
	}
	return "the syntax is that of Go: https://pkg.go.dev/regexp/syntax"
}

// shareFault explains a percentage such as 10%, behind which the parser misses a value at an offset, or returns nil.
func shareFault(source []rune, at int) *fault {
	before := strings.TrimRight(string(source[:min(at, len(source))]), " ")
	number, percent := strings.CutSuffix(before, "%")
	digits := regexp.MustCompile(`(\d+(?:\.\d+)?)\s*$`).FindString(number)
	if !percent || digits == "" {
		return nil
	}
	share, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil {
		return nil
	}
	return &fault{len([]rune(number)), "a share is a fraction, not a percentage",
		fmt.Sprintf("write payload.failed / payload.cases > %v", share/100)}
}
