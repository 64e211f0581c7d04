package people

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"qaserelay/rules/value"
)

// An option that names people is rendered to one text. In it, each value of an event stands between two marks, which
// no text of a rule and no value can hold. So Resolve can tell a value from the text of the rule: only that text can
// name an id, a team or a group such as @channel.
const (
	beginValue  = '\x02'
	endValue    = '\x03'
	objectValue = "\x01" // begins the value of an object
	nextField   = "\x1f"
)

// maxRecipients bounds the recipients of one entry.
const maxRecipients = 1000

// Value returns the text of a value in an option that names people, for [Directory.Resolve].
func (p *Directory) Value(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case value.Mention:
		if v.Person != nil {
			return p.Value(v.Person)
		}
		return p.Value(v.Name)
	case []any:
		var b strings.Builder
		for _, one := range v {
			b.WriteString(p.Value(one))
			b.WriteByte(',')
		}
		return b.String()
	case map[string]any:
		return objectText(v)
	}
	return mark(value.OneLine(value.PlainText(v)))
}

func mark(s string) string { return string(beginValue) + s + string(endValue) }

func objectText(v map[string]any) string {
	name, email := value.OneLine(value.PlainText(v["name"])), value.OneLine(value.PlainText(v["email"]))
	member, _ := v["member_id"].(int)
	kind := ""
	if automation, _ := v["automation"].(bool); automation {
		kind = "automation"
	} else if name == "" && email == "" && member == 0 {
		kind, name = "junk", value.OneLine(value.Shorten(value.JSONText(v), 200))
	}
	return mark(objectValue + kind + nextField + name + nextField + email + nextField + strconv.Itoa(member))
}

// Resolve returns the recipients that a rendered text names, each once. Commas, semicolons and line ends separate them.
func (p *Directory) Resolve(text string) []Recipient {
	r := resolver{Directory: p}
	if strings.IndexByte(text, beginValue) < 0 {
		r.literal(text)
	} else {
		for _, entry := range split(text) {
			r.entry(strings.TrimSpace(entry))
		}
	}
	return r.found
}

