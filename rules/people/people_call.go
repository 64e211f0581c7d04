package people

import (
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// Whoever is to be called ends up as one text: a chat's id, "Name <address>", an address, or a name. The id comes from the directory
// or from the rule's own text; of an address a channel may find out the id; a name is only written.

// Mention returns somebody as a value that each channel writes in its own way of calling people.
func (p *Directory) Mention(v any) any {
	m := value.Mention{Name: p.NameOf(v)}
	if one := p.find(v); one != nil {
		m.Slack, m.Target = one.Slack, one.call()
	}
	return m
}

// call is the best that is known to call somebody by.
func (one *Person) call() string {
	name := callName(one.Name)
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

// MentionText writes who is to be called. Only the directory and the text of the rule itself can name an id, a team or a group
// such as @channel: what an event says is one person of the directory, an address, or a mere name.
func (p *Directory) MentionText(v any) string {
	switch v := v.(type) {
	case value.Mention:
		if v.Target != "" {
			return v.Target
		}
		return p.harmless(v.Name)
	case []any:
		calls := make([]string, len(v))
		for i, one := range v {
			calls[i] = p.MentionText(one)
		}
		return strings.Join(calls, ",")
	case string:
		if p.bySlack[v] {
			return v
		}
	case map[string]any:
		if one := p.find(v); one == nil && isAddress(value.PlainText(v["email"])) {
			return (&Person{Name: p.harmless(value.PlainText(v["name"])), Email: value.PlainText(v["email"])}).call()
		}
	}
	if one := p.find(v); one != nil {
		return one.call()
	}
	return p.harmless(p.NameOf(v))
}

// harmless is a name from an event as it is written, so that it calls nobody else.
func (p *Directory) harmless(name string) string {
	name = callName(name)
	group := slices.Contains(callGroups, "@"+strings.ToLower(name))
	if ChatID.MatchString(name) || group || p.byTeam[strings.ToLower(name)] != nil {
		return "“" + name + "”"
	}
	return name
}

// CallText is the name of somebody for a chat whose ids the directory does not know: it calls nobody.
func (p *Directory) SafeName(v any) string {
	if m, isMention := v.(value.Mention); isMention {
		v = m.Name
	}
	name := p.harmless(p.NameOf(v))
	if strings.EqualFold(name, "all") || numericID.MatchString(name) {
		return "“" + name + "”"
	}
	return name
}

// numericID matches what a chat with numbers for ids could take for one.
var numericID = regexp.MustCompile(`^[&!#]*[0-9]+$`)

// callName is a name without the signs that have a meaning in a list of who is to be called.
func callName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(",;<>\"", r) {
			return -1
		}
		return r
	}, value.OneLine(name))
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(name), "@"))
}

// ChatID matches what a chat could take for one of its ids, however short.
var ChatID = regexp.MustCompile(`^[A-Z]([A-Z0-9]{2,}|[0-9])$`)

// callGroups are called by no more than their names.
var callGroups = []string{"@here", "@channel", "@everyone"}

// isAddress reports whether s is a mail address and nothing else.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && !strings.ContainsAny(s, ` ,;<>"`)
}

// Callees returns who is meant by a text of a rule, once the values of the event are in it: names, addresses, member ids and teams
// of the directory, ids and groups of a chat, several with commas between them.
func (p *Directory) Recipients(text string) []string {
	text = strings.TrimSpace(value.OneLine(text))
	if calls, known := p.known(text); known || !strings.Contains(text, ",") {
		return calls
	}
	var calls []string
	for part := range strings.SplitSeq(text, ",") {
		one, _ := p.known(strings.TrimSpace(part))
		calls = append(calls, one...)
	}
	return calls
}

// known returns who is meant by a name of a rule, and whether it says who that is.
func (p *Directory) known(name string) (calls []string, known bool) {
	bare := strings.TrimPrefix(name, "@")
	if bare == "" {
		return nil, true
	}
	if one := p.named(bare); one != nil {
		return []string{one.call()}, true
	}
	for _, member := range p.byTeam[strings.ToLower(bare)] {
		calls = append(calls, member.call())
	}
	if len(calls) > 0 {
		return calls, true
	}
	return []string{name}, CanMention(name)
}

// named finds a person by what a rule says: a name, an address or a member id.
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

// Callable reports whether a chat can call somebody by this, and not only write it.
func CanMention(call string) bool {
	_, err := mail.ParseAddress(call)
	return err == nil || ChatID.MatchString(call) || slices.Contains(callGroups, call)
}

// Uncallable says what to do about a name of a rule by which nobody can be called.
func (p *Directory) ExplainUnknown(name string) (message, hint string) {
	bare := strings.TrimPrefix(name, "@")
	if p.find(bare) != nil {
		return "of " + bare + " neither slack nor email is known, so nobody is called", "add slack: U… to this person"
	}
	var names []string
	for _, one := range p.byName {
		names = append(names, one.Name)
	}
	for _, team := range p.byTeam {
		names = append(names, team[0].Team)
	}
	slices.Sort(names)
	hint = "write an e-mail address, an id of the chat (U…, S…), @here, @channel, or a name or team of people:"
	if best := catalog.Nearest(bare, names); best != "" {
		hint = `did you mean "` + best + `"?`
	}
	return `nobody is known as "` + value.Shorten(name, 60) + `", so nobody is called`, hint
}
