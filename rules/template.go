package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
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
	formCall     form = "call"     // somebody who is called by what the rule writes; what an event says is only a name
	formJSON     form = "json"     // a body: JSON where it looks like JSON, plain text elsewhere
	formPlain    form = "plain"    // plain text of many lines
	formBlocks   form = "blocks"   // Slack's Block Kit: each text in it has a form of its own

	formMrkdwn     form = "mrkdwn"      // Slack's markup
	formLink       form = "link"        // a URL that people follow, and the relay does not
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
	clips  bool // prints what fits, with a mark, where the whole is too long; otherwise that is an error
}

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

// compile parses text, which is to become the given form. It returns nil if the template cannot be used, with all that is
// wrong with it; that is nothing if the fault is in a partial, which is told where that stands.
func (ts *templates) compile(name, text string, as form) (*compiled, []finding) {
	if !isTemplate(text) {
		return &compiled{static: text}, nil
	}
	if as == formJSON && !looksLikeJSON(text) {
		as = formPlain
	}
	b, faults := ts.parse(name, text, as, nil)
	if b == nil {
		return nil, faults
	}
	return &compiled{body: b, clips: slices.Contains([]form{formText, formMarkdown, formMrkdwn}, as)}, nil
}

// check returns what is wrong with a partial, as it would be used in a body.
func (ts *templates) check(name string) []finding {
	_, faults := ts.parse(name, ts.partials[name], formMarkdown, []string{name})
	return faults
}

func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}

// parse parses text and translates it. chain holds the partials on the way to it; the first one is that which is checked.
func (ts *templates) parse(name, text string, as form, chain []string) (*body, []finding) {
	if len(text) > maxTemplateBytes {
		return nil, []finding{{message: fmt.Sprintf("the template has %d bytes, more than %d", len(text), maxTemplateBytes)}}
	}
	tree, err := ts.tree(name, text)
	if err != nil {
		return nil, templateFaults(text, err)
	}
	if tree == nil {
		return nil, []finding{{message: "define and block are not available here", hint: "put shared parts under templates:"}}
	}
	t := &translator{templates: ts, tree: tree, text: text, form: as, chain: chain}
	return t.translate()
}

// tree parses text, whatever functions it names. It returns nil if text defines templates of its own.
func (ts *templates) tree(name, text string) (*parse.Tree, error) {
	t, all := parse.New(name), map[string]*parse.Tree{}
	t.Mode = parse.SkipFuncCheck
	if _, err := t.Parse(text, "", "", all, ts.known); err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, nil
	}
	return all[name], nil
}

// partial returns a partial in the given form. It returns nil if the partial cannot be used; the fault is nil if it is
// told elsewhere, where the partial stands.
func (ts *templates) partial(name string, as form, chain []string) (*body, *finding) {
	text, known := ts.partials[name]
	if !known {
		return nil, &finding{message: fmt.Sprintf("no template %q", name), hint: didYouMean(name, slices.Collect(maps.Keys(ts.partials)))}
	}
	if slices.Contains(chain, name) {
		if name != chain[0] {
			return nil, nil
		}
		hint := "the chain is " + strings.Join(append(slices.Clip(chain), name), " → ")
		return nil, &finding{message: fmt.Sprintf("the template %q calls itself", name), hint: hint}
	}
	key := string(as) + " " + name
	if b, done := ts.bodies[key]; done && b != nil {
		return b, nil
	}
	b, faults := ts.parse(name, text, as, append(slices.Clip(chain), name))
	ts.bodies[key] = b
	for _, f := range faults {
		if len(chain) > 0 && f.message == fmt.Sprintf("the template %q calls itself", chain[0]) {
			return nil, &f
		}
	}
	return b, nil
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
	case (as == formURL || as == formLink) && urlHost.MatchString(literal):
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