// IsComposed reports whether a rendered text has an entry with words of the rule around the values of an event, such
// as team-{{ .project_code }}.
func IsComposed(text string) bool {
	return slices.ContainsFunc(split(text), func(entry string) bool {
		values, around := parts(entry)
		return len(values) > 0 && strings.ContainsFunc(around, isWord)
	})
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// resolver collects the recipients of one text.
type resolver struct {
	*Directory
	found []Recipient
}

func (r *resolver) add(one Recipient) {
	if len(r.found) < maxRecipients && !slices.ContainsFunc(r.found, one.Is) {
		r.found = append(r.found, one)
	}
}

// addKnown adds the person with a name, an address, a member id or an id of Slack, and reports whether there is one.
func (r *resolver) addKnown(name, written string) bool {
	one := r.find(name)
	if one == nil {
		one = r.bySlack[name]
	}
	if id, err := strconv.Atoi(name); one == nil && err == nil {
		one = r.byMember[id]
	}
	if one != nil {
		r.add(Recipient{person: one, literal: written})
	}
	return one != nil
}

// addTeam adds the members of a team, and reports whether there is one.
func (r *resolver) addTeam(name, written string) bool {
	members := r.byTeam[fold(name)]
	for _, one := range members {
		r.add(Recipient{person: one, literal: written})
	}
	return len(members) > 0
}

// literal resolves a text that the rule writes.
func (r *resolver) literal(text string) {
	text = strings.TrimSpace(text)
	bare := strings.TrimLeft(text, "@ ")
	if bare == "" {
		return
	}
	person, team := r.addKnown(bare, text), r.addTeam(bare, text)
	if person || team {
		return
	}
	if a, err := mail.ParseAddress(text); err == nil && isSound(a.Address) && !strings.ContainsAny(a.Address, "{}") {
		r.add(r.mailbox(a, text))
		return
	}
	if ChatID.MatchString(text) || objectID.MatchString(text) || slices.Contains(mentionGroups, text) {
		r.add(Recipient{id: text, literal: text})
		return
	}
	if parts := split(text); len(parts) > 1 {
		for _, part := range parts {
			r.literal(part)
		}
		return
	}
	if r.addresses(text, func(s string) { r.literal(s) }) {
		return
	}
	r.add(Recipient{name: bare, literal: value.OneLine(text)})
}

// mailbox returns the recipient of an address with a name.
func (r *resolver) mailbox(a *mail.Address, written string) Recipient {
	one := Recipient{person: r.find(a.Address), name: a.Name, email: a.Address, literal: written}
	if a.Name != "" {
		one.mailbox = written
	}
	return one
}

// addresses resolves a text of addresses with blanks between them, and reports whether it is one.
func (r *resolver) addresses(text string, resolve func(string)) bool {
	fields := strings.Fields(text)
	if len(fields) < 2 || slices.ContainsFunc(fields, func(s string) bool { return !IsAddress(s) }) {
		return false
	}
	for _, one := range fields {
		resolve(one)
	}
	return true
}

// entry resolves an entry with values of an event.
func (r *resolver) entry(entry string) {
	if strings.IndexByte(entry, beginValue) < 0 {
		r.literal(entry)
		return
	}
	values, text := parts(entry)
	if text = strings.TrimSpace(text); text == "" || text == "@" {
		for _, one := range values {
			if object, isObject := strings.CutPrefix(one, objectValue); isObject {
				r.object(object)
			} else if len(values) == 1 {
				r.value(one)
			}
		}
		if len(values) == 1 || slices.ContainsFunc(values, isObject) {
			return
		}
	}
	r.composed(PlainText(entry), strings.ContainsFunc(text, isWord))
}

func isObject(value string) bool { return strings.HasPrefix(value, objectValue) }

// parts returns the values in an entry, and the text of the rule around them.
func parts(entry string) (values []string, text string) {
	var around strings.Builder
	for entry != "" {
		before, rest, found := strings.Cut(entry, string(beginValue))
		around.WriteString(before)
		if !found {
			break
		}
		one, after, _ := strings.Cut(rest, string(endValue))
		values, entry = append(values, one), after
	}
	return values, around.String()
}

// PlainText returns a rendered entry as text. Values cannot bring the characters of an address with a name.
func PlainText(entry string) string {
	var b strings.Builder
	for entry != "" {
		before, rest, found := strings.Cut(entry, string(beginValue))
		b.WriteString(before)
		if !found {
			break
		}
		one, after, _ := strings.Cut(rest, string(endValue))
		if object, isObject := strings.CutPrefix(one, objectValue); isObject {
			one = strings.Split(object, nextField)[1]
		}
		b.WriteString(plainName(one))
		entry = after
	}
	return strings.TrimSpace(b.String())
}

// value resolves a text of an event: the name, address or ids of a person, or several with commas. It names no team, no
// group and no other id.
func (r *resolver) value(text string) {
	bare := strings.TrimLeft(strings.TrimSpace(text), "@ ")
	switch {
	case bare == "" || r.addKnown(bare, ""):
	case IsAddress(bare):
		r.add(Recipient{email: bare})
	case bare == "automation" || bare == "0":
		r.add(Recipient{machine: true})
	default:
		if some := split(bare); len(some) > 1 {
			for _, one := range some {
				r.value(one)
			}
			return
		}
		if !r.addresses(bare, r.value) && plainName(bare) != "" {
			r.add(Recipient{name: plainName(bare), member: memberNumber(bare)})
		}
	}
}

// memberNumber returns the member id in the text of an actor who is not known, or 0.
func memberNumber(text string) int {
	number, _ := strconv.Atoi(strings.TrimPrefix(text, memberPrefix)) // 0 for another text
	return max(number, 0)
}

// composed resolves an entry of values and text around them. The text may make it the name of a team.
func (r *resolver) composed(text string, mayBeTeam bool) {
	bare := strings.TrimLeft(text, "@ ")
	person := bare != "" && r.addKnown(bare, "")
	if team := mayBeTeam && r.addTeam(bare, ""); person || team {
		return
	}
	if name, address, found := strings.Cut(text, "<"); found && strings.HasSuffix(address, ">") {
		if address = strings.TrimSuffix(address, ">"); IsAddress(address) {
			r.add(Recipient{person: r.find(address), name: plainName(name), email: address})
			return
		}
	}
	r.value(text)
}

// object resolves the object of a user, as objectText writes it.
func (r *resolver) object(fields string) {
	all := strings.Split(fields, nextField)
	kind, name, email := all[0], all[1], all[2]
	member, _ := strconv.Atoi(all[3]) // written as a number
	switch kind {
	case "automation":
		r.add(Recipient{machine: true})
		return
	case "junk":
		r.add(Recipient{junk: name})
		return
	}
	one := Recipient{name: plainName(name), member: member}
	if name == "" && email == "" {
		one.name = memberName(member)
	}
	if one.email = email; !IsAddress(email) {
		one.email = ""
	}
	one.person = r.find(map[string]any{"email": email, "member_id": member, "name": name})
	r.add(one)
}

// split splits a text at commas, semicolons and line ends that are not within values, quotes or angle brackets.
func split(text string) []string {
	var all []string
	quoted, inValue, start := false, false, 0
	closes := strings.Count(text, `"`)%2 == 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == beginValue || c == endValue:
			inValue = c == beginValue
		case inValue:
		case c == '"' && closes:
			quoted = !quoted
		case quoted:
		case c == ',' || c == ';' || c == '\n' || c == '\r':
			all, start = append(all, text[start:i]), i+1
		}
	}
	return append(all, text[start:])
}
