package judge

import (
	"fmt"
	"math"
	"regexp"
	re2 "regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// checkValues checks a comparison whose types fit for values that are never equal, or always in this order.
func (c *comparison) checkValues() {
	c.readLiteral()
	switch {
	case c.subject.isNumber() && c.other.isNumber():
		c.checkLimits()
	case c.subject.sort == text && c.other.isConst && c.other.sort == text:
		c.checkText(c.other.literal.(string))
	}
}

// readLiteral makes a constant text beside a number that number, and a constant number beside a text that text.
func (c *comparison) readLiteral() {
	b := &c.other
	switch written, isText := b.literal.(string); {
	case !b.isConst:
	case c.subject.isNumber() && isText:
		parsed, isNumber := value.ParseNumber(strings.TrimSpace(written))
		if n, fits := value.Float(parsed); isNumber && fits {
			b.sort, b.low, b.high = number, n, n
		}
	case c.subject.sort == text && b.isNumber():
		b.sort, b.literal = text, value.PlainText(b.literal)
	}
}

// checkLimits checks a comparison of two numbers for limits that decide it.
func (c *comparison) checkLimits() {
	s, b := c.subject, c.other
	switch {
	case b.isConst && c.checkSeconds(b.low):
		return
	case c.checkParts(), b.isConst && c.checkMilliseconds(b.low):
		return
	case !s.bounded() || !b.isConst && !b.bounded():
		return
	}
	answer := orderAnswer(s, b, c.operator)
	if answer == "" {
		return
	}
	hint := ""
	switch {
	case s.high == 1 && s.low == 0 && strings.Contains(s.source, "/") && b.low > 1 && b.low <= 100:
		hint = fmt.Sprintf("for %s %% write %s %s", plainNumber(b.low), c.operator, plainNumber(b.low/100))
	case answer == "always" && s.low == 0 && b.low == 0 && math.IsInf(s.high, 1):
		hint = "write " + s.source + " > 0"
	case strings.HasSuffix(s.source, ".Hour()") && b.low == 24:
		hint = "midnight is 0"
	case strings.HasSuffix(s.source, ".Year()") && b.low < 100:
		hint = fmt.Sprintf("write %d", 2000+int(b.low))
	}
	if c.operator == "in" {
		c.fault(c.otherNode, fmt.Sprintf("%s is never %s: %s", s.source, b.source, s.limits()), hint)
		return
	}
	limits := s.limits()
	if !b.isConst {
		limits += ", and " + b.limits()
	}
	c.answered(answer, limits, hint)
}

// answered reports that the comparison is always, or never, true.
func (c *comparison) answered(answer, reason, hint string) {
	about := fits
	if answer == "always" {
		about = fixed
	}
	c.report(verdict{Finding: diag.Finding{At: c.cond.Locate(c.node),
		Message: fmt.Sprintf("this is %s true: %s", answer, reason), Hint: hint}, about: about, fault: true})
}

// Limits of Unix seconds: larger numbers are milliseconds, and smaller ones are lengths of time.
const (
	leastSeconds = 1e9
	mostSeconds  = 1e11
)

// checkSeconds reports a constant beside Unix seconds that counts something else, and returns whether it does.
func (c *comparison) checkSeconds(constant float64) bool {
	source := c.subject.source
	switch {
	case source != "timestamp" && !strings.HasSuffix(source, ".Unix()"):
		return false
	case constant >= mostSeconds:
		c.fault(c.otherNode, fmt.Sprintf("%s counts seconds, and %s counts milliseconds", source, c.other.source),
			fmt.Sprintf("write %.0f", math.Floor(constant/1000)))
	case constant < leastSeconds && constant > 0:
		c.fault(c.otherNode, fmt.Sprintf("%s counts seconds since 1970, so %s is a time in %d", source, c.other.source,
			time.Unix(int64(constant), 0).UTC().Year()),
			`the age of an event is now() - time > duration("1h")`)
	default:
		return false
	}
	return true
}

// checkMilliseconds reports a constant that plainly counts seconds beside the duration of a run, which counts
// milliseconds, and returns whether it does.
func (c *comparison) checkMilliseconds(constant float64) bool {
	ordered := c.operator[0] == '<' || c.operator[0] == '>'
	if !c.subject.isField() || !strings.HasSuffix(c.subject.source, ".duration") || !ordered || constant < 60 ||
		constant > 100_000 || math.Mod(constant, 60) != 0 || math.Mod(constant, 1000) == 0 {
		return false
	}
	c.fault(c.otherNode, fmt.Sprintf("%s counts milliseconds, and %s of them are %s", c.subject.source, c.other.source,
		value.HumanDuration(time.Duration(constant)*time.Millisecond)),
		fmt.Sprintf("write duration(%q), or %.0f", spanText(constant), constant*1000))
	return true
}

// checkParts reports a part of the test cases of a run that is compared with their number so that the answer is fixed,
// and returns whether it does.
func (c *comparison) checkParts() bool {
	part, whole, operator := c.subject, c.other, c.operator
	if whole.share != nil && part.whole != nil {
		part, whole, operator = whole, part, mirror(operator)
	}
	if !isWithin(part, whole) || operator != ">" && operator != "<=" {
		return false
	}
	c.answered(map[string]string{">": "never", "<=": "always"}[operator],
		part.source+" is a part of "+whole.source, "")
	return true
}

// orderAnswer returns never or always if the limits of two numbers decide their comparison, or "".
func orderAnswer(s, o shape, operator string) string {
	below, above := s.high < o.low, s.low > o.high // s is always below, or above, o
	switch operator {
	case "==", "in":
		return answer(false, below || above)
	case "!=":
		return answer(below || above, false)
	case "<":
		return answer(below, s.low >= o.high)
	case "<=":
		return answer(s.high <= o.low, above)
	case ">":
		return answer(above, s.high <= o.low)
	case ">=":
		return answer(s.low >= o.high, below)
	}
	return ""
}

func answer(always, never bool) string {
	switch {
	case always:
		return "always"
	case never:
		return "never"
	}
	return ""
}

// checkText checks a text that is compared with a constant.
func (c *comparison) checkText(literal string) {
	s := c.subject
	switch {
	case isDate(s) && c.checkDate(literal):
	case literal == "" && slices.Contains(syntax.TextOperators, c.operator):
		c.answered("always", "every text contains the empty text", "write "+s.source+` != ""`)
	case s.never != "" && literal == "" && s.isField():
		c.fault(c.node, s.source+" is never empty", s.never)
	case s.values != nil && (c.operator[0] == '<' || c.operator[0] == '>'):
		c.fault(c.node, "texts are ordered by letters, not by what they mean",
			fmt.Sprintf("write %s in [%q, …]", s.source, literal))
	case s.letters != "" && c.wrongLetters(literal):
	case s.trimmed && strings.TrimSpace(literal) != literal && c.operator != "contains" && c.operator != "matches":
		c.fault(c.literal(), s.source+" has no space at its ends", fmt.Sprintf("write %q", strings.TrimSpace(literal)))
	case s.values != nil:
		c.checkAmong(literal)
	case c.checkPattern(literal):
	case s.source == "project_code":
		c.checkProjectLetters(literal)
	case s.field.Root == "actor":
		c.checkPerson(literal)
	case s.isField():
		c.checkUsual(literal)
	}
}

// checkDate checks a date of an event, which Qase writes as 2026-01-31 09:30:00, against a constant, and reports
// whether there is a fault.
func (c *comparison) checkDate(literal string) bool {
	source := c.subject.source
	_, isTime := value.Time(literal)
	switch ordered := c.operator[0] == '<' || c.operator[0] == '>'; {
	case ordered && !isTime:
		message, _ := diagnose.Date(literal, "")
		c.fault(c.literal(), message, diagnose.DateWords(literal))
	case verbs[c.operator] == "is never" && isTime && len(literal) == len(time.DateOnly):
		c.fault(c.literal(), fmt.Sprintf("%s is never %q: it has a time of the day", source, literal),
			fmt.Sprintf("write %s startsWith %q", source, literal))
	default:
		return false
	}
	return true
}

// verbs are the words of messages that a text is never what it is compared with.
var verbs = map[string]string{"==": "is never", "!=": "is never", "in": "is never", "contains": "never contains",
	"startsWith": "never begins with", "endsWith": "never ends with", "matches": "never matches"}

// checkAmong checks a text that has only certain values.
func (c *comparison) checkAmong(literal string) {
	test := condition.VariableTest{Operator: c.operator, Text: literal}
	if c.operator == "!=" || c.operator == "in" {
		test.Operator = "=="
	}
	if verbs[c.operator] == "" || slices.ContainsFunc(c.subject.values, func(v string) bool { return test.Accepts(v) }) {
		return
	}
	source := c.subject.source
	if c.subject.field.String() == "actor.team" {
		c.fault(c.literal(), fmt.Sprintf("no team %q", literal), c.teamHint(literal))
		return
	}
	hint := catalog.DidYouMean(literal, c.subject.values)
	if near := nearestStart(literal, c.subject.values); near != "" && c.operator != "matches" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if c.subject.names != "" && !strings.HasPrefix(hint, "did") {
		hint = source + " is " + c.subject.names
	}
	c.fault(c.literal(), fmt.Sprintf("%s %s %q", source, verbs[c.operator], literal), hint)
}

// nearestStart returns the value that a text means: the same but for its case, spaces and order, or one that begins
// like it.
func nearestStart(literal string, values []string) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(s)) }
	words := strings.Fields(plain(literal))
	for _, v := range values {
		own := strings.Fields(plain(v))
		same := len(own) == len(words) && len(own) > 0
		for _, w := range words {
			same = same && slices.ContainsFunc(own, func(o string) bool { return sharesStart(o, w) })
		}
		if same || len(literal) > 2 && strings.HasPrefix(plain(v), plain(literal)) {
			return v
		}
	}
	return ""
}

