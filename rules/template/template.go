package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"qaserelay/rules/budget"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/template/funcs"
)

// Limits of one template.
const (
	maxTemplateBytes = 64 << 10
	maxOutputBytes   = funcs.MaxBytes
	maxSteps         = 200_000 // nodes executed and iterations of loops
)

// Context is the input of a template.
type Context struct {
	Vars   map[string]any // the dot
	Now    time.Time      // of the decision, for functions such as ago
	Budget *budget.Budget // of the event; nil means a full one for each template
}

// Options is the context of a Set. The zero value means UTC and an empty directory.
type Options struct {
	Location *time.Location    // of the dates that templates print
	People   *people.Directory // for person, mention and the mention forms
}

// Set compiles the templates of a rules file. Its partials can be called from templates of every form. A Set must
// not be used by several goroutines at once; the templates that it compiles may be.
type Set struct {
	people   *people.Directory
	partials map[string]string
	funcs    map[string]funcs.Func
	known    map[string]any       // the names of funcs, for the parser
	compiled map[partialKey]*body // partials, nil for those with faults
}

// partialKey identifies a compiled partial: each form escapes differently.
type partialKey struct {
	form Form
	name string
}

// New returns a Set with the given partials, by name.
func New(partials map[string]string, o Options) *Set {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.People == nil {
		o.People = people.New(nil)
	}
	all := funcs.All(o.Location, o.People)
	known := make(map[string]any, len(all))
	for name := range all {
		known[name] = true
	}
	return &Set{people: o.People, partials: partials, funcs: all, known: known, compiled: map[partialKey]*body{}}
}

// Template is a compiled template. The zero value is the empty text. It is safe for concurrent use.
type Template struct {
	static    string // the whole text, if body is nil
	body      *body
	truncates bool // output that is too long is truncated; otherwise it is an error
}

// Placeholder returns a template that renders as nothing and is not static. It replaces a template with faults while
// the rest of a rules file is checked.
func Placeholder() *Template { return &Template{body: &body{slots: 1}} } // of the variable $

// Static returns the text of a template without actions, and whether it is one.
func (t *Template) Static() (text string, ok bool) { return t.static, t.body == nil }

// ReadsMembers reports whether the template reads the members of a digest: .events, .count or .more.
func (t *Template) ReadsMembers() bool { return t.Reads("events", "count", "more") }

// Reads reports whether the template may read one of these names: it stands behind a dot, at which the variables of the
// message may be.
func (t *Template) Reads(names ...string) bool {
	if t == nil || t.body == nil {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(t.body.reads, name) })
}

// Render executes the template. Errors name the place within it.
func (t *Template) Render(c Context) (string, error) {
	if t.body == nil {
		return t.static, nil
	}
	r := newRenderer(c)
	defer r.Close()
	return r.Render(t)
}

// HasActions reports whether text contains an action, so that it has to be rendered.
func HasActions(text string) bool { return strings.Contains(text, "{{") }

// Compile parses text, which becomes the given form. It returns nil if the template cannot be used, with its faults;
// the faults are empty if they are all in a partial, since Check reports those.
func (s *Set) Compile(name, text string, form Form) (*Template, []diag.Finding) {
	if !HasActions(text) {
		return &Template{static: text}, nil
	}
	if form == FormJSON && !looksLikeJSON(text) {
		form = FormPlain
	}
	b, faults := s.compile(source{name: name, text: text, form: form})
	if b == nil {
		return nil, faults
	}
	return &Template{body: b, truncates: slices.Contains([]Form{FormText, FormMarkdown, FormMrkdwn}, form)}, nil
}

// Check returns the faults of a partial when it is called from a message body.
func (s *Set) Check(partial string) []diag.Finding {
	chain := []string{partial}
	_, faults := s.compile(source{name: partial, text: s.partials[partial], form: FormMarkdown, chain: chain})
	return faults
}

// source is a text to compile.
type source struct {
	name, text string
	form       Form
	chain      []string // the partials that lead to this one; the first is the one that Check was asked about
}

// compile parses a text and compiles its tree.
func (s *Set) compile(src source) (*body, []diag.Finding) {
	if len(src.text) > maxTemplateBytes {
		return nil, fault(fmt.Sprintf("the template has %d bytes, more than %d", len(src.text), maxTemplateBytes), "")
	}
	if src.form == FormMarkdown && hasPlaces(src.text) {
		src.form = formSituated
		src.text = strings.ReplaceAll(src.text, placeholder, "\uFFFD")
	}
	tree, err := s.parse(src.name, src.text)
	if err != nil {
		return nil, diagnose(src.text, err)
	}
	if tree == nil {
		return nil, fault("define and block are not available here", "put shared parts under templates:")
	}
	c := &compiler{Set: s, source: src, tree: tree}
	if src.form == FormPeople {
		c.quoted = map[string]bool{}
	}
	return c.compileTree()
}

func fault(message, hint string) []diag.Finding {
	return []diag.Finding{{Message: message, Hint: hint}}
}

// parse parses text without checking that its functions exist. It returns nil if text defines templates of its own.
func (s *Set) parse(name, text string) (*parse.Tree, error) {
	t, trees := parse.New(name), map[string]*parse.Tree{}
	t.Mode = parse.SkipFuncCheck
	if _, err := t.Parse(text, "", "", trees, s.known); err != nil {
		return nil, err
	}
	if len(trees) > 1 {
		return nil, nil
	}
	return trees[name], nil
}

// partial compiles a partial in the given form. It returns nil if the partial cannot be used; the fault is nil if Check
// of another partial reports it.
func (s *Set) partial(name string, form Form, chain []string) (*body, *diag.Finding) {
	text, known := s.partials[name]
	if !known {
		hint := catalog.DidYouMean(name, slices.Collect(maps.Keys(s.partials)))
		return nil, &diag.Finding{Message: fmt.Sprintf("no template %q", name), Hint: hint}
	}
	if slices.Contains(chain, name) {
		if name != chain[0] {
			return nil, nil
		}
		hint := "the chain is " + strings.Join(append(slices.Clip(chain), name), " → ")
		return nil, &diag.Finding{Message: callsItself(name), Hint: hint}
	}
	key := partialKey{form, name}
	if b := s.compiled[key]; b != nil {
		return b, nil
	}
	b, faults := s.compile(source{name, text, form, append(slices.Clip(chain), name)})
	s.compiled[key] = b
	for _, f := range faults {
		if len(chain) > 0 && f.Message == callsItself(chain[0]) {
			return nil, &f
		}
	}
	return b, nil
}

func callsItself(partial string) string { return fmt.Sprintf("the template %q calls itself", partial) }

// urlWithHost matches the beginning of a URL up to the end of its host.
var urlWithHost = regexp.MustCompile(`^\s*https?://[^/?#\s]+[/?#]`)

// HostIsTemplated reports whether an action of a URL template can change the host of the URL.
func HostIsTemplated(text string) bool {
	before, _, _ := strings.Cut(text, "{{")
	return HasActions(text) && !urlWithHost.MatchString(before)
}

// BrokenJSON reports whether a rendered text is meant as JSON and is not valid JSON.
func BrokenJSON(text string) bool { return looksLikeJSON(text) && !json.Valid([]byte(text)) }

func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	object := strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{")
	return object || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}
