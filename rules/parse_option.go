package rules

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// option decodes one message option and compiles its templates.
func (b *builder) option(f *openFile, e entry, field field, info *notifierInfo) option {
	as := form(field.as)
	if as == "" {
		as = formText
	}
	c := &optionCompiler{builder: b, file: f, key: e.key.Value, as: as, info: info}
	defer c.advise(e)
	kind := reflect.TypeOf(info.kind.Options).Field(field.index).Type
	switch {
	case kind.Kind() == reflect.Interface:
		return option{e.key.Value, c.free(e.value)}
	case kind == reflect.TypeFor[[]string]() && as == formMention:
		return option{e.key.Value, c.calls(e.value)}
	case kind == reflect.TypeFor[[]string]():
		return option{e.key.Value, c.list(e.value)}
	case kind == reflect.TypeFor[map[string]string]():
		return option{e.key.Value, c.mapping(e.value)}
	case kind.Kind() == reflect.String:
		var t text
		f.decode(e.value, reflect.ValueOf(&t).Elem(), e.key.Value)
		return option{e.key.Value, c.text(t)}
	}
	v := reflect.New(kind).Elem()
	f.decode(e.value, v, e.key.Value)
	return option{e.key.Value, v.Interface()}
}

// optionCompiler turns the nodes of one option into an optionValue.
type optionCompiler struct {
	*builder
	file *openFile
	key  string
	as   form
	info *notifierInfo
}

func (c *optionCompiler) text(t text) optionValue {
	if !t.given() {
		return &compiled{}
	}
	c.note(t.s)
	if c.as == formURL && hostIsTemplated(t.s) && !c.info.allowHosts {
		c.file.report(t.node, Error, "the host of this URL comes from a template, and so from the event",
			"list the hosts it may have: allow_hosts: [hooks.example.com] on the notifier")
	}
	out, faults := c.templates.compile(c.key, t.s, c.as)
	c.file.reportFaults(t.node, faults)
	c.lintLater(lintItem{file: c.file, text: t, as: c.as, c: out})
	if out == nil {
		return &compiled{body: &body{}}
	}
	return out
}

func (c *optionCompiler) list(n *yaml.Node) []optionValue {
	var texts []text
	c.file.decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	values := make([]optionValue, len(texts))
	for i, t := range texts {
		values[i] = c.text(t)
	}
	return values
}

// calls compiles a list of who is to be called. Names by which nobody can be called are told.
func (c *optionCompiler) calls(n *yaml.Node) optionValue {
	var texts []text
	c.file.decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	l := callList{people: c.templates.people}
	for _, t := range texts {
		l.texts = append(l.texts, c.text(t))
		if !t.given() || isTemplate(t.s) {
			continue
		}
		for _, name := range l.people.callees(t.s) {
			if !callable(name) {
				message, hint := l.people.uncallable(name)
				c.file.report(t.node, Warning, c.key+": "+message, hint)
			}
		}
	}
	return l
}

func (c *optionCompiler) mapping(n *yaml.Node) optionValue {
	var texts map[string]text
	c.file.decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	values := make(map[string]optionValue, len(texts))
	for key, t := range texts {
		values[key] = c.text(t)
	}
	return values
}

// free compiles every text of a structure of any shape.
func (c *optionCompiler) free(n *yaml.Node) optionValue {
	if n = c.file.follow(n); n == nil {
		return nil
	}
	c.file.depth++
	defer func() { c.file.depth-- }()
	switch {
	case templateHint(n) != "":
		c.file.report(n, Error, c.key+" must be text here, not a mapping", templateHint(n))
		return nil
	case n.Kind == yaml.MappingNode:
		return c.freeMapping(n)
	case n.Kind == yaml.SequenceNode:
		values := make([]optionValue, len(n.Content))
		for i, item := range n.Content {
			values[i] = c.free(item)
		}
		return values
	case n.Tag == "!!str":
		return c.text(text{c.file.expand(n), n})
	}
	return c.file.any(n)
}

func (c *optionCompiler) freeMapping(n *yaml.Node) optionValue {
	values := map[string]optionValue{}
	entries, kind := c.file.entries(n, c.key), ""
	for _, e := range entries {
		if e.key.Value == "type" {
			kind = e.value.Value
		}
	}
	for _, e := range entries {
		inner := *c
		if c.as == formBlocks && e.value.Kind == yaml.ScalarNode {
			inner.as = blockForm(kind, e.key.Value)
		}
		values[e.key.Value] = inner.free(e.value)
	}
	return values
}

// blockForm is what the text under a key of a Block Kit object with a type becomes
// (https://docs.slack.dev/reference/block-kit/composition-objects/text-object). What may be mrkdwn is taken for it.
func blockForm(kind, key string) form {
	switch {
	case key == "url" || strings.HasSuffix(key, "_url"):
		return formLink
	case key != "text" || kind == "plain_text" || kind == "raw_text" || kind == "text" || kind == "link":
		return formPlain
	case kind == "markdown":
		return formMarkdown
	}
	return formMrkdwn
}