// sharesStart reports whether two words are equal but for their endings: request and requested.
func sharesStart(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) >= 5 && strings.HasPrefix(b, a)
}

func (c *comparison) teamHint(literal string) string {
	if len(c.subject.values) == 0 {
		return fmt.Sprintf("no person has a team; give one to each: people: [{name: Bob Bar, team: %s}]", literal)
	}
	return catalog.DidYouMean(literal, c.subject.values)
}

// valuesOf returns the values that a field can have, or nil if it can have others.
func (w *World) valuesOf(f condition.Field, known catalog.Field) []string {
	if f.String() == "actor.team" {
		return append([]string{}, w.Teams...)
	}
	return known.Values
}

// checkProjectLetters checks a project code, which Qase writes in upper case.
func (c *comparison) checkProjectLetters(literal string) {
	switch parts := strings.FieldsFunc(literal, func(r rune) bool { return strings.ContainsRune(",;|", r) }); {
	case len(parts) > 1 && c.operator != "matches":
		c.fault(c.literal(), fmt.Sprintf("project_code %s %q: it is one code", verbs[c.operator], literal),
			"for one of several write project_code in "+diagnose.ListWords(literal))
		return
	}
	if strings.Contains(literal, " ") {
		c.fault(c.literal(), fmt.Sprintf("project_code %s %q: it is the code of the project, not its title",
			verbs[c.operator], literal), "the code stands in the address of the project in Qase, such as WEB")
	} else if upper := strings.ToUpper(literal); upper != literal {
		c.fault(c.literal(),
			fmt.Sprintf("project codes are in upper case, so project_code %s %q", verbs[c.operator], literal),
			fmt.Sprintf("write %q", upper))
	}
}

