package notifiers

import (
	"encoding/json"
	"fmt"
)

// MergeOptions decodes the notifier's defaults and, over them, the message's own options. Maps are merged key by
// key; lists are replaced.
func MergeOptions[T any](defaults, own json.RawMessage) (T, error) {
	var o T
	for _, layer := range []json.RawMessage{defaults, own} {
		if len(layer) == 0 {
			continue
		}
		if err := json.Unmarshal(layer, &o); err != nil {
			return o, fmt.Errorf("reading the message options: %w", err)
		}
	}
	return o, nil
}

// Texts returns an option's text as a list, or the texts of a list.
func Texts(option any) []string {
	list, isList := option.([]any)
	if !isList {
		list = []any{option}
	}
	var texts []string
	for _, one := range list {
		if s, ok := one.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
