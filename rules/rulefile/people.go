package rulefile

import (
	"fmt"
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
				Team: spec.Team.S}
			if p.Name == "" && p.Email == "" && !d.Misspelt(spec.At.Node, "name", "email") {
				d.Errorf(spec.At.Node, "a person needs a name or an email")
			}
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
	return all
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
