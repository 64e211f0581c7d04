package budget

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Limits of a pattern. One that an event brings has the smaller ones.
const (
	maxPatternBytes  = 4 << 10
	maxEventPattern  = 200
	maxInstructions  = 20_000
	maxEventPatterns = 1000    // instructions
	eventPatternCost = 1 << 19 // units to compile one: about 2 ms
)

// Pattern is a regular expression whose work is known before it runs.
type Pattern struct {
	*regexp.Regexp
	size  int // instructions
	reach int // the most bytes that it looks at, or 0 for all
}

// Compile compiles the pattern of a rule.
func Compile(text string) (*Pattern, error) {
	if len(text) > maxPatternBytes {
		return nil, fmt.Errorf("the pattern has %d bytes, more than %d", len(text), maxPatternBytes)
	}
	return compile(text, maxInstructions)
}

// CompileFromEvent compiles a pattern that is not written in the rule, and takes the work of it out of the budget.
func (b *Budget) CompileFromEvent(text string) (*Pattern, error) {
	if len(text) > maxEventPattern {
		return nil, fmt.Errorf("a pattern that is not written in the rule may have %d bytes, and this one has %d",
			maxEventPattern, len(text))
	}
	cost := eventPatternCost
	if strings.Contains(text, "(?") || strings.Contains(strings.ToLower(text), `\p`) {
		cost *= 16 // large classes of characters, and folding them
	}
	if err := b.Spend(cost); err != nil {
		return nil, err
	}
	return compile(text, maxEventPatterns)
}

func compile(text string, most int) (*Pattern, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, describe(err)
	}
	size := instructions(tree, most)
	if size > most {
		return nil, fmt.Errorf("the pattern repeats too much: write smaller numbers in { }")
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, describe(err)
	}
	p := &Pattern{Regexp: compiled, size: size}
	if first := firstOf(tree); first != nil && first.Op == syntax.OpBeginText {
		p.reach = longest(tree)
	}
	return p, nil
}

// describe rewords an error of package regexp.
func describe(err error) error {
	return fmt.Errorf("not a valid pattern: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// instructions estimates the size of the compiled pattern, up to most.
func instructions(re *syntax.Regexp, most int) int {
	sum := 1 + len(re.Rune)/2
	if re.Op == syntax.OpCharClass {
		sum = 1
	}
	for _, sub := range re.Sub {
		if sum += instructions(sub, most); sum > most {
			return sum
		}
	}
	if re.Op == syntax.OpRepeat {
		return Product(sum, max(re.Min, re.Max, 1))
	}
	return sum
}

// firstOf returns the first part of a sequence, or nil for other patterns.
func firstOf(re *syntax.Regexp) *syntax.Regexp {
	if re.Op != syntax.OpConcat || len(re.Sub) == 0 {
		return nil
	}
	return re.Sub[0]
}

// longest returns the most bytes that a match has, or 0 if that is unlimited or unknown.
func longest(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return utf8.UTFMax * len(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpCharClass, syntax.OpBeginText:
		return utf8.UTFMax
	case syntax.OpConcat, syntax.OpCapture:
		sum := 0
		for _, sub := range re.Sub {
			n := longest(sub)
			if n == 0 {
				return 0
			}
			sum += n
		}
		return sum
	case syntax.OpRepeat:
		return longest(re.Sub[0]) * max(re.Max, 0)
	}
	return 0
}

// Cost returns the units of matching a text of some bytes.
func (p *Pattern) Cost(bytes int) int {
	if p.reach > 0 {
		bytes = min(bytes, p.reach)
	}
	return Product(bytes+1, 4+p.size)
}