// checkPerson checks the name or address of the actor against the people directory. Others may exist beside it.
func (c *comparison) checkPerson(literal string) {
	var known []string
	switch c.subject.field.String() {
	case "actor.name":
		known = c.Names
	case "actor.email":
		known = c.Emails
	}
	c.checkCase(literal, known, "is")
	i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(strings.ToLower(k), strings.ToLower(literal)+" ") })
	if verbs[c.operator] == "is never" && literal != "" && i >= 0 && !slices.Contains(known, literal) {
		c.fault(c.literal(), fmt.Sprintf("%s is %q in people, not %q", c.subject.source, known[i], literal),
			fmt.Sprintf("did you mean %q?", known[i]))
	}
}

// usual are the titles that Qase gives to new workspaces. They can be changed, so only another case is doubtful.
var usual = map[string][]string{
	"severity.title": {"Undefined", "Blocker", "Critical", "Major", "Normal", "Minor", "Trivial"},
	"priority.title": {"Not set", "High", "Medium", "Low"},
	"status.title":   {"Actual", "Draft", "Deprecated"},
}

func (c *comparison) checkUsual(literal string) {
	c.checkCase(literal, usual[strings.Join(c.subject.field.Path, ".")], "is never")
}

// checkCase reports a text that differs from a known one in upper and lower case only.
func (c *comparison) checkCase(literal string, known []string, verb string) {
	if verbs[c.operator] != "is never" || slices.Contains(known, literal) {
		return
	}
	for _, k := range known {
		if strings.EqualFold(k, literal) {
			message := fmt.Sprintf("%s is never %q", c.subject.source, literal)
			if verb == "is" {
				message = fmt.Sprintf("%s is %q in people, not %q", c.subject.source, k, literal)
			}
			c.fault(c.literal(), message, fmt.Sprintf("did you mean %q?", k))
			return
		}
	}
}

