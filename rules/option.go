package rules

import (
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/rules/people"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Option is one message option of a target: a text, a list, a map or a free structure whose texts may be templates.
type Option struct {
	Key   string
	Value OptionValue
}

// OptionValue is what an option holds: *template.Template, []OptionValue, map[string]OptionValue, CallList, or a plain value.
type OptionValue any

// CallList is a list of who is to be called.
type CallList struct {
	Texts  []OptionValue
	People *people.Directory
}

// render returns all who are meant, each once.
func (l CallList) render(dot map[string]any) (any, error) {
	texts, err := RenderOption(l.Texts, dot)
	if err != nil {
		return nil, err
	}
	calls := []any{}
	for _, text := range texts.([]any) {
		for _, call := range l.People.Recipients(value.PlainText(text)) {
			if !slices.Contains(calls, any(call)) {
				calls = append(calls, call)
			}
		}
	}
	return calls, nil
}

// RenderOption fills in the templates of v. Texts of a list that come out empty are left out.
func RenderOption(v OptionValue, dot map[string]any) (any, error) {
	switch v := v.(type) {
	case *template.Template:
		return v.Render(dot)
	case CallList:
		return v.render(dot)
	case []OptionValue:
		list := make([]any, 0, len(v))
		for _, item := range v {
			x, err := RenderOption(item, dot)
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
			x, err := RenderOption(item, dot)
			if err != nil {
				return nil, err
			}
			m[key] = x
		}
		return m, nil
	}
	return v, nil
}

// IsStatic reports whether v has nothing to render.
func IsStatic(v OptionValue) bool {
	switch v := v.(type) {
	case *template.Template:
		_, static := v.Static()
		return static
	case CallList:
		return IsStatic(v.Texts)
	case []OptionValue:
		for _, item := range v {
			if !IsStatic(item) {
				return false
			}
		}
	case map[string]OptionValue:
		for _, item := range v {
			if !IsStatic(item) {
				return false
			}
		}
	}
	return true
}

// IsEmptyOption reports whether v is nothing for every event.
func IsEmptyOption(v OptionValue) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *template.Template:
		if v == nil {
			return true
		}
		text, static := v.Static()
		return static && text == ""
	case CallList:
		return IsEmptyOption(v.Texts)
	case []OptionValue:
		return !slices.ContainsFunc(v, func(item OptionValue) bool { return !IsEmptyOption(item) })
	case map[string]OptionValue:
		return len(v) == 0
	}
	return false
}

// renderOptions renders a target's options to a JSON object, or nil if there are none. An option whose template fails is
// left out, so that the notifier's own holds, and noted.
func (t *Target) renderOptions(dot map[string]any) (json.RawMessage, []string) {
	if t.Static != nil || len(t.Options) == 0 {
		return t.Static, nil
	}
	var notes []string
	rendered := make(map[string]any, len(t.Options))
	for _, o := range t.Options {
		value, err := RenderOption(o.Value, dot)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s for %s: the template failed: %v", o.Key, t.Notifier, err))
			continue
		}
		rendered[o.Key] = value
	}
	return EncodeOptions(rendered), notes
}

func EncodeOptions(options map[string]any) json.RawMessage {
	if len(options) == 0 {
		return nil
	}
	return json.RawMessage(value.JSONText(options))
}

// Freeze renders options once for all, if none of them depends on the event.
func (t *Target) Freeze() {
	for _, o := range t.Options {
		if !IsStatic(o.Value) {
			return
		}
	}
	t.Static, _ = t.renderOptions(nil)
}
