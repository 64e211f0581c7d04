// Package target holds where the messages of a rule go: the notifiers, with the options of their messages, their people
// and their fallbacks.
package target

import (
	"encoding/json"
	"maps"
	"slices"

	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Target is one notifier of a rule, with the options of its messages.
type Target struct {
	Notifier  string
	Options   []Option
	Fallbacks []*Target // for messages that fail permanently, in the order they are tried

	static json.RawMessage // the rendered options, if no event changes them
	fixed  *Prepared       // the messages, if no event changes them
}

// New makes a target, and renders its options if they do not depend on the event.
func New(notifier string, options []Option, fallbacks ...*Target) *Target {
	t := &Target{Notifier: notifier, Options: options, Fallbacks: fallbacks}
	if !slices.ContainsFunc(options, func(o Option) bool { return !isStatic(o.Value) }) {
		t.static = t.StaticOptions()
		p := t.prepare(template.Context{}, limits{})
		t.fixed = &p
	}
	return t
}

// ReadsEvent reports whether an option of the target, or of one of its fallbacks, depends on the event or the message.
func (t *Target) ReadsEvent() bool {
	return t.fixed == nil || slices.ContainsFunc(t.Fallbacks, (*Target).ReadsEvent)
}

// Reached returns the number of messages that a target makes which no event changes; 0 means that nobody is left to
// receive one.
func (t *Target) Reached() int {
	if t.fixed == nil {
		return 0
	}
	return len(t.fixed.Messages)
}

// Static returns the rendered options as a JSON object. ok is false if an event can change them.
func (t *Target) Static() (options json.RawMessage, ok bool) { return t.static, t.fixed != nil }

// Option is one message option of a target.
type Option struct {
	Key   string
	Value OptionValue
}

// OptionValue is the value of an option: a *template.Template, []OptionValue, map[string]OptionValue or *People, or a
// plain value.
type OptionValue any

// IsEmpty reports whether the option is empty for every event.
func (o Option) IsEmpty() bool { return isEmpty(o.Value) }

func isEmpty(v OptionValue) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *template.Template:
		if v == nil {
			return true
		}
		text, static := v.Static()
		return static && text == ""
	case *People:
		return isEmpty(v.Entries)
	case []OptionValue:
		return !slices.ContainsFunc(v, func(item OptionValue) bool { return !isEmpty(item) })
	case map[string]OptionValue:
		return len(v) == 0
	}
	return false
}

// isStatic reports whether v has no templates.
func isStatic(v OptionValue) bool {
	return !HasTemplate(v, func(t *template.Template) bool { _, static := t.Static(); return !static })
}

// HasTemplate reports whether v has a template that is so.
func HasTemplate(v OptionValue, is func(*template.Template) bool) bool {
	among := func(item OptionValue) bool { return HasTemplate(item, is) }
	switch v := v.(type) {
	case *template.Template:
		return is(v)
	case *People:
		return among(v.Entries)
	case []OptionValue:
		return slices.ContainsFunc(v, among)
	case map[string]OptionValue:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), among)
	}
	return false
}

// Split separates the message options of a notifier: those without templates as a JSON object, or nil, and those
// that depend on the event. A map may have entries of both sorts. named are those without templates that name people.
func Split(options []Option) (static json.RawMessage, templates, named []Option) {
	values := map[string]any{}
	for _, o := range options {
		if p, isPeople := o.Value.(*People); isPeople && o.Key != Except && isStatic(p) {
			named = append(named, o)
		}
		entries, isMap := o.Value.(map[string]OptionValue)
		switch {
		case o.Key == Except:
			templates = append(templates, o)
		case isStatic(o.Value):
			if v, err := Render(o.Value, template.Context{}); err == nil && v != nil {
				values[o.Key] = v
			}
		case isMap:
			fixed, changing := map[string]any{}, map[string]OptionValue{}
			for key, entry := range entries {
				changing[key] = entry
				if t, ok := entry.(*template.Template); ok && isStatic(t) {
					fixed[key], _ = t.Static()
					delete(changing, key)
				}
			}
			values[o.Key] = fixed
			templates = append(templates, Option{o.Key, changing})
		default:
			templates = append(templates, o)
		}
	}
	return Encode(values), templates, named
}

// Inherit adds the options of a notifier to those of a target. The target's value of an option wins; the entries
// of maps are merged, and so are the people that are left out.
func Inherit(own, inherited []Option) []Option {
	for _, o := range inherited {
		i := slices.IndexFunc(own, func(p Option) bool { return p.Key == o.Key })
		if i < 0 {
			own = append(own, o)
			continue
		}
		if o.Key == Except {
			own[i].Value = own[i].Value.(*People).and(o.Value.(*People))
			continue
		}
		mine, ok1 := own[i].Value.(map[string]OptionValue)
		theirs, ok2 := o.Value.(map[string]OptionValue)
		if ok1 && ok2 {
			merged := maps.Clone(theirs)
			maps.Copy(merged, mine)
			own[i].Value = merged
		}
	}
	return own
}

func Encode(options map[string]any) json.RawMessage {
	if len(options) == 0 {
		return nil
	}
	return json.RawMessage(value.JSONText(options))
}

// Render renders the templates of v. A text of a list that is empty is left out.
func Render(v OptionValue, c template.Context) (any, error) {
	switch v := v.(type) {
	case *template.Template:
		return v.Render(c)
	case *People:
		return v.Render(c)
	case []OptionValue:
		list := make([]any, 0, len(v))
		for _, item := range v {
			x, err := Render(item, c)
			if err != nil {
				return nil, err
			}
			if x != "" {
				list = append(list, x)
			}
		}
		return list, nil
	case map[string]OptionValue:
		m := make(map[string]any, len(v))
		for key, item := range v {
			x, err := Render(item, c)
			if err != nil {
				return nil, err
			}
			m[key] = x
		}
		return m, nil
	}
	return v, nil
}

// StaticOptions returns the options without templates, or nil if the target has none.
func (t *Target) StaticOptions() json.RawMessage {
	values := map[string]any{}
	for _, o := range t.Options {
		if o.Key != Except && isStatic(o.Value) {
			values[o.Key], _ = Render(o.Value, template.Context{}) // nothing in it can fail
		}
	}
	return Encode(values)
}

// Reads reports whether an option of the target, or of one of its fallbacks, may read one of these names of templates.
func (t *Target) Reads(names ...string) bool {
	reads := func(one *template.Template) bool { return one.Reads(names...) }
	return slices.ContainsFunc(t.Options, func(o Option) bool { return HasTemplate(o.Value, reads) }) ||
		slices.ContainsFunc(t.Fallbacks, func(f *Target) bool { return f.Reads(names...) })
}