// wrongLetters checks a text of lower or upper against letters that it cannot have, and reports whether it has any.
func (c *comparison) wrongLetters(literal string) bool {
	other, right, is := "upper", strings.ToLower, unicode.IsUpper
	if c.subject.letters == "upper" {
		other, right, is = "lower", strings.ToUpper, unicode.IsLower
	}
	letters := literal
	if c.operator == "matches" {
		letters = literalLetters(literal)
	}
	if !strings.ContainsFunc(letters, is) {
		return false
	}
	hint := fmt.Sprintf("write %q", right(literal))
	if c.operator == "matches" && strings.Contains(literal, `\`) {
		hint = "write its letters in " + c.subject.letters + " case"
	}
	c.fault(c.literal(), fmt.Sprintf("%s(…) has no %s case letters", c.subject.letters, other), hint)
	return true
}

// literalLetters returns the letters that a pattern needs as they are.
func literalLetters(pattern string) string {
	re, err := re2.Parse(pattern, re2.Perl)
	if err != nil {
		return ""
	}
	var out strings.Builder
	var walk func(re *re2.Regexp)
	walk = func(re *re2.Regexp) {
		if re.Op == re2.OpLiteral && re.Flags&re2.FoldCase == 0 {
			out.WriteString(string(re.Rune))
		}
		for _, sub := range re.Sub {
			walk(sub)
		}
	}
	walk(re)
	return out.String()
}

var (
	slashPattern = regexp.MustCompile(`^/(.+)/([a-z]*)$`)
	glob         = regexp.MustCompile(`^\*?[^*?]+\*?$`)
	metas        = regexp.MustCompile(`\.\*|\.\+|\\[dwsDWS]|\[[a-z0-9]-[a-z0-9]\]`)
	alternatives = regexp.MustCompile(`^\w+(\|\w+)+$`)
)

// checkPattern checks a text that looks like a pattern of another operator, and reports whether it does.
func (c *comparison) checkPattern(literal string) bool {
	if c.operator == "matches" {
		return c.checkSlashes(literal)
	}
	message := c.operator + " takes plain text"
	if verbs[c.operator] == "is never" {
		message = c.operator + " compares whole texts"
	} else if verbs[c.operator] == "" {
		return false
	}
	hint := c.patternHint(literal)
	if hint != "" {
		c.fault(c.literal(), message, "write "+hint)
	}
	return hint != ""
}

// patternHint returns what a pattern means in this language, or "" if the text is probably none.
func (c *comparison) patternHint(literal string) string {
	inner := strings.Trim(literal, "*")
	switch {
	case literal == "":
		return ""
	case metas.MatchString(literal), verbs[c.operator] != "is never" && alternatives.MatchString(literal):
		return fmt.Sprintf("matches %q", literal)
	case inner != literal && glob.MatchString(literal) && inner != "":
		return globHint(literal, inner)
	case c.operator == "contains" && literal != strings.Trim(literal, "%") && strings.HasPrefix(literal, "%"):
		return fmt.Sprintf("contains %q", strings.Trim(literal, "%"))
	case c.operator == "startsWith" && len(literal) > 1 && literal[0] == '^':
		return fmt.Sprintf("startsWith %q", literal[1:])
	case c.operator == "endsWith" && endsInAnchor(literal):
		return fmt.Sprintf("endsWith %q", strings.TrimSuffix(literal, "$"))
	case c.operator != "startsWith" && len(literal) > 1 && literal[0] == '^',
		c.operator == "contains" && endsInAnchor(literal):
		return fmt.Sprintf("matches %q", literal)
	}
	return ""
}

// endsInAnchor reports whether a text ends in a $ behind a letter, so it is not an amount of money.
func endsInAnchor(s string) bool {
	return len(s) > 1 && strings.HasSuffix(s, "$") && unicode.IsLetter(rune(s[len(s)-2]))
}

// globHint returns the operator for a text with a star at one or both of its ends.
func globHint(literal, inner string) string {
	switch {
	case strings.HasPrefix(literal, "*") && strings.HasSuffix(literal, "*"):
		return fmt.Sprintf("contains %q", inner)
	case strings.HasPrefix(literal, "*"):
		return fmt.Sprintf("endsWith %q", inner)
	}
	return fmt.Sprintf("startsWith %q", inner)
}

// checkSlashes checks a pattern that stands between slashes, as other languages write it.
func (c *comparison) checkSlashes(literal string) bool {
	m := slashPattern.FindStringSubmatch(literal)
	if m == nil {
		return false
	}
	c.fault(c.literal(), "the slashes are part of the pattern, so it matches only a text with slashes",
		"write matches "+diagnose.PatternWords(m[1], m[2]))
	return true
}

// literal returns the node of the constant, for the place of a finding about it.
func (c *comparison) literal() ast.Node { return c.otherNode }
