package people

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/value"
)

// Mention returns the person that v stands for as a value that each form of a template writes in its own way.
func (p *Directory) Mention(v any) any {
	m := value.Mention{Name: p.NameOf(v), Person: v}
	if one := p.find(v); one != nil {
		m.Slack = one.Slack
	}
	return m
}

// neutralize returns a name from an event in a spelling that mentions no person, team or group.
func (p *Directory) neutralize(name string) string {
	name = plainName(name)
	group := slices.Contains(mentionGroups, "@"+strings.ToLower(name))
	if ChatID.MatchString(name) || group || p.byTeam[fold(name)] != nil {
		return "“" + name + "”"
	}
	return name
}

// safeName returns a name from an event for a chat with ids that the directory does not have. It mentions no person.
func (p *Directory) safeName(name string) string {
	name = p.neutralize(name)
	if strings.EqualFold(name, "all") || numericID.MatchString(name) {
		return "“" + name + "”"
	}
	return name
}

// numericID matches a text that a chat with numeric ids could read as an id.
var numericID = regexp.MustCompile(`^[&!#]*[0-9]+$`)

// plainName returns a name without the characters that have a meaning in a list of mentions.
func plainName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(",;<>\"", r) {
			return -1
		}
		return r
	}, value.OneLine(name))
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(name), "@"))
}

// ChatID matches a text that a chat could read as one of its ids.
var ChatID = regexp.MustCompile(`^[A-Z]([A-Z0-9]{2,}|[0-9])$`)

// mentionGroups are the groups that a name alone mentions.
var mentionGroups = []string{"@here", "@channel", "@everyone"}
