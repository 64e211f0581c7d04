package value

import (
	"slices"
	"strings"
)

// Readable returns a value as text for people, as PlainText, with the fields of an object that has no name in place of
// JSON: failed: 3, passed: 11.
func Readable(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, 0, len(v))
		for _, item := range v {
			parts = append(parts, Readable(item))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		if name := nameOf(v); name != "" {
			return name
		}
		return fields(v)
	}
	return PlainText(v)
}

// fields returns the fields of an object that have a value.
func fields(object map[string]any) string {
	var parts []string
	for _, key := range SortedKeys(object) {
		text := Readable(object[key])
		if _, nested := object[key].(map[string]any); nested && nameOf(object[key].(map[string]any)) == "" && text != "" {
			text = "(" + text + ")"
		}
		if text != "" {
			parts = append(parts, key+": "+text)
		}
	}
	return strings.Join(parts, ", ")
}

// nameOf returns the name of an object, or "".
func nameOf(object map[string]any) string {
	for _, key := range nameKeys {
		if name, isText := object[key].(string); isText && strings.TrimSpace(name) != "" {
			return name
		}
	}
	return ""
}

// IsReadable reports whether a value can be printed in a sentence: anything but an object without a name, and a list
// that has one.
func IsReadable(v any) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !IsReadable(item) })
	case map[string]any:
		return len(v) == 0 || nameOf(v) != ""
	}
	return true
}
