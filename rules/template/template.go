package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
)

// Bounds on one template.
const (
	maxTemplateBytes = 64 << 10
	MaxOutputBytes   = 256 << 10
	maxTurns         = 200_000 // actions and turns of loops
)

// Form is what the text of a template becomes, and so how the values in it are escaped.
type Form string

// The forms. They are the words of the as:"…" tags of message options.
const (
	FormText     Form = "text"     // one line of plain text
	FormMarkdown Form = "markdown" // Markdown
	FormURL      Form = "url"      // a URL
	formHeader   Form = "header"   // the value of an HTTP header
	formAddress  Form = "address"  // mail addresses
	FormMention  Form = "mention"  // somebody who is called: a chat's id, or a name
	formCall     Form = "call"     // somebody who is called by what the rule writes; what an event says is only a name
	FormJSON     Form = "json"     // a body: JSON where it looks like JSON, plain text elsewhere
	FormPlain    Form = "plain"    // plain text of many lines
	FormBlocks   Form = "blocks"   // Slack's Block Kit: each text in it has a form of its own

	FormMrkdwn     Form = "mrkdwn"      // Slack's markup
	FormLink       Form = "link"        // a URL that people follow, and the relay does not
	formURLRest    Form = "url_rest"    // what follows the host of a URL
	formJSONString Form = "json_string" // what stands within a JSON string
)

// Templates compiles the templates of a set. The partials are there in every form.
type Templates struct {
	funcs    map[string]function
	known    map[string]any // the names of funcs, as the parser wants them
	People   *people.People
	Partials map[string]string
	bodies   map[string]*Body // compiled partials, by form and name
}

// Compiled is one template, ready to be rendered by many goroutines at once.
type Compiled struct {
	Static string // the whole text, if there is nothing to render
	Body   *Body
	clips  bool // prints what fits, with a mark, where the whole is too long; otherwise that is an error
}

func NewTemplates(partials map[string]string, location *time.Location, people *people.People) *Templates {
	funcs := functions(location, people)
	known := make(map[string]any, len(funcs))
	for name := range funcs {
		known[name] = true
	}
	return &Templates{funcs: funcs, known: known, People: people, Partials: partials, bodies: map[string]*Body{}}
}

// IsTemplate reports whether text has anything to render.
func IsTemplate(text string) bool { return strings.Contains(text, "{{") }

// Compile parses text, which is to become the given form. It returns nil if the template cannot be used, with all that is
// wrong with it; that is nothing if the fault is in a partial, which is told where that stands.
func (ts *Templates) Compile(name, text string, as Form) (*Compiled, []diag.Finding) {
	if !IsTemplate(text) {
		return &Compiled{Static: text}, nil
	}
	if as == FormJSON && !LooksLikeJSON(text) {
		as = FormPlain
	}
	b, faults := ts.parse(name, text, as, nil)
	if b == nil {
		return nil, faults
	}
	return &Compiled{Body: b, clips: slices.Contains([]Form{FormText, FormMarkdown, FormMrkdwn}, as)}, nil
}

// Check returns what is wrong with a partial, as it would be used in a body.
func (ts *Templates) Check(name string) []diag.Finding {
	_, faults := ts.parse(name, ts.Partials[name], FormMarkdown, []string{name})
	return faults
}

func LooksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}

// parse parses text and translates it. chain holds the partials on the way to it; the first one is that which is checked.
func (ts *Templates) parse(name, text string, as Form, chain []string) (*Body, []diag.Finding) {
	if len(text) > maxTemplateBytes {
		return nil, []diag.Finding{{Message: fmt.Sprintf("the template has %d bytes, more than %d", len(text), maxTemplateBytes)}}
	}
	tree, err := ts.Tree(name, text)
	if err != nil {
		return nil, templateFaults(text, err)
	}
	if tree == nil {
		return nil, []diag.Finding{{Message: "define and block are not available here", Hint: "put shared parts under templates:"}}
	}
	t := &translator{Templates: ts, tree: tree, text: text, form: as, chain: chain}
	return t.translate()
}

// Tree parses text, whatever functions it names. It returns nil if text defines templates of its own.
func (ts *Templates) Tree(name, text string) (*parse.Tree, error) {
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
func (ts *Templates) partial(name string, as Form, chain []string) (*Body, *diag.Finding) {
	text, known := ts.Partials[name]
	if !known {
		return nil, &diag.Finding{Message: fmt.Sprintf("no template %q", name), Hint: catalog.DidYouMean(name, slices.Collect(maps.Keys(ts.Partials)))}
	}
	if slices.Contains(chain, name) {
		if name != chain[0] {
			return nil, nil
		}
		hint := "the chain is " + strings.Join(append(slices.Clip(chain), name), " → ")
		return nil, &diag.Finding{Message: fmt.Sprintf("the template %q calls itself", name), Hint: hint}
	}
	key := string(as) + " " + name
	if b, done := ts.bodies[key]; done && b != nil {
		return b, nil
	}
	b, faults := ts.parse(name, text, as, append(slices.Clip(chain), name))
	ts.bodies[key] = b
	for _, f := range faults {
		if len(chain) > 0 && f.Message == fmt.Sprintf("the template %q calls itself", chain[0]) {
			return nil, &f
		}
	}
	return b, nil
}

// urlHost matches the beginning of a URL that has its whole host.
var urlHost = regexp.MustCompile(`^\s*https?://[^/?#\s]+[/?#]`)

// HostIsTemplated reports whether the host of a URL template is not wholly literal text.
func HostIsTemplated(text string) bool {
	before, _, _ := strings.Cut(text, "{{")
	return IsTemplate(text) && !urlHost.MatchString(before)
}

// formAfter says how a value is to be escaped that stands behind the given literal text: within a JSON string or outside of one,
// within the host of a URL or behind it.
func formAfter(literal string, as Form) Form {
	switch {
	case (as == FormURL || as == FormLink) && urlHost.MatchString(literal):
		return formURLRest
	case as == FormJSON && endsInString(literal):
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

// DotNames are what the dot of a message has beside names().
var DotNames = []string{"rule", "level"}

// NowKey is where a template's dot holds the moment of the decision.
const NowKey = "_now"
