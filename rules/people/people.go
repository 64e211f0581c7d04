// Package people is the directory of people: it finds the actor of an event, and the recipients of a mention.
package people

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"qaserelay/rules/event"
	"qaserelay/rules/value"
)

// Person is an entry of the directory.
type Person struct {
	Name     string
	Email    string
	MemberID int    // team_member_id in events; 0 if unknown
	Slack    string // member id, such as U024BE7LH
	Team     string
	Owns     []Owns // the tests that the person looks after
}

// Directory finds people. It does not change after New, so it is safe for concurrent use.
type Directory struct {
	byEmail  map[string]*Person // by fold
	byMember map[int]*Person
	byName   map[string]*Person   // by fold
	byTeam   map[string][]*Person // by fold
	bySlack  map[string]*Person
	shared   map[string]bool // names of several people, by fold
	owners   []*Person       // who look after tests, as they are listed
}

// New returns a directory of these people.
func New(all []Person) *Directory {
	p := &Directory{map[string]*Person{}, map[int]*Person{}, map[string]*Person{}, map[string][]*Person{},
		map[string]*Person{}, map[string]bool{}, nil}
	for i := range all {
		one := all[i]
		if !IsMemberID(one.Slack) {
			one.Slack = ""
		}
		if !IsAddress(one.Email) {
			one.Email = ""
		}
		p.byEmail[fold(one.Email)] = &one
		p.byMember[one.MemberID] = &one
		p.shared[fold(one.Name)] = p.byName[fold(one.Name)] != nil
		p.byName[fold(one.Name)] = &one
		p.byName[fold(plainName(one.Name))] = &one
		p.byTeam[fold(one.Team)] = append(p.byTeam[fold(one.Team)], &one)
		p.bySlack[one.Slack] = &one
		if len(one.Owns) > 0 {
			p.owners = append(p.owners, &one)
		}
	}
	delete(p.byEmail, "")
	delete(p.byMember, 0)
	delete(p.byName, "")
	delete(p.shared, "")
	delete(p.byTeam, "")
	delete(p.bySlack, "")
	return p
}

// fold returns a name or an address in the spelling that compares equal: in lower case, with accents composed.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(norm.NFC.String(s))
		}
	}
	return strings.ToLower(s)
}

// HasMember reports whether the directory has a person with this member id.
func (p *Directory) HasMember(id int) bool { return p.byMember[id] != nil }

// NameBySlackID returns the name of the person with this Slack member id, or "".
func (p *Directory) NameBySlackID(id string) string {
	if one := p.bySlack[id]; one != nil {
		return one.Name
	}
	return ""
}

// find returns the person that v stands for: a user object of an event, an email address, a member id or a name. It
// returns nil for a person who is not in the directory.
func (p *Directory) find(v any) *Person {
	switch v := v.(type) {
	case int:
		return p.byMember[v]
	case string:
		v = fold(v)
		if one := p.byEmail[v]; one != nil {
			return one
		}
		return p.byName[v]
	case map[string]any:
		for _, key := range []string{"email", "member_id", "name"} {
			if one := p.find(v[key]); one != nil {
				return one
			}
		}
	}
	return nil
}

// NameOf returns the name of the person that v stands for: from the directory, or else from the event.
func (p *Directory) NameOf(v any) string {
	if one := p.find(v); one != nil && one.Name != "" {
		return one.Name
	}
	user, isObject := v.(map[string]any)
	if !isObject {
		return value.PlainText(v)
	}
	if name := value.PlainText(user["name"]); name != "" {
		return name
	}
	return value.PlainText(user["email"])
}

// Actor is the person who caused an event. Fields that are not known are empty; the name is never empty.
type Actor struct {
	Name, Email, Slack, Team string
	MemberID                 int
	Automation               bool
}

// Actor returns the person who caused ev, by the directory, else by the user object of the event, else by member, which is
// a user object from elsewhere or nil.
func (p *Directory) Actor(ev *event.Event, member map[string]any) Actor {
	user := EventUser(ev)
	if user == nil {
		user = member
	}
	a := Actor{MemberID: ev.MemberID, Automation: ev.MemberKnown && ev.MemberID == 0 && user == nil}
	a.Name, _ = user["name"].(string)
	a.Email, _ = user["email"].(string)
	one := p.byMember[ev.MemberID]
	if one == nil && user != nil {
		one = p.find(user)
	}
	if one != nil {
		a.Name, a.Email = cmp.Or(one.Name, a.Name), cmp.Or(one.Email, a.Email)
		a.Slack, a.Team = one.Slack, one.Team
	}
	if a.Name == "" {
		a.Name = nameOfUnknown(ev, a.Email)
	}
	return a
}

// Vars returns the variable actor of conditions and templates, without the fields that are not known.
func (a Actor) Vars() map[string]any {
	vars := map[string]any{"name": a.Name, "member_id": a.MemberID, "automation": a.Automation}
	for key, text := range map[string]string{"email": a.Email, "slack": a.Slack, "team": a.Team} {
		if text != "" {
			vars[key] = text
		}
	}
	return vars
}

// noName is the name of an actor of whom the event tells nothing.
const noName = "someone"

// nameOfUnknown returns the name of an actor who is not in the directory and has no user object with a name.
func nameOfUnknown(ev *event.Event, email string) string {
	switch {
	case email != "":
		return email
	case !ev.MemberKnown:
		return noName
	case ev.MemberID == 0:
		return "automation"
	}
	return memberName(ev.MemberID)
}

// memberPrefix begins the name of a member who is known by id alone.
const memberPrefix = "member "

func memberName(id int) string { return memberPrefix + strconv.Itoa(id) }

// ActorFields are the fields of a payload that hold the person who caused the event, in the order they are read.
func ActorFields() []string { return actorFields[:] }

var actorFields = [...]string{
	"updated_by", "created_by", "commented_by", "merged_by",
	"declined_by", "deleted_by", "resolved_by", "reopened_by",
}

// EventUser returns the user object of the person who caused an event: created_by, updated_by, merged_by and so on.
func EventUser(ev *event.Event) map[string]any {
	for _, key := range actorFields {
		if user, ok := ev.Payload[key].(map[string]any); ok {
			return user
		}
	}
	return nil
}
