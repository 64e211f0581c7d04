package rules

import (
	"encoding/json"

	"qaserelay/rules/target"
)

// Masked returns a notification in which the options that its notifier's kind declares as secret are masked.
func (s *Set) Masked(n Notification) Notification {
	var fallbacks []Fallback
	for _, f := range n.Fallbacks {
		fallbacks = append(fallbacks, Fallback{Notifier: f.Notifier, Options: s.masked(f.Notifier, f.Options),
			Beside: f.Beside})
	}
	n.Options, n.Fallbacks = s.masked(n.Notifier, n.Options), fallbacks
	return n
}

func (s *Set) masked(notifier string, options json.RawMessage) json.RawMessage {
	if s.mask == nil || len(options) == 0 {
		return nil
	}
	return s.mask(notifier, options)
}

// SamePlace reports whether messages with these rendered options go to the same place and people, whatever they say.
func SamePlace(a, b json.RawMessage) bool {
	first, _ := target.SplitContent(a)
	second, _ := target.SplitContent(b)
	return string(first) == string(second)
}
