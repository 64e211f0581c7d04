package rules

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// Bounds on one template.
const (
	maxTemplateBytes = 64 << 10
	maxOutputBytes   = 256 << 10
	maxWrites        = 200_000 // pieces of text, actions and turns of loops
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
	formJSON     form = "json"     // a body: JSON where it looks like JSON, plain text elsewhere
	formPlain    form = "plain"    // plain text of many lines

	formURLRest    form = "url_rest"    // what follows the host of a URL
	formJSONString form = "json_string" // what stands within a JSON string
)

// templates compiles the templates of a set. The partials are there in every form.
type templates struct {
	funcs    template.FuncMap
	partials map[string]string
}

// compiled is one template, ready to be rendered by many goroutines at once.
type compiled struct {
	tmpl   *template.Template
	static string // the whole text, if there is nothing to render
}

func newTemplates(partials map[string]string, funcs template.FuncMap) *templates {
	return &templates{funcs: funcs, partials: partials}
}

// templateError is why a template cannot be used, and in which line (from 1, 0 for nowhere in particular) of its text.
type templateError struct {
	line    int
	message string
	hint    string
}

func (e *templateError) Error() string { return e.message }

// isTemplate reports whether text has anything to render.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// compile parses text, which is to become the given form.
func (ts *templates) compile(name, text string, as form) (*compiled, *templateError) {
	if !isTemplate(text) {
		return &compiled{static: text}, nil
	}
	if len(text) > maxTemplateBytes {
		return nil, &templateError{message: fmt.Sprintf("the template has %d bytes, more than %d", len(text), maxTemplateBytes)}
	}
	trees, err := parseTemplate(name, text, ts.funcs)
	if err != nil {
		return nil, ts.explain(err)
	}
	if len(trees) > 1 {
		return nil, &templateError{message: "define and block are not available here", hint: "put shared parts under templates:"}
	}
	set := template.New(name).Funcs(ts.funcs)
	if as == formJSON && !looksLikeJSON(text) {
		as = formPlain
	}
	adder := &treeAdder{templates: ts, set: set, added: map[string]bool{}}
	if terr := adder.add(name, trees[name], as); terr != nil {
		return nil, terr
	}
	return &compiled{tmpl: set}, nil
}

// parseTemplate parses text into its trees by name: the template itself, and those that it defines.
func parseTemplate(name, text string, funcs template.FuncMap) (map[string]*parse.Tree, error) {
	t, err := template.New(name).Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	trees := map[string]*parse.Tree{}
	for _, one := range t.Templates() {
		trees[one.Name()] = one.Tree
	}
	return trees, nil
}

func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}

// treeAdder puts a tree and the partials that it calls into a set, each rewritten for its form.
type treeAdder struct {
	*templates
	set   *template.Template
	added map[string]bool // names of partials with their forms
	chain []string        // partials on the way to this one
}

func (a *treeAdder) add(name string, tree *parse.Tree, as form) *templateError {
	w := &rewriter{form: as, adder: a}
	w.list(tree.Root)
	if w.err != nil {
		return w.err
	}
	if _, err := a.set.AddParseTree(name, tree); err != nil {
		return a.explain(err)
	}
	return nil
}

// partial makes sure that a partial is in the set in the given form, and returns its name there.
func (a *treeAdder) partial(name string, as form, line int) (string, *templateError) {
	text, known := a.partials[name]
	if !known {
		return "", &templateError{line, fmt.Sprintf("no template %q", name), didYouMean(name, keysOfStrings(a.partials))}
	}
	full := name + " as " + string(as)
	for _, caller := range a.chain {
		if caller == name {
			return "", &templateError{line, fmt.Sprintf("the template %q calls itself", name), "the chain is " + strings.Join(append(a.chain, name), " → ")}
		}
	}
	if a.added[full] {
		return full, nil
	}
	a.added[full] = true
	trees, err := parseTemplate(name, text, a.funcs)
	if err != nil {
		return "", &templateError{line, fmt.Sprintf("the template %q is broken: %s", name, a.explain(err).message), ""}
	}
	a.chain = append(a.chain, name)
	defer func() { a.chain = a.chain[:len(a.chain)-1] }()
	return full, a.add(full, trees[name], as)
}

func keysOfStrings(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

var (
	parseErrorLine  = regexp.MustCompile(`^template: .*?:(\d+): (.*)$`)
	unknownFunction = regexp.MustCompile(`^function "(.*)" not defined$`)
)

// explain turns an error of text/template into place, fault and hint.
func (ts *templates) explain(err error) *templateError {
	e := &templateError{message: err.Error()}
	if m := parseErrorLine.FindStringSubmatch(e.message); m != nil {
		e.line, _ = strconv.Atoi(m[1])
		e.message = m[2]
	}
	if m := unknownFunction.FindStringSubmatch(e.message); m != nil {
		e.message = fmt.Sprintf("no template function %q", m[1])
		e.hint = didYouMean(m[1], functionNames(ts.funcs))
		if _, isName := names()[m[1]]; isName {
			e.hint = "in templates names begin with a dot: ." + m[1]
		}
	}
	return e
}

func functionNames(funcs template.FuncMap) []string {
	var known []string
	for name := range funcs {
		if !strings.HasPrefix(name, "_") {
			known = append(known, name)
		}
	}
	return known
}

// render executes the template. Its errors name the place within the template.
func (c *compiled) render(dot map[string]any) (string, error) {
	if c.tmpl == nil {
		return c.static, nil
	}
	out := &boundedWriter{}
	if err := c.tmpl.Execute(out, dot); err != nil {
		return "", renderError(err)
	}
	return out.String(), nil
}

func renderError(err error) error {
	if bounded := (*boundError)(nil); errors.As(err, &bounded) {
		return bounded
	}
	text := err.Error()
	if m := regexp.MustCompile(`^template: (?:.*?):(\d+):\d+: executing .*? at <(.*?)>: (.*)$`).FindStringSubmatch(text); m != nil {
		return fmt.Errorf("line %s at {{ %s }}: %s", m[1], asWritten(m[2]), asWritten(strings.TrimPrefix(m[3], "error calling ")))
	}
	return errors.New(shorten(strings.TrimPrefix(text, "template: "), 300))
}

var (
	writtenRead   = regexp.MustCompile(`\(?_get (\.|\$\w*)((?: "[^"]*")+)\)?`)
	writtenInside = regexp.MustCompile(` "([^"]*)"`)
	writtenEscape = regexp.MustCompile(` \| _\w+|\b_\w+: `)
)

// asWritten turns what the rewriter made of a template back into what its author wrote.
func asWritten(s string) string {
	s = writtenRead.ReplaceAllStringFunc(s, func(read string) string {
		m := writtenRead.FindStringSubmatch(read)
		return strings.TrimPrefix(m[1]+writtenInside.ReplaceAllString(m[2], ".$1"), ".")
	})
	return shorten(writtenEscape.ReplaceAllString(s, ""), 300)
}

// boundedWriter stops templates that print or loop without end.
type boundedWriter struct {
	bytes.Buffer
	writes int
}

type boundError struct{ text string }

func (e *boundError) Error() string { return e.text }

func (w *boundedWriter) Write(p []byte) (int, error) {
	if w.writes++; w.writes > maxWrites {
		return 0, &boundError{fmt.Sprintf("the template did not end after %d steps", maxWrites)}
	}
	if w.Len()+len(p) > maxOutputBytes {
		return 0, &boundError{fmt.Sprintf("the template prints more than %d bytes", maxOutputBytes)}
	}
	return w.Buffer.Write(p)
}
