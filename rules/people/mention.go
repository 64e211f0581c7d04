package people

import (
	"cmp"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// A mention is one text: an id of the chat, "Name <address>", an address, or a name. An id comes from the directory or
// from the text of the rule. For an address, a notifier may look up the id. A name alone mentions no person.

// Mention returns the person that v stands for as a value that each form of a template writes in its own way.
func (p *Directory) Mention(v any) any {
	m := value.Mention{Name: p.NameOf(v)}
	if one := p.find(v); one != nil {
		m.Slack, m.Target = one.Slack, one.target()
	}
	return m
}

// target returns the text that mentions a person, the best that the directory has.
func (one *Person) target() string {
	name := plainName(one.Name)
	switch {
	case one.Slack != "":
		return one.Slack
	case one.Email == "" || name == one.Email:
		return name
	case name == "":
		return one.Email
	}
	return name + " <" + one.Email + ">"
}

// MentionText returns the text that mentions the person, or the list of people, that v stands for. A value of an event
// can only mention one person of the directory or an address: only the directory and the text of the rule can mention
// an id, a team or a group such as @channel.
func (p *Directory) MentionText(v any) string {
	switch v := v.(type) {
	case value.Mention:
		if v.Target != "" {
			return v.Target
		}
		return p.neutralize(v.Name)
	case []any:
		targets := make([]string, len(v))
		for i, one := range v {
			targets[i] = p.MentionText(one)
		}
		return strings.Join(targets, ",")
	case string:
		if p.bySlack[v] {
			return v
		}
	case map[string]any:
		if one := p.find(v); one == nil && isAddress(value.PlainText(v["email"])) {
			name, email := p.neutralize(value.PlainText(v["name"])), value.PlainText(v["email"])
			return (&Person{Name: name, Email: email}).target()
		}
	}
	if one := p.find(v); one != nil {
		return one.target()
	}
	return p.neutralize(p.NameOf(v))
}

// neutralize returns a name from an event in a spelling that mentions no person, team or group.
func (p *Directory) neutralize(name string) string {
	name = plainName(name)
	group := slices.Contains(mentionGroups, "@"+strings.ToLower(name))
	if ChatID.MatchString(name) || group || p.byTeam[strings.ToLower(name)] != nil {
		return "“" + name + "”"
	}
	return name
}

// SafeName returns a name for a chat with ids that the directory does not have. It mentions no person.
func (p *Directory) SafeName(v any) string {
	if m, isMention := v.(value.Mention); isMention {
		v = m.Name
	}
	name := p.neutralize(p.NameOf(v))
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

// isAddress reports whether s is an email address and nothing else.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && !strings.ContainsAny(s, ` ,;<>"`)
}

// Recipients returns the mentions of a rendered text of a rule: names, addresses, member ids and teams of the
// directory, and ids and groups of a chat, separated by commas.
func (p *Directory) Recipients(text string) []string {
	text = strings.TrimSpace(value.OneLine(text))
	if targets, known := p.resolve(text); known || !strings.Contains(text, ",") {
		return targets
	}
	var targets []string
	for part := range strings.SplitSeq(text, ",") {
		some, _ := p.resolve(strings.TrimSpace(part))
		targets = append(targets, some...)
	}
	return targets
}

// resolve returns the mentions that a name of a rule stands for. known is false for a name that mentions no person.
func (p *Directory) resolve(name string) (targets []string, known bool) {
	bare := strings.TrimPrefix(name, "@")
	if bare == "" {
		return nil, true
	}
	if one := p.named(bare); one != nil {
		return []string{one.target()}, true
	}
	for _, member := range p.byTeam[strings.ToLower(bare)] {
		targets = append(targets, member.target())
	}
	if len(targets) > 0 {
		return targets, true
	}
	return []string{name}, CanMention(name)
}

// named returns the person with a name, an address or a member id, or nil.
func (p *Directory) named(name string) *Person {
	if one := p.find(name); one != nil {
		return one
	}
	id, err := strconv.Atoi(name)
	if err != nil {
		return nil
	}
	return p.byMember[id]
}

// CanMention reports whether a notifier can mention a person or a group by this text, and not only write it.
func CanMention(text string) bool {
	_, err := mail.ParseAddress(text)
	return err == nil || ChatID.MatchString(text) || slices.Contains(mentionGroups, text)
}

// ExplainUnknown returns a message about a name of a rule that mentions no person, and a hint at a fix.
func (p *Directory) ExplainUnknown(name string) (message, hint string) {
	bare := strings.TrimPrefix(name, "@")
	if p.find(bare) != nil {
		return bare + " has neither slack nor email, so nobody is mentioned", "add slack: U… to this person"
	}
	var names []string
	for _, one := range p.byName {
		names = append(names, one.Name)
	}
	for _, team := range p.byTeam {
		names = append(names, team[0].Team)
	}
	hint = cmp.Or(catalog.Similar(bare, names),
		"write an e-mail address, an id of the chat (U…, S…), @here, @channel, or a name or team of people:")
	return `no person or team is named "` + value.Shorten(name, 60) + `", so nobody is mentioned`, hint
}
