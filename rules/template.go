package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
)

// Bounds on one template.
const (
	maxTemplateBytes = 64 << 10
	maxOutputBytes   = 256 << 10
	maxTurns         = 200_000 // actions and turns of loops
)

// form is what the text of a template becomes, and so how the values in it are escaped.
type form string

// The forms. They are the words of the as:"…" tags of message options.
const (
	formText     form = "text"     // one line of plain text
	formMarkdown form = "markdown" // Markdown
	formURL      form = "url"      // a URL
	formHeader   form = "header"   // the value of an HTTP header
	formAddress  form = "address"  // mail addresses
	formMention  form = "mention"  // somebody who is called: a chat's id, or a name
	formJSON     form = "json"     // a body: JSON where it looks like JSON, plain text elsewhere
	formPlain    form = "plain"    // plain text of many lines

	formURLRest    form = "url_rest"    // what follows the host of a URL
	formJSONString form = "json_string" // what stands within a JSON string
)

// templates compiles the templates of a set. The partials are there in every form.
type templates struct {
	funcs    map[string]function
	known    map[string]any // the names of funcs, as the parser wants them
	people   *people
	partials map[string]string
	bodies   map[string]*body // compiled partials, by form and name
}

// compiled is one template, ready to be rendered by many goroutines at once.
type compiled struct {
	static string // the whole text, if there is nothing to render
	body   *body
}

// templateError is why a template cannot be used, and in which line (from 1, 0 for nowhere in particular) of its text.
type templateError struct {
	line    int
	message string
	hint    string
}

func (e *templateError) Error() string { return e.message }

func newTemplates(partials map[string]string, location *time.Location, people *people) *templates {
	funcs := functions(location, people)
	known := make(map[string]any, len(funcs))
	for name := range funcs {
		known[name] = true
	}
	return &templates{funcs: funcs, known: known, people: people, partials: partials, bodies: map[string]*body{}}
}

// isTemplate reports whether text has anything to render.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// compile parses text, which is to become the given form.
func (ts *templates) compile(name, text string, as form) (*compiled, *templateError) {
	if !isTemplate(text) {
		return &compiled{static: text}, nil
	}
	if as == formJSON && !looksLikeJSON(text) {
		as = formPlain
	}
	b, err := ts.parse(name, text, as, nil)
	if err != nil {
		return nil, err
	}
	return &compiled{body: b}, nil
}

func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}

// parse parses text and translates it. chain holds the partials on the way to it.
func (ts *templates) parse(name, text string, as form, chain []string) (*body, *templateError) {
	if len(text) > maxTemplateBytes {
		return nil, &templateError{message: fmt.Sprintf("the template has %d bytes, more than %d", len(text), maxTemplateBytes)}
	}
	trees, err := parse.Parse(name, text, "", "", ts.known)
	if err != nil {
		return nil, ts.explain(err)
	}
	tree := trees[name]
	if len(trees) > 1 || tree == nil {
		return nil, &templateError{message: "define and block are not available here", hint: "put shared parts under templates:"}
	}
	t := &translator{templates: ts, tree: tree, form: as, chain: chain}
	return t.translate()
}

// partial returns a partial in the given form.
func (ts *templates) partial(name string, as form, chain []string) (*body, *templateError) {
	text, known := ts.partials[name]
	if !known {
		return nil, &templateError{message: fmt.Sprintf("no template %q", name), hint: didYouMean(name, slices.Collect(maps.Keys(ts.partials)))}
	}
	if slices.Contains(chain, name) {
		hint := "the chain is " + strings.Join(append(chain, name), " → ")
		return nil, &templateError{message: fmt.Sprintf("the template %q calls itself", name), hint: hint}
	}
	key := string(as) + " " + name
	if b := ts.bodies[key]; b != nil {
		return b, nil
	}
	b, err := ts.parse(name, text, as, append(slices.Clip(chain), name))
	if err != nil && !strings.Contains(err.message, "calls itself") {
		err = &templateError{message: fmt.Sprintf("the template %q is broken: %s", name, err.message)}
	}
	ts.bodies[key] = b
	return b, err
}

var (
	parseErrorLine  = regexp.MustCompile(`^template: .*?:(\d+): (.*)$`)
	unknownFunction = regexp.MustCompile(`^function "(.*)" not defined$`)
)

// explain turns an error of the parser into place, fault and hint.
func (ts *templates) explain(err error) *templateError {
	e := &templateError{message: err.Error()}
	if m := parseErrorLine.FindStringSubmatch(e.message); m != nil {
		e.line, _ = strconv.Atoi(m[1])
		e.message = m[2]
	}
	if m := unknownFunction.FindStringSubmatch(e.message); m != nil {
		e.message = fmt.Sprintf("no template function %q", m[1])
		e.hint = didYouMean(m[1], slices.Collect(maps.Keys(ts.funcs)))
		if _, isName := names()[m[1]]; isName {
			e.hint = "in templates names begin with a dot: ." + m[1]
		}
	}
	return e
}

// urlHost matches the beginning of a URL that has its whole host.
var urlHost = regexp.MustCompile(`^\s*https?://[^/?#\s]+[/?#]`)

// hostIsTemplated reports whether the host of a URL template is not wholly literal text.
func hostIsTemplated(text string) bool {
	before, _, _ := strings.Cut(text, "{{")
	return isTemplate(text) && !urlHost.MatchString(before)
}

// formAfter says how a value is to be escaped that stands behind the given literal text: within a JSON string or outside of one,
// within the host of a URL or behind it.
func formAfter(literal string, as form) form {
	switch {
	case as == formURL && urlHost.MatchString(literal):
		return formURLRest
	case as == formJSON && endsInString(literal):
		return formJSONString
	}
	return as
}

func endsInString(literal string) bool {
	quoted := false
	for i := 0; i < len(literal); i++ {
		switch {
		case quoted && literal[i] == '\\':
			i++
		case literal[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}
