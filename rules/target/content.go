package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// isContent reports whether a message option is part of what a message says. The others say where it goes, so messages
// with different values are never in one digest.
func isContent(option string) bool {
	return slices.Contains([]string{"blocks", "body", "subject", "headers", mentionOption}, option)
}

const mentionOption = "mention"

// SplitContent separates the options that say where a message goes from the mentioned people; the other content is
// dropped, since it is rendered anew.
func SplitContent(options json.RawMessage) (address json.RawMessage, mention []any) {
	all, err := value.DecodeObject(options)
	if err != nil || len(all) == 0 {
		return nil, nil
	}
	mention, _ = all[mentionOption].([]any)
	maps.DeleteFunc(all, func(key string, _ any) bool { return isContent(key) })
	return Encode(all), mention
}

// WithContent returns the options of a digest, with the content that the target renders for it. own are those of
// the digest, mention its people.
func (t *Target) WithContent(c template.Context, own json.RawMessage, mention []any) (
	options json.RawMessage, notes []string) {
	all, err := value.DecodeObject(own)
	if err != nil || all == nil {
		all = map[string]any{}
	}
	for _, o := range t.Options {
		if !isContent(o.Key) || o.Key == mentionOption {
			continue
		}
		content, err := Render(o.Value, c)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s for %s: the template failed: %v", o.Key, t.Notifier, err))
			continue
		}
		all[o.Key] = content
	}
	if slices.ContainsFunc(t.Options, func(o Option) bool { return o.Key == mentionOption }) {
		all[mentionOption] = append([]any{}, mention...) // also none, in place of those of the notifier
	}
	return Encode(all), notes
}
