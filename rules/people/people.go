// Package people is the directory of people: it finds the actor of an event, and the recipients of a mention.
package people

import (
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

// Actor returns the variable actor, the person who caused ev, with the fields name, email, member_id, slack, team and
// automation. They come from the directory, else from the user object of the event, else from member, which is a user
// object from elsewhere or nil.
func (p *Directory) Actor(ev *event.Event, member map[string]any) map[string]any {
	actor := map[string]any{"member_id": ev.MemberID, "automation": false}
	user := EventUser(ev)
	if user == nil {
		user = member
	}
	for _, key := range []string{"name", "email"} {
		if text, _ := user[key].(string); text != "" {
			actor[key] = text
		}
	}
	one := p.byMember[ev.MemberID]
	if one == nil && user != nil {
		one = p.find(user)
	}
	if one != nil {
		fields := map[string]string{"name": one.Name, "email": one.Email, "slack": one.Slack, "team": one.Team}
		for key, text := range fields {
			if text != "" {
				actor[key] = text
			}
		}
	}
	if actor["name"] == nil {
		actor["name"] = nameOfUnknown(ev, actor["email"])
	}
	actor["automation"] = ev.MemberKnown && ev.MemberID == 0 && user == nil
	return actor
}

// noName is the name of an actor of whom the event tells nothing.
const noName = "someone"

// nameOfUnknown returns the name of an actor who is not in the directory and has no user object with a name.
func nameOfUnknown(ev *event.Event, email any) string {
	switch {
	case email != nil:
		return value.PlainText(email)
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
