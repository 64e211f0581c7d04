package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/target"
	"qaserelay/rules/value"
)

// branching matches templates whose result depends on more than the examples show.
var branching = regexp.MustCompile(`\{\{-?\s*(?:if|else|with|template)\b|\b(?:index|get|dict|lookup)\b`)

// lintPeople warns of an entry of an option with people that reaches nobody, whatever the event.
func (c *checker) lintPeople(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	reads := c.readsOf(t.Text)
	if len(reads) == 0 || branching.MatchString(t.Text) || c.left <= 0 {
		return nil
	}
	var shown, of string
	for _, e := range events {
		facts := condition.KnownFacts(e.Name)
		withPeople := c.peopleTrials(e.Name)
		for i, one := range slices.Concat(withPeople, c.trials(e.Name)) {
			if i >= len(withPeople) && (!one.concerns(reads) || !c.countsFor(t.Rule, one, facts)) {
				continue
			}
			c.left--
			text, err := t.Compiled.Render(one.Context())
			if err != nil {
				continue
			}
			found := t.People.Directory.Resolve(text)
			switch {
			case people.IsComposed(text) || c.mayName(reads, one):
				return nil
			case !one.onlyNumbers(reads) && slices.ContainsFunc(found, reachedBy(t.People)):
				return nil
			case i >= len(withPeople) && shown == "" && len(found) > 0:
				shown, of = people.PlainText(text), one.name
			}
		}
	}
	if shown == "" {
		return nil
	}
	return []diag.Finding{nobody(t, value.Shorten(value.OneLine(shown), 60), of, events)}
}

func reachedBy(p *target.People) func(people.Recipient) bool {
	return func(one people.Recipient) bool {
		_, missed := p.Directory.Reach(p.Way, one)
		return missed == ""
	}
}

func nobody(t rulefile.TextSource, shown, of string, events []*catalog.Schema) diag.Finding {
	of = "for " + of + " it is " + value.Quote(shown)
	who := `"{{ .actor }}" (who did it) or "{{ .entity.created_by }}"`
	if message, _ := catalog.CheckEntity([]string{"reviewers"}, events); message == "" {
		who = `"{{ .actor }}" (who did it), "{{ .entity.created_by }}" or "{{ .entity.reviewers }}"`
	}
	what := "address"
	if t.People.Way == people.ByMember || t.People.Way == people.ByMention {
		what = "person"
	}
	return diag.Finding{Message: fmt.Sprintf("%s: this gives no %s for any event; %s", t.Key, what, of),
		Hint: "write an address, a name or team from people:, or a person of the event: " + who}
}

// mayName reports whether a text that is read may be the name of a person of the directory: any but a title, long
// texts, and those whose values are known.
func (c *checker) mayName(reads []string, one trial) bool {
	if len(c.world.Names) == 0 {
		return false
	}
	return slices.ContainsFunc(reads, func(path string) bool {
		_, isText := one.valueAt(path).(string)
		last := path[strings.LastIndexByte(path, '.')+1:]
		return isText && path != "payload.title" && path != "entity.title" && !slices.Contains(longTexts, last) &&
			!one.isClosed(path)
	})
}

// isClosed reports whether the values of a text are known, so that none beside those of the events that are tried is the
// name of a person: those of the envelope, and those that the catalog lists.
func (t trial) isClosed(path string) bool {
	if slices.Contains([]string{"event_name", "event_type", "event_action", "source"}, path) {
		return true
	}
	name, _ := t.Context().Vars["event_name"].(string)
	root, field, _ := strings.Cut(path, ".")
	schema := catalog.Schemas().ByName[name]
	return schema != nil && (root == "payload" || root == "entity") && len(schema.Fields[field].Values) > 0
}

// longTexts are fields of prose and addresses of pages.
var longTexts = []string{"description", "comment", "actual_result", "preconditions", "postconditions", "url"}

// onlyNumbers reports whether all values that are read are numbers and none is the id of a member. Such a number may
// equal the id of a member only by chance.
func (t trial) onlyNumbers(reads []string) bool {
	return !slices.ContainsFunc(reads, func(path string) bool {
		_, isInt := t.valueAt(path).(int)
		_, isFloat := t.valueAt(path).(float64)
		return !isInt && !isFloat || strings.HasSuffix(path, "member_id")
	})
}

// valueAt returns the value at a dotted path, or nil.
func (t trial) valueAt(path string) any {
	var v any = t.Context().Vars
	for key := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

// peopleTrials returns trials of an event in which all people can be reached: they are those of the directory with an
// email address and with a Slack ID, or else anybody with an address.
func (c *checker) peopleTrials(name string) []trial {
	return c.trialsOf(withKnownPeople, name, c.peopleVariants)
}

func (c *checker) peopleVariants(name string) []variant {
	all := c.file.Source.People
	byEmail := slices.IndexFunc(all, func(p people.Person) bool { return p.Email != "" })
	bySlack := slices.IndexFunc(all, func(p people.Person) bool { return p.Slack != "" })
	variants := []variant{withPerson(name, people.Person{Name: "Dan Doe", Email: "dan@example.com"})}
	for _, i := range []int{byEmail, bySlack} {
		if i >= 0 {
			variants = append(variants, withPerson(name, all[i]))
		}
	}
	return variants
}

// withPerson is an event in which all people are one.
func withPerson(name string, p people.Person) variant {
	one := map[string]any{"name": p.Name, "email": p.Email}
	replace := setPayload(func(_ string, value any) (any, bool) {
		object, isObject := value.(map[string]any)
		return one, isObject && object["email"] != nil
	})
	return variant{name: name, known: &rules.Known{Member: one, CreatedBy: one, Reviewers: []any{one}},
		change: func(envelope map[string]any) bool {
			replace(envelope)
			if p.MemberID != 0 {
				envelope["team_member_id"] = p.MemberID
			}
			return true
		}}
}
