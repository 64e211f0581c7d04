package notifiers

import (
	"encoding/json"
	"fmt"
)

// MergeOptions decodes the notifier's defaults and, over them, the message's own options. Maps are merged key by
// key; lists are replaced. A destination, tagged empty:"inherit", that is empty in the message is that of the notifier.
func MergeOptions[T any](defaults, own json.RawMessage) (o T, err error) {
	if err := decodeOptions(defaults, &o); err != nil || len(own) == 0 {
		return o, err
	}
	theirs := o
	if err := decodeOptions(own, &o); err != nil {
		return o, err
	}
	restoreDestinations(&o, theirs)
	return o, nil
}

func decodeOptions(options json.RawMessage, into any) error {
	if len(options) == 0 {
		return nil
	}
	if err := json.Unmarshal(options, into); err != nil {
		return fmt.Errorf("reading the message options: %w", err)
	}
	return nil
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
