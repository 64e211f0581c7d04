package rulefile

import (
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// optionParser reads one message option.
type optionParser struct {
	*compiler
	d    *document
	key  string
	form template.Form
	info *notifierInfo
}

// option reads a message option of a notifier and compiles its templates.
func (c *compiler) option(d *document, e yamldoc.Entry, field yamldoc.Field, info *notifierInfo) target.Option {
	p := &optionParser{compiler: c, d: d, key: e.Key.Value, form: template.Form(field.Form), info: info}
	switch p.form {
	case "":
		p.form = template.FormText
	case template.FormJSON:
		p.form = template.FormOfType(c.contentType)
	}
	c.inOption = true
	defer func() { c.inOption = false }()
	defer p.advise(e, people.Way(field.Form))
	if people.IsWay(field.Form) {
		return target.Option{Key: p.key, Value: p.people(e.Value, roleOf(field, info))}
	}
	if field.Form == "key" {
		return target.Option{Key: p.key, Value: p.joining(e.Value)}
	}
	return target.Option{Key: p.key, Value: p.value(e.Value, field.Type)}
}

// value reads the value of an option of the given type.
func (p *optionParser) value(n *yaml.Node, kind reflect.Type) target.OptionValue {
	switch {
	case kind.Kind() == reflect.Interface:
		return p.free(n)
	case kind == reflect.TypeFor[[]string]():
		return p.list(n)
	case kind == reflect.TypeFor[map[string]string]():
		return p.mapping(n)
	case kind.Kind() == reflect.String:
		var t yamldoc.Text
		p.d.Decode(n, &t, p.key)
		return p.text(t)
	}
	v := reflect.New(kind)
	p.d.Decode(n, v.Interface(), p.key)
	return v.Elem().Interface()
}

func (p *optionParser) text(t yamldoc.Text) target.OptionValue {
	if !t.Given() {
		return &template.Template{}
	}
	if p.form == template.FormURL && template.HostIsTemplated(t.S) && !p.info.allowHosts {
		p.d.Report(t.Node, diag.Error, "the host of this URL comes from a template, and so from the event",
			"list the hosts it may have: allow_hosts: [hooks.example.com] on the notifier")
	}
	if out := p.compile(p.d, t, p.key, p.form); out != nil {
		return out
	}
	return template.Placeholder()
}

func (p *optionParser) list(n *yaml.Node) []target.OptionValue {
	var texts []yamldoc.Text
	p.d.Decode(n, &texts, p.key)
	values := make([]target.OptionValue, len(texts))
	for i, t := range texts {
		values[i] = p.text(t)
	}
	return values
}

func (p *optionParser) mapping(n *yaml.Node) target.OptionValue {
	var texts map[string]yamldoc.Text
	p.d.Decode(n, &texts, p.key)
	values := make(map[string]target.OptionValue, len(texts))
	for key, t := range texts {
		values[key] = p.text(t)
	}
	return values
}

// free compiles every text in a value of any shape.
func (p *optionParser) free(n *yaml.Node) (v target.OptionValue) {
	p.d.Nested(n, func(n *yaml.Node) { v = p.freeNode(n) })
	return v
}

func (p *optionParser) freeNode(n *yaml.Node) target.OptionValue {
	switch hint := yamldoc.TemplateHint(n); {
	case hint != "":
		p.d.Report(n, diag.Error, p.key+" must be text here, not a mapping", hint)
		return nil
	case n.Kind == yaml.MappingNode:
		return p.freeMapping(n)
	case n.Kind == yaml.SequenceNode:
		values := make([]target.OptionValue, len(n.Content))
		for i, item := range n.Content {
			values[i] = p.free(item)
		}
		return values
	}
	value := p.d.Any(n)
	if s, isText := value.(string); isText && n.Tag == "!!str" {
		return p.text(yamldoc.Text{S: s, Node: n})
	}
	return value
}

func (p *optionParser) freeMapping(n *yaml.Node) target.OptionValue {
	values := map[string]target.OptionValue{}
	entries, kind := p.d.Entries(n, p.key), ""
	for _, e := range entries {
		if e.Key.Value == "type" {
			kind = e.Value.Value
		}
	}
	for _, e := range entries {
		inner := *p
		if p.form == template.FormBlocks && e.Value.Kind == yaml.ScalarNode {
			inner.form = blockForm(kind, e.Key.Value)
		}
		values[e.Key.Value] = inner.free(e.Value)
	}
	return values
}

// blockForm returns the form of the text under a key of a Block Kit object of a type
// (https://docs.slack.dev/reference/block-kit/composition-objects/text-object). A text that may be mrkdwn is taken for
// it.
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

// advise reports the remarks of the kind on the option, each at its position. Mentioned people of the directory are
// advised on as the service would get them.
func (p *optionParser) advise(e yamldoc.Entry, way people.Way) {
	if p.info.kind.Advise == nil {
		return
	}
	value := asWritten(e.Value)
	if way == people.ByMention {
		value = p.reached(value)
	}
	for _, a := range p.info.kind.Advise(p.info.config, e.Key.Value, value) {
		severity := diag.Warning
		if a.Wrong {
			severity = diag.Error
		}
		at := p.d.At(e.Key)
		if len(a.Path) > 0 {
			at, _ = p.d.At(e.Value).Child(a.Path...)
		}
		p.d.problem(at, severity, a)
	}
}

// reached returns the texts of a value that names people. Those without templates are as a mention reaches the people.
func (p *optionParser) reached(v any) (texts []any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			texts = append(texts, p.reached(one)...)
		}
	case string:
		if template.HasActions(v) {
			return []any{v}
		}
		for _, one := range p.compiler.people.Resolve(v) {
			text, _ := p.compiler.people.Reach(people.ByMention, one)
			texts = append(texts, text)
		}
	}
	return texts
}

// maxWritten is how many nodes an option may have for its advice, aliases counted each time.
const maxWritten = 100_000

// asWritten returns the value of a node with its templates and variables as they are written, or nil if it is too
// large.
func asWritten(n *yaml.Node) any {
	left := maxWritten
	if v := writtenValue(n, &left); left >= 0 {
		return v
	}
	return nil
}

func writtenValue(n *yaml.Node, left *int) any {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if *left--; *left < 0 {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for key, value := range yamldoc.Pairs(n) {
			m[key.Value] = writtenValue(value, left)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = writtenValue(item, left)
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	}
	return n.Value
}

// problem reports a remark at its place.
func (d *document) problem(at yamldoc.Place, severity diag.Severity, r rules.Remark) {
	d.ReportAt(at, severity, diag.Finding{Message: r.Message, Hint: r.Hint})
}
