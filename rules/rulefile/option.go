package rulefile

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// option decodes one message option and compiles its templates.
func (b *Builder) option(f *OpenFile, e yamldoc.Entry, field yamldoc.Field, info *notifierInfo) rules.Option {
	as := template.Form(field.As)
	if as == "" {
		as = template.FormText
	}
	c := &optionCompiler{Builder: b, file: f, key: e.Key.Value, as: as, info: info}
	defer c.advise(e)
	kind := reflect.TypeOf(info.kind.Options).Field(field.Index).Type
	switch {
	case kind.Kind() == reflect.Interface:
		return rules.Option{Key: e.Key.Value, Value: c.free(e.Value)}
	case kind == reflect.TypeFor[[]string]() && as == template.FormMention:
		return rules.Option{Key: e.Key.Value, Value: c.calls(e.Value)}
	case kind == reflect.TypeFor[[]string]():
		return rules.Option{Key: e.Key.Value, Value: c.list(e.Value)}
	case kind == reflect.TypeFor[map[string]string]():
		return rules.Option{Key: e.Key.Value, Value: c.mapping(e.Value)}
	case kind.Kind() == reflect.String:
		var t yamldoc.Text
		f.Decode(e.Value, reflect.ValueOf(&t).Elem(), e.Key.Value)
		return rules.Option{Key: e.Key.Value, Value: c.text(t)}
	}
	v := reflect.New(kind).Elem()
	f.Decode(e.Value, v, e.Key.Value)
	return rules.Option{Key: e.Key.Value, Value: v.Interface()}
}

// optionCompiler turns the nodes of one option into an OptionValue.
type optionCompiler struct {
	*Builder
	file *OpenFile
	key  string
	as   template.Form
	info *notifierInfo
}

func (c *optionCompiler) text(t yamldoc.Text) rules.OptionValue {
	if !t.Given() {
		return &template.Template{}
	}
	c.note(t.S)
	if c.as == template.FormURL && template.HostIsTemplated(t.S) && !c.info.allowHosts {
		c.file.Report(t.Node, diag.Error, "the host of this URL comes from a template, and so from the event",
			"list the hosts it may have: allow_hosts: [hooks.example.com] on the notifier")
	}
	out, faults := c.Templates.Compile(c.key, t.S, c.as)
	c.file.reportFaults(t.Node, faults)
	c.lintLater(LintItem{File: c.file, Text: t, As: c.as, C: out})
	if out == nil {
		return template.Placeholder()
	}
	return out
}

func (c *optionCompiler) list(n *yaml.Node) []rules.OptionValue {
	var texts []yamldoc.Text
	c.file.Decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	values := make([]rules.OptionValue, len(texts))
	for i, t := range texts {
		values[i] = c.text(t)
	}
	return values
}

// calls compiles a list of who is to be called. Names by which nobody can be called are told.
func (c *optionCompiler) calls(n *yaml.Node) rules.OptionValue {
	var texts []yamldoc.Text
	c.file.Decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	l := rules.CallList{People: c.directory}
	for _, t := range texts {
		l.Texts = append(l.Texts, c.text(t))
		if !t.Given() || template.HasActions(t.S) {
			continue
		}
		for _, name := range l.People.Recipients(t.S) {
			if !people.CanMention(name) {
				message, hint := l.People.ExplainUnknown(name)
				c.file.Report(t.Node, diag.Warning, c.key+": "+message, hint)
			}
		}
	}
	return l
}

func (c *optionCompiler) mapping(n *yaml.Node) rules.OptionValue {
	var texts map[string]yamldoc.Text
	c.file.Decode(n, reflect.ValueOf(&texts).Elem(), c.key)
	values := make(map[string]rules.OptionValue, len(texts))
	for key, t := range texts {
		values[key] = c.text(t)
	}
	return values
}

// free compiles every text of a structure of any shape.
func (c *optionCompiler) free(n *yaml.Node) rules.OptionValue {
	if n = c.file.Follow(n); n == nil {
		return nil
	}
	c.file.Depth++
	defer func() { c.file.Depth-- }()
	switch {
	case yamldoc.TemplateHint(n) != "":
		c.file.Report(n, diag.Error, c.key+" must be text here, not a mapping", yamldoc.TemplateHint(n))
		return nil
	case n.Kind == yaml.MappingNode:
		return c.freeMapping(n)
	case n.Kind == yaml.SequenceNode:
		values := make([]rules.OptionValue, len(n.Content))
		for i, item := range n.Content {
			values[i] = c.free(item)
		}
		return values
	case n.Tag == "!!str":
		return c.text(yamldoc.Text{S: c.file.Expand(n), Node: n})
	}
	return c.file.Any(n)
}

func (c *optionCompiler) freeMapping(n *yaml.Node) rules.OptionValue {
	values := map[string]rules.OptionValue{}
	entries, kind := c.file.Entries(n, c.key), ""
	for _, e := range entries {
		if e.Key.Value == "type" {
			kind = e.Value.Value
		}
	}
	for _, e := range entries {
		inner := *c
		if c.as == template.FormBlocks && e.Value.Kind == yaml.ScalarNode {
			inner.as = blockForm(kind, e.Key.Value)
		}
		values[e.Key.Value] = inner.free(e.Value)
	}
	return values
}

// blockForm is what the text under a key of a Block Kit object with a type becomes
// (https://docs.slack.dev/reference/block-kit/composition-objects/text-object). What may be mrkdwn is taken for it.
func blockForm(kind, key string) template.Form {
	switch {
	case key == "url" || strings.HasSuffix(key, "_url"):
		return template.FormLink
	case key != "text" || kind == "plain_text" || kind == "raw_text" || kind == "text" || kind == "link":
		return template.FormPlain
	case kind == "markdown":
		return template.FormMarkdown
	}
	return template.FormMrkdwn
}
