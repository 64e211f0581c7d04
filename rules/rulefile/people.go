package rulefile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

type personSpec struct {
	At       yamldoc.Raw  `yaml:"-"`
	Name     yamldoc.Text `yaml:"name"`
	Email    yamldoc.Text `yaml:"email"`
	MemberID *int         `yaml:"member_id"`
	Slack    yamldoc.Text `yaml:"slack"`
	Team     yamldoc.Text `yaml:"team"`
	Owns     []ownsSpec   `yaml:"owns"`
}

func parsePeople(documents []*document) []people.Person {
	var all []people.Person
	seen := map[string]*yaml.Node{}
	for _, d := range documents {
		for _, spec := range d.spec.People {
			if !spec.At.IsMapping() {
				continue
			}
			p := people.Person{Name: spec.Name.S, Email: spec.Email.S, MemberID: d.memberID(spec), Slack: spec.Slack.S,
				Team: spec.Team.S, Owns: d.owns(spec)}
			if p.Name == "" && p.Email == "" && !d.Misspelt(spec.At.Node, "name", "email") {
				d.Errorf(spec.At.Node, "a person needs a name or an email")
			}
			d.checkContacts(spec)
			id := value.PlainText(p.MemberID)
			for _, key := range []string{"email " + strings.ToLower(p.Email), "member_id " + id} {
				if key == "email " || key == "member_id 0" {
					continue
				}
				if first := seen[key]; first != nil {
					d.Report(spec.At.Node, diag.Error, "two people have the same "+key,
						fmt.Sprintf("the first is in line %d", first.Line))
				}
				seen[key] = spec.At.Node
			}
			all = append(all, p)
		}
	}
	warnOfTeams(documents, all)
	return all
}

// warnOfTeams warns of people with the name of a team.
func warnOfTeams(documents []*document, all []people.Person) {
	for _, d := range documents {
		for _, spec := range d.spec.People {
			name := spec.Name.S
			isTeam := slices.ContainsFunc(all, func(p people.Person) bool { return strings.EqualFold(p.Team, name) })
			if name != "" && isTeam {
				d.Report(spec.Name.Node, diag.Warning, fmt.Sprintf("%q is the name of a person and of a team: it notifies "+
					"the person and the whole team", name), "give one of them another name")
			}
		}
	}
}

// slackMember matches the ids that Slack gives to people.
var slackMember = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)

// checkContacts warns of an address, an id or a team that reaches no person.
func (d *document) checkContacts(spec personSpec) {
	if email := spec.Email; email.S != "" && !people.IsAddress(email.S) {
		d.Report(email.Node, diag.Warning, fmt.Sprintf("email: %s is not a valid email address", value.Quote(email.S)),
			"write one address, such as dan@example.com")
	}
	if email := spec.Email; people.IsAddress(email.S) && people.IsIncomplete(email.S) {
		d.Report(email.Node, diag.Warning, fmt.Sprintf("email: the domain of %s has no dot", value.Quote(email.S)),
			"write the whole address, such as dan@example.com")
	}
	if team := spec.Team; strings.ContainsAny(team.S, ",;") {
		d.Report(team.Node, diag.Warning, fmt.Sprintf("team: %s is the name of one team", value.Quote(team.S)),
			yamldoc.OneTeam)
	}
	if id := spec.Slack; id.S != "" && !slackMember.MatchString(id.S) {
		d.Report(id.Node, diag.Warning, fmt.Sprintf("slack: %s is not the member ID of a person", value.Quote(id.S)),
			"write the member ID from their profile in Slack, such as U024BE7LH; or leave it out, and Slack is asked by email")
	}
}

// memberID returns the member_id of a person, or 0 if it is not given.
func (d *document) memberID(spec personSpec) int {
	if spec.MemberID == nil {
		return 0
	}
	if *spec.MemberID <= 0 {
		d.Report(spec.At.Node, diag.Error, fmt.Sprintf("member_id %d cannot be a person", *spec.MemberID),
			"member_id 0 means automation in Qase; leave it out if it is not known")
	}
	return *spec.MemberID
}
