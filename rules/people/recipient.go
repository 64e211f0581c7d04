package people

import (
	"cmp"
	"net/mail"
	"regexp"
	"strconv"
	"strings"

	"qaserelay/rules/value"
)

// Way is how a service reaches people. It decides who is reachable, and how a recipient is written.
type Way string

// The ways. They are also words of the as:"…" tags of message options.
const (
	ByAddress Way = "address" // by email
	ByMember  Way = "member"  // by a direct message: a member id, or "Name <address>" to look one up
	ByMention Way = "mention" // by the same, and by ids of groups; other names are written as text
	BySignIn  Way = "signin"  // by a sign-in name, which is an address, or an object id
	ByID      Way = "call"    // by an id that only the rule knows; other names are written as text
)

// IsWay reports whether a form of message options names people.
func IsWay(form string) bool {
	switch Way(form) {
	case ByAddress, ByMember, ByMention, BySignIn, ByID:
		return true
	}
	return false
}

// Recipient is a person, or an id of a group of people, that an option names.
type Recipient struct {
	person  *Person // of the directory, or nil
	name    string
	email   string // a valid address that came with the name, or ""
	mailbox string // the address as the rule writes it, with a name
	id      string // an id as the rule writes it
	member  int    // the member id of an event; 0 if it is not known
	literal string // the whole entry as the rule writes it; "" for one that comes from an event
	junk    string // a value that cannot be a person
	machine bool   // automation
}

// address returns the email address, or "". An address that an event gives counts more than one that was found by the
// name alone.
func (r Recipient) address() string {
	if r.person == nil || r.email != "" && fold(r.person.Name) == fold(r.name) {
		return r.email
	}
	return cmp.Or(r.person.Email, r.email)
}

func (r Recipient) slack() string {
	if r.person != nil {
		return r.person.Slack
	}
	return ""
}

// display returns the name for people.
func (r Recipient) display() string {
	if r.person != nil && r.person.Name != "" {
		return r.person.Name
	}
	return cmp.Or(r.name, r.address(), r.id)
}

// memberID returns the id in Qase, or 0.
func (r Recipient) memberID() int {
	if r.person != nil {
		return cmp.Or(r.person.MemberID, r.member)
	}
	return r.member
}

// isUnknown reports whether nothing is known of the recipient by which people are told apart: at most a member id.
func (r Recipient) isUnknown() bool {
	nameless := r.name == "" || r.name == noName || r.name == memberName(r.member) ||
		r.name == strconv.Itoa(r.member)
	return nameless && r.person == nil && r.email == "" && r.id == "" && r.junk == "" && !r.machine
}

// MayBe reports whether two recipients could be one person, though nothing says that they are: of the first not more
// than a member id is known, and the other one has none.
func (r Recipient) MayBe(other Recipient) bool {
	isGroup := other.id != "" && !IsMemberID(other.id)
	return r.isUnknown() && !r.Is(other) && other.memberID() == 0 && !other.machine && other.junk == "" && !isGroup
}

// String returns the recipient for notes.
func (r Recipient) String() string {
	switch {
	case r.machine:
		return "automation"
	case r.junk != "":
		return value.Shorten(r.junk, 60)
	case r.isUnknown() && r.member != 0:
		return memberName(r.member)
	}
	return value.Shorten(value.OneLine(cmp.Or(r.display(), r.literal)), 60)
}

// Written returns the recipient as a rule can name it: by the name in the directory, the address or the id.
func (r Recipient) Written() string {
	if r.person != nil && r.person.Name != "" {
		return r.person.Name
	}
	return cmp.Or(r.address(), r.id, r.literal, r.name)
}

