package service

import (
	"fmt"
	"strconv"
	"strings"

	"qaserelay/notifiers"
)

// Mentions is what the option mention of a service takes.
type Mentions struct {
	Service string
	Notify  func(text string) bool // reports whether the service notifies people of this text
	Write   string                 // the texts that it notifies people of, as advice
}

// Advise warns of texts in mention that notify nobody. A text with a template depends on the event.
func (m Mentions) Advise(_ any, option string, value any) []notifiers.Advice {
	if option != "mention" {
		return nil
	}
	return m.advise(value, nil)
}

func (m Mentions) advise(value any, path []string) (all []notifiers.Advice) {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			all = append(all, m.advise(item, append(path[:len(path):len(path)], strconv.Itoa(i)))...)
		}
	case string:
		if strings.Contains(value, "{{") || strings.Contains(value, "${") {
			return nil
		}
		if len(path) == 0 {
			path = []string{"0"} // leads to the text, which is not a list
		}
		for _, text := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",;\r\n", r) }) {
			if text = strings.TrimSpace(text); text == "" || m.Notify(text) {
				continue
			}
			all = append(all, notifiers.Advice{Path: path, Hint: m.hint(text), Message: fmt.Sprintf(
				"mention: %q is written as text, so nobody in %s is notified", notifiers.Cut(text, 60), m.Service)})
		}
	}
	return all
}

func (m Mentions) hint(text string) string {
	if at := "@" + strings.ToLower(text); m.Notify(at) {
		return fmt.Sprintf("write %q", at)
	}
	return "write " + m.Write
}
