package service

import (
	"fmt"
	"regexp"
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

// Advise warns of texts in mention that notify nobody: of the rule, and of events. Other templates may have either.
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
		if len(path) == 0 {
			path = []string{"0"} // leads to the text, which is not a list
		}
		for _, text := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",;\r\n", r) }) {
			text, why := strings.TrimSpace(text), ""
			switch isOpen := strings.Contains(value, "{{") || strings.Contains(value, "${"); {
			case ofEvent.MatchString(text):
				why = ", as all texts of events are"
			case text == "", isOpen, m.Notify(text):
				continue
			}
			all = append(all, notifiers.Advice{Path: path, Hint: m.hint(text), Message: fmt.Sprintf(
				"mention: %q is written as text%s, so nobody in %s is notified", notifiers.Cut(text, 60), why, m.Service)})
		}
	}
	return all
}

// ofEvent matches a text that is only a value of the event.
var ofEvent = regexp.MustCompile(`^[@&]?\{\{-?\s*(mention\s+)?\.[A-Za-z_][\w.]*\s*-?\}\}$`)

func (m Mentions) hint(text string) string {
	bare := strings.TrimPrefix(strings.Trim(text, "<>"), "users/")
	for _, meant := range []string{strings.TrimLeft(bare, "@!"), "@" + strings.ToLower(strings.TrimLeft(bare, "@!"))} {
		if meant != text && m.Notify(meant) {
			return fmt.Sprintf("write %q", meant)
		}
	}
	return "write " + m.Write
}