// Is reports whether two recipients are one person: by the directory, the id, the address or the member id. Names only
// count where one of the two has none of these.
func (r Recipient) Is(other Recipient) bool {
	switch {
	case r.machine || other.machine:
		return r.machine && other.machine
	case r.person != nil && r.person == other.person, r.id != "" && r.id == other.id:
		return true
	case r.junk != "" || other.junk != "" || r.id != "" || other.id != "":
		return r.junk != "" && r.junk == other.junk
	}
	mine, theirs := r.address(), other.address()
	if mine != "" && theirs != "" {
		return fold(mine) == fold(theirs)
	}
	if r.memberID() != 0 && other.memberID() != 0 {
		return r.memberID() == other.memberID()
	}
	name := fold(plainName(r.display()))
	return name != "" && name == fold(plainName(other.display()))
}

// Reach returns the text by which a service reaches the recipient. For one who is not reachable it returns the reason;
// then the text, if there is any, only names the person.
func (p *Directory) Reach(way Way, r Recipient) (text, missed string) {
	switch {
	case r.junk != "":
		return "", value.Shorten(r.junk, 60) + " is not a person"
	case r.machine:
		return "", "automation is not a person"
	}
	switch way {
	case ByAddress:
		text = cmp.Or(r.mailbox, r.address())
	case BySignIn:
		if text = r.address(); text == "" && objectID.MatchString(r.id) {
			text = r.id
		}
	case ByMember:
		if text = p.target(r); text == "" && IsMemberID(r.id) {
			text = r.id
		}
	case ByMention:
		if text = cmp.Or(r.id, p.target(r)); text == "" {
			return p.nameText(r, p.neutralize), unreachable(way, r)
		}
	case ByID:
		if r.id == "" && (r.literal == "" || r.person != nil && !ownID.MatchString(r.literal)) {
			return p.nameText(Recipient{name: r.display()}, p.safeName), ""
		}
		return cmp.Or(r.id, r.literal), ""
	}
	if text == "" {
		return "", unreachable(way, r)
	}
	return text, ""
}

// target returns the member id of a person, or else "Name <address>", the address, or "".
func (p *Directory) target(r Recipient) string {
	if slack := r.slack(); slack != "" {
		return slack
	}
	address := r.address()
	name := plainName(r.display())
	switch {
	case address == "" || name == "" || name == address:
		return address
	case r.person == nil && r.literal == "":
		name = p.neutralize(name)
	}
	return name + " <" + address + ">"
}

// nameText returns the name of a recipient as text: as the rule writes it, or in a spelling that mentions nobody.
func (p *Directory) nameText(r Recipient, neutral func(string) string) string {
	if r.literal != "" && r.person == nil {
		return r.literal
	}
	return neutral(r.display())
}

// unreachable says why a recipient cannot be reached.
func unreachable(way Way, r Recipient) string {
	name := r.String()
	switch {
	case r.isUnknown() && r.member != 0:
		return name + " has no known address"
	case r.id != "" && way == ByMember:
		return name + " is not a person of Slack"
	case r.id != "":
		return name + " has no email address"
	case way == ByMember || way == ByMention:
		return name + " has no email address and no Slack ID"
	case r.person != nil:
		return name + " has no email address"
	}
	return value.Quote(name) + " is not an email address, and not the name of a person or team"
}

// objectID matches an object id of Microsoft Entra.
var objectID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// ownID matches an id that only the rule knows, or a name with an at sign.
var ownID = regexp.MustCompile(`^(@\S+|&?[0-9]+)$`)

// IsMemberID reports whether s has the form of a member id of Slack.
func IsMemberID(s string) bool {
	return s != "" && (s[0] == 'U' || s[0] == 'W') && ChatID.MatchString(s)
}

// IsAddress reports whether s is an email address and nothing else. Characters that are valid in theory, and in
// practice come from objects printed as text, make it invalid.
func IsAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || len(s) > 254 || strings.ContainsAny(s, " ,;:<>\"{}\t\r\n") {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && isSound(s)
}

// isSound reports whether a parsed address is safe to be sent to: no part of it is an encoded word, and its domain has
// the form of one.
func isSound(address string) bool {
	domain := address[strings.LastIndexByte(address, '@')+1:]
	return !strings.Contains(address, "=?") && !strings.ContainsAny(domain, ` <>(),;"\?=`) &&
		!strings.Contains(domain, "..") && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".")
}
