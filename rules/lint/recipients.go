package lint

import (
	"cmp"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/target"
)

// checkRecipients warns of messages that have no recipient for any event, and once of an actor who may not be known.
func (c *checker) checkRecipients() {
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		for _, t := range r.Targets {
			if t.Target != nil && !t.Wrong {
				c.checkTarget(r.Rule, t)
			}
		}
	}
	c.adviseOnActor()
}

// checkTarget warns of an entry of notify without people, or that leaves out all of its people.
func (c *checker) checkTarget(r *rules.Rule, t rulefile.TargetSource) {
	carrier := slices.IndexFunc(t.Options, carries)
	if carrier < 0 {
		return
	}
	key := t.Options[carrier].Key
	others := slices.DeleteFunc(slices.Clone(t.Options), isExcept)
	isGiven := func(o target.Option) bool { return carries(o) && !o.IsEmpty() }
	if _, static := t.Static(); static && t.Reached() == 0 && !slices.ContainsFunc(t.Options, isGiven) {
		at, _ := t.At.Child(key)
		c.warn(at, diag.Finding{Message: key + " names nobody, so no message is sent",
			Hint: "write " + key + ": [bob@example.com], or leave " + key + " out"})
		return
	}
	if len(others) == len(t.Options) || c.anyReached(r, t.Target) || !c.anyReached(r, target.New(t.Notifier, others)) {
		return
	}
	at, own := t.At.Child(target.Except)
	if !own {
		at = t.At
	}
	c.warn(at, diag.Finding{Message: target.Except + " leaves out all people of " + key + ", so no message is sent",
		Hint: "name other people in " + key + ", or leave out fewer"})
}

func carries(o target.Option) bool {
	p, isPeople := o.Value.(*target.People)
	return isPeople && p.Carries && o.Key != target.Except
}

func isExcept(o target.Option) bool { return o.Key == target.Except }

// anyReached reports whether a message of a rule has a recipient for any of the events that are tried.
func (c *checker) anyReached(r *rules.Rule, t *rules.Target) bool {
	if _, static := t.Static(); static {
		return t.Reached() > 0
	}
	reaches := func(one trial) bool {
		c.left--
		return c.left <= 0 || one.Reaches(t)
	}
	return slices.ContainsFunc(c.matching[r], func(e *catalog.Schema) bool {
		return slices.ContainsFunc(c.trials(e.Name), reaches) || slices.ContainsFunc(c.strangerTrials(e.Name), reaches)
	})
}

// strangerTrials returns trials of an event in which all people are one person outside the directory: a rule may leave
// out the people of the examples by name.
func (c *checker) strangerTrials(name string) []trial {
	return c.trialsOf(withStrangers, name, func(name string) []variant {
		stranger := people.Person{Name: "A Stranger", Email: "stranger@example.invalid", MemberID: 987_654_321}
		return []variant{withPerson(name, stranger)}
	})
}

// adviseOnActor warns once of a rule that sends to the person who acted, or leaves this person out, where the events of an
// entity bring no more than a member id.
func (c *checker) adviseOnActor() {
	missing := c.withoutMemberID()
	if missing == "" || slices.ContainsFunc(c.file.Sources, func(s rules.Source) bool { return s.Token != nil }) {
		return
	}
	for _, t := range c.file.Source.Texts {
		if t.People == nil || !t.People.OfActor || !t.People.Carries && t.Key != target.Except {
			continue
		}
		for _, e := range c.matching[t.Rule] { // none for a text of a notifier
			if bringsActor(e.Name) {
				continue
			}
			c.warn(t.At, diag.Finding{Message: t.Key + ": " + e.Name + " tells only the member id of the person who acted, " +
				missing, Hint: "add the member_id to people, or an api_token to the source, with which the relay asks Qase"})
			return
		}
	}
}

// bringsActor reports whether an event, or another one of the same entity, from which the relay knows the member, holds
// the user object of the person who acted.
func bringsActor(event string) bool {
	kind, _, _ := strings.Cut(event, ".")
	return slices.ContainsFunc(catalog.Schemas().Events, func(e *catalog.Schema) bool {
		return strings.HasPrefix(e.Name, kind+".") && slices.ContainsFunc(people.ActorFields(), func(key string) bool {
			_, there := e.Fields[key]
			return there
		})
	})
}

// withoutMemberID says for which people a member id tells nothing, or returns "".
func (c *checker) withoutMemberID() string {
	var names []string
	for _, p := range c.file.Source.People {
		if p.MemberID == 0 {
			names = append(names, cmp.Or(p.Name, p.Email))
		}
	}
	switch {
	case len(c.file.Source.People) == 0:
		return "and there are no people to find it in"
	case len(names) == 0:
		return ""
	case len(names) > 3:
		names = append(names[:3], "…")
	}
	return "and people has none for " + strings.Join(names, ", ")
}
