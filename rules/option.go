package rules

import (
	"encoding/json"
	"fmt"
	"slices"
)

// option is one message option of a target: a text, a list, a map or a free structure whose texts may be templates.
type option struct {
	key   string
	value optionValue
}

// optionValue is what an option holds: *compiled, []optionValue, map[string]optionValue, callList, or a plain value.
type optionValue any

// callList is a list of who is to be called.
type callList struct {
	texts  []optionValue
	people *people
}

// render returns all who are meant, each once.
func (l callList) render(dot map[string]any) (any, error) {
	texts, err := renderOption(l.texts, dot)
	if err != nil {
		return nil, err
	}
	calls := []any{}
	for _, text := range texts.([]any) {
		for _, call := range l.people.callees(plainText(text)) {
			if !slices.Contains(calls, any(call)) {
				calls = append(calls, call)
			}
		}
	}
	return calls, nil
}

// renderOption fills in the templates of v. Texts of a list that come out empty are left out.
func renderOption(v optionValue, dot map[string]any) (any, error) {
	switch v := v.(type) {
	case *compiled:
		return v.render(dot)
	case callList:
		return v.render(dot)
	case []optionValue:
		list := make([]any, 0, len(v))
		for _, item := range v {
			x, err := renderOption(item, dot)
			if err != nil {
				return nil, err
			}
			if x != "" {
				list = append(list, x)
			}
		}
		return list, nil
	case map[string]optionValue:
		m := make(map[string]any, len(v))
		for key, item := range v {
			x, err := renderOption(item, dot)
			if err != nil {
				return nil, err
			}
			m[key] = x
		}
		return m, nil
	}
	return v, nil
}

// isStatic reports whether v has nothing to render.
func isStatic(v optionValue) bool {
	switch v := v.(type) {
	case *compiled:
		return v.body == nil
	case callList:
		return isStatic(v.texts)
	case []optionValue:
		for _, item := range v {
			if !isStatic(item) {
				return false
			}
		}
	case map[string]optionValue:
		for _, item := range v {
			if !isStatic(item) {
				return false
			}
		}
	}
	return true
}

// isEmptyOption reports whether v is nothing for every event.
func isEmptyOption(v optionValue) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *compiled:
		return v == nil || v.body == nil && v.static == ""
	case callList:
		return isEmptyOption(v.texts)
	case []optionValue:
		return !slices.ContainsFunc(v, func(item optionValue) bool { return !isEmptyOption(item) })
	case map[string]optionValue:
		return len(v) == 0
	}
	return false
}

// renderOptions renders a target's options to a JSON object, or nil if there are none. An option whose template fails is
// left out, so that the notifier's own holds, and noted.
func (t *target) renderOptions(dot map[string]any) (json.RawMessage, []string) {
	if t.static != nil || len(t.options) == 0 {
		return t.static, nil
	}
	var notes []string
	rendered := make(map[string]any, len(t.options))
	for _, o := range t.options {
		value, err := renderOption(o.value, dot)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s for %s: the template failed: %v", o.key, t.notifier, err))
			continue
		}
		rendered[o.key] = value
	}
	return encodeOptions(rendered), notes
}

func encodeOptions(options map[string]any) json.RawMessage {
	if len(options) == 0 {
		return nil
	}
	return json.RawMessage(jsonText(options))
}

// freeze renders options once for all, if none of them depends on the event.
func (t *target) freeze() {
	for _, o := range t.options {
		if !isStatic(o.value) {
			return
		}
	}
	t.static, _ = t.renderOptions(nil)
}
