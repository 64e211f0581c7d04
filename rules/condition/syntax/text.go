// Package syntax reads the parts of an expression: its nodes, and the text that they were written as.
package syntax

import (
	"math"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// Text finds the parts of a condition in its source, to show them as they are written.
type Text struct {
	text    []rune
	tokens  []lexer.Token
	numbers map[int]int // of tokens, by their first character
}

func NewText(source string) *Text {
	c := &Text{text: []rune(source), numbers: map[int]int{}}
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return c // Of falls back to the text of the node
	}
	for _, token := range tokens {
		if token.Kind != lexer.EOF {
			c.numbers[token.From] = len(c.tokens)
			c.tokens = append(c.tokens, token)
		}
	}
	return c
}

// Of returns the text of n in one line, and its position in characters.
func (c *Text) Of(n ast.Node) (text string, from, to int) {
	first, last := c.extent(n)
	if first > last {
		return n.String(), 0, len(c.text)
	}
	first, last = c.balance(first, last)
	var b strings.Builder
	for i := first; i <= last; i++ {
		token := c.tokens[i]
		if i > first && c.tokens[i-1].To < token.From {
			b.WriteByte(' ')
		}
		b.WriteString(string(c.text[token.From:token.To]))
	}
	return b.String(), c.tokens[first].From, c.tokens[last].To
}

// extent returns the numbers of the first and the last token of n.
func (c *Text) extent(n ast.Node) (first, last int) {
	first, last = math.MaxInt, -1
	ast.Walk(&n, Visitor(func(n ast.Node) {
		number, known := c.numbers[n.Location().From]
		switch n.(type) {
		case *ast.ConditionalNode: // the parser records no position for it
			return
		case *ast.VariableDeclaratorNode: // recorded at its name
			number--
		}
		if known {
			first, last = min(first, number), max(last, number)
		}
	}))
	if choice, isChoice := n.(*ast.ConditionalNode); isChoice && !choice.Ternary && first <= last && first > 0 {
		first-- // if
	}
	return first, last
}

// balance extends the range of tokens to the brackets that belong to it.
func (c *Text) balance(first, last int) (int, int) {
	if c.tokens[last].Kind == lexer.Identifier && last+1 < len(c.tokens) && c.tokens[last+1].Is(lexer.Bracket, "(") {
		last++ // a call without arguments
	}
	depth, lowest := 0, 0
	for i := first; i <= last; i++ {
		depth += c.turn(i)
		lowest = min(lowest, depth)
	}
	for ; lowest < 0 && first > 0; first-- {
		lowest += c.turn(first - 1)
		depth += c.turn(first - 1)
	}
	for ; depth > 0 && last+1 < len(c.tokens); last++ {
		depth += c.turn(last + 1)
	}
	return first, last
}

// turn is 1 for an opening bracket, -1 for a closing one and 0 for any other token.
func (c *Text) turn(i int) int {
	token := c.tokens[i]
	switch {
	case token.Kind != lexer.Bracket:
		return 0
	case strings.ContainsAny(token.Value, "([{"):
		return 1
	}
	return -1
}
