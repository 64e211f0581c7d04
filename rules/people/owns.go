package people

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Owns is a pattern of the tests that a person looks after. Every part that is set has to fit; one without any part fits
// nothing. In all of them * is any text; in Suite it crosses levels. Case is the code, the number or the title.
type Owns struct{ Project, Suite, Tag, Case string }

// Owned is a test that may belong to a person.
type Owned struct {
	Project, Suite, Case, Code string
	Tags                       []string
}

// fits reports whether a test is one of those of the pattern.
func (o Owns) fits(t Owned) bool {
	if o == (Owns{}) {
		return false
	}
	number := path.Base(strings.ReplaceAll(t.Code, "-", "/"))
	is := func(pattern string, texts ...string) bool {
		return pattern == "" || slices.ContainsFunc(texts, func(text string) bool { return text != "" && glob(pattern, text) })
	}
	return is(o.Project, t.Project) && is(o.Suite, t.Suite) && is(o.Tag, t.Tags...) && is(o.Case, t.Code, number, t.Case)
}

// glob reports whether a text fits a pattern, in which * is any text and ? any character. Case does not matter.
func glob(pattern, text string) bool {
	quoted := regexp.QuoteMeta(fold(strings.TrimSpace(pattern)))
	quoted = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted)
	matched, err := regexp.MatchString(`(?s)\A`+quoted+`\z`, fold(text))
	return err == nil && matched
}

// OwnerOf returns the first person who looks after a test, or nil.
func (p *Directory) OwnerOf(t Owned) map[string]any {
	if p == nil {
		return nil
	}
	for _, one := range p.owners {
		if slices.ContainsFunc(one.Owns, func(o Owns) bool { return o.fits(t) }) {
			return p.Describe(one.MemberID, one.Name, one.Email)
		}
	}
	return nil
}

// Describe returns a person as templates and conditions see one: as the directory has the person, else with what is given.
func (p *Directory) Describe(id int, name, email string) map[string]any {
	fields := map[string]any{"name": name, "email": email, "slack": "", "team": ""}
	if id != 0 {
		fields["member_id"] = id
	}
	given := map[string]any{"member_id": id, "email": email, "name": name}
	if p != nil {
		if one := p.find(given); one != nil {
			fields["name"], fields["email"], fields["slack"], fields["team"] = one.Name, one.Email, one.Slack, one.Team
			if one.MemberID != 0 {
				fields["member_id"] = one.MemberID
			}
		}
	}
	for key, v := range fields {
		if v == "" {
			delete(fields, key)
		}
	}
	return fields
}
