package people

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// Explain returns a message about a recipient in the text of a rule who cannot be reached, and a hint at a fix, in which
// OPTION stands for the key. Both are "" if the person can be reached. wrong says that the text is not a name at all.
func (p *Directory) Explain(way Way, r Recipient) (message, hint string, wrong bool) {
	_, missed := p.Reach(way, r)
	name := value.Shorten(cmp.Or(r.name, r.literal), 60)
	switch {
	case missed == "":
		return "", "", false
	case r.person != nil && way == ByAddress || way == BySignIn && r.person != nil:
		return r.display() + " has no email, so this person is left out", "add email: to this person", false
	case r.person != nil && way == ByMention:
		return r.display() + " has neither slack nor email, so nobody is mentioned", "add slack: U… to this person", false
	case r.person != nil:
		return r.display() + " has neither slack nor email, so this person is left out", "add slack: U… to this person",
			false
	case r.id != "":
		return missed, "write a person, a team or an email address", false
	case way == ByAddress && strings.Contains(r.literal, "@"):
		return value.Quote(r.literal) + " is not a valid email address",
			"write OPTION: [bob@example.com, ann@example.com]", true
	}
	nobody := "nobody is notified"
	if way == ByMention || way == BySignIn {
		nobody = "nobody is mentioned"
	}
	return `no person or team is named "` + name + `", so ` + nobody,
		p.instead(way, name), false
}

// Doubt returns a message about a recipient in the text of a rule who may not be the one that is meant, and a hint at a
// fix, in which OPTION stands for the key, or "".
func (p *Directory) Doubt(r Recipient) (message, hint string) {
	name := fold(strings.TrimLeft(r.literal, "@ "))
	if r.person != nil && p.shared[name] && fold(r.person.Name) == name {
		return "several people are named " + value.Quote(r.person.Name) + ", and this is only the last of them",
			"write OPTION: [bob@example.com], the address of the one who is meant"
	}
	if r.person == nil && IsIncomplete(r.email) {
		return "the domain of " + value.Quote(r.email) + " has no dot", "write the whole address, such as bob@example.com"
	}
	return "", ""
}

// IsIncomplete reports whether the domain of an address has no dot, though it is not that of the machine.
func IsIncomplete(address string) bool {
	_, domain, found := strings.Cut(address, "@")
	return found && !strings.ContainsAny(domain, ".:[") && !strings.EqualFold(domain, "localhost")
}

// instead returns a hint at the entry that is meant by an unknown name.
func (p *Directory) instead(way Way, name string) string {
	switch marked := markedID.FindStringSubmatch(name); {
	case marked != nil && marked[2] != "":
		return `write "@` + marked[3] + `"`
	case strings.HasPrefix(name, "<at>"):
		return "write " + strconv.Quote(strings.TrimSuffix(strings.TrimPrefix(name, "<at>"), "</at>"))
	case marked != nil:
		return "write " + strconv.Quote(marked[1]+marked[3]) + ", the bare id"
	case way == ByMention && slices.Contains(mentionGroups, "@"+name):
		return `did you mean "@` + name + `"?`
	case strings.HasPrefix(name, "#") && (way == ByMember || way == ByMention):
		return "OPTION is for people; a channel is channel: " + strconv.Quote(name)
	}
	if person := personOfEvent[strings.ToLower(strings.TrimPrefix(name, "."))]; person != "" {
		return `write "{{ ` + person + ` }}"`
	}
	return cmp.Or(catalog.Similar(name, p.names()), p.beginning(name), p.otherEntries(way, name))
}

// markedID matches a person or group as the text of a chat has it, such as <@U024BE7LH> and <!here>.
var markedID = regexp.MustCompile(`^<(?:@!?|!subteam\^|@(&)|(!))([\w/]+)(?:\|[^>]*)?>$`)

// personOfEvent are the templates of people whom an event brings, by the words that people write for them.
var personOfEvent = map[string]string{
	"actor": ".actor", "user": ".actor", "reviewers": ".entity.reviewers", "reviewer": ".payload.reviewer",
	"created_by": ".entity.created_by", "author": ".entity.created_by", "creator": ".entity.created_by",
	"entity.reviewers": ".entity.reviewers", "entity.created_by": ".entity.created_by", "actor.email": ".actor.email",
	"payload.reviewer": ".payload.reviewer",
}

// beginning returns a hint at the only name that begins with a word, or "".
func (p *Directory) beginning(word string) string {
	found := ""
	for _, name := range p.names() {
		if word == "" || !strings.HasPrefix(fold(name), fold(word)+" ") || name == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	if found == "" {
		return ""
	}
	return `did you mean "` + found + `"?`
}

// ExplainUnknown returns a message about a recipient in the text of a rule who is not in the directory and has no
// address and no id, and a hint at a fix, or "".
func (p *Directory) ExplainUnknown(r Recipient) (message, hint string) {
	if r.person != nil || r.id != "" || r.email != "" {
		return "", ""
	}
	return `no person or team is named "` + value.Shorten(r.name, 60) + `"`,
		p.instead(ByMember, r.name)
}

// otherEntries lists the entries that are possible in place of an unknown name.
func (p *Directory) otherEntries(way Way, name string) string {
	form := ""
	switch way {
	case ByAddress:
		form = "write an email address"
	case BySignIn:
		form = "write a sign-in name such as bob@example.com, an object id"
	case ByMember:
		form = "write an email address, a member id (U…)"
	default:
		form = "write an email address, an id of the chat (U…, S…), @here, @channel"
	}
	return form + ", or " + p.choices(way, name)
}

// maxChoices is the most people, and the most teams, that a hint names.
const maxChoices = 12

// choices names the people and teams of the directory. Without any, it shows how to add a person.
func (p *Directory) choices(way Way, name string) string {
	var persons, teams []string
	for _, one := range p.byName {
		if one.Name != "" && !slices.Contains(persons, one.Name) {
			persons = append(persons, one.Name)
		}
	}
	for _, team := range p.byTeam {
		teams = append(teams, team[0].Team)
	}
	if len(persons)+len(teams) == 0 {
		reach := "email: bob@example.com"
		if way == ByMention || way == ByMember {
			reach = "slack: U024BE7LH"
		}
		return fmt.Sprintf("add people: [{name: %s, %s}]", value.Quote(name), reach)
	}
	text := "one of people: " + listed(persons)
	if len(persons) == 0 {
		return "a team of people: " + listed(teams)
	}
	if len(teams) > 0 {
		text += "; teams: " + listed(teams)
	}
	return text
}

// listed joins names in the order of the alphabet, up to maxChoices.
func listed(names []string) string {
	slices.Sort(names)
	more := ""
	if len(names) > maxChoices {
		names, more = names[:maxChoices], ", …"
	}
	return strings.Join(names, ", ") + more
}

// names returns the names of all people and teams.
func (p *Directory) names() (names []string) {
	for _, one := range p.byName {
		names = append(names, one.Name)
	}
	for _, team := range p.byTeam {
		names = append(names, team[0].Team)
	}
	return names
}
