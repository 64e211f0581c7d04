package rulefile

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// roleOf returns the part that the people of an option have, by the tags of its field: carries, replies and
// each:"MOST,PLACE".
func roleOf(field yamldoc.Field, info *notifierInfo) target.PeopleRole {
	role := target.PeopleRole{Way: people.Way(field.Form), Rank: field.Index, Carries: field.Tag.Get("carries") == "true",
		Replies: field.Tag.Get("replies") == "true"}
	if info.kind.Jointly == nil || !info.kind.Jointly(info.config) {
		most, place, _ := strings.Cut(field.Tag.Get("each"), ",")
		role.Most, _ = strconv.Atoi(most)
		role.Place = place
	}
	return role
}

// except reads the people that a notifier or an entry of notify leaves out.
func (c *compiler) except(d *document, e yamldoc.Entry, info *notifierInfo) target.Option {
	p := &optionParser{compiler: c, d: d, key: e.Key.Value, form: template.FormPeople, info: info}
	return target.Option{Key: target.Except, Value: p.people(e.Value, target.PeopleRole{})}
}

// checkExcept warns of people who are left out of an entry of notify that names no people.
func (p *ruleParser) checkExcept(entries []yamldoc.Entry, options []target.Option, info *notifierInfo) {
	i := slices.IndexFunc(entries, func(e yamldoc.Entry) bool { return e.Key.Value == target.Except })
	names := func(o target.Option) bool {
		people, isPeople := o.Value.(*target.People)
		return isPeople && o.Key != target.Except && !people.Replies
	}
	if i < 0 || slices.ContainsFunc(slices.Concat(options, info.templates, info.people), names) {
		return
	}
	var keys []string
	for key, f := range yamldoc.FieldsOf(reflect.TypeOf(info.kind.Options)) {
		if people.IsWay(f.Form) && f.Tag.Get("replies") != "true" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	p.d.Report(entries[i].Key, diag.Warning, "except: there are no people to leave out, since this message names none",
		"name them by "+strings.Join(keys, " or ")+", or leave out except")
}

// hasPeople reports whether the message options of a notifier can name people.
func (info *notifierInfo) hasPeople(fields yamldoc.Fields) bool {
	for _, f := range fields {
		if people.IsWay(f.Form) && f.Tag.Get("replies") != "true" {
			return true
		}
	}
	return false
}

// people reads an option that names people: an entry, a list of entries, or {to: …, together: true} where each person
// would get a message of their own. It reports people who can never be reached.
func (p *optionParser) people(n *yaml.Node, role target.PeopleRole) *target.People {
	p.form = template.FormPeople
	out := &target.People{Directory: p.compiler.people, PeopleRole: role}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.MappingNode && role.Most > 0 && yamldoc.TemplateHint(n) == "" && p.personMeant(n) == "" {
		var spec struct {
			To       yamldoc.Raw `yaml:"to"`
			Together bool        `yaml:"together"`
		}
		p.d.Decode(n, &spec, p.key)
		if out.Together = spec.Together; spec.To.Node == nil {
			if !yamldoc.HasKey(n, "to") && !p.d.Misspelt(n, "to") {
				p.d.Report(n, diag.Error, p.key+" has no to", "write "+p.key+": {to: [bob@example.com], together: true}")
			}
			return out
		}
		n = spec.To.Node
	}
	p.entries(n, out)
	if found := p.static(out); out.Together && len(found) > role.Most {
		p.d.Report(n, diag.Warning, fmt.Sprintf("%s: %d people are too many for one conversation, which takes %d, so each "+
			"gets a message of their own", p.key, len(found), role.Most), "name fewer, or leave out together")
	}
	return out
}

// entries reads the entries of a value, which may hold lists of its own.
func (p *optionParser) entries(n *yaml.Node, out *target.People) {
	p.d.Nested(n, func(n *yaml.Node) {
		if n.Kind == yaml.SequenceNode {
			for _, item := range n.Content {
				p.entries(item, out)
			}
			return
		}
		if meant := p.personMeant(n); meant != "" {
			p.d.Report(n, diag.Error, p.key+" takes names, addresses and templates, not a mapping", "write "+meant)
			return
		}
		var texts []yamldoc.Text
		p.d.Decode(n, &texts, p.key)
		for _, t := range texts {
			if strings.TrimSpace(t.S) == "" {
				continue
			}
			before := len(p.texts)
			out.Entries = append(out.Entries, p.text(t))
			out.OfActor = out.OfActor || ofActor.MatchString(t.S)
			for i := range p.texts[before:] {
				p.texts[before+i].People = out
			}
			if t.Given() && !template.HasActions(t.S) {
				p.checkPeople(t, out)
			}
		}
	})
}

// personMeant returns the option with the person whom a mapping describes, such as {name: Bob Bar}, or "".
func (p *optionParser) personMeant(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode || yamldoc.HasKey(n, "to") {
		return ""
	}
	for _, key := range []string{"email", "name", "slack", "member_id", "team", "id"} {
		if v := yamldoc.ValueOf(n, key); v != nil && v.Kind == yaml.ScalarNode {
			return p.key + ": [" + yamldoc.Written(v) + "]"
		}
	}
	return ""
}

// ofActor matches templates that read the person who acted.
var ofActor = regexp.MustCompile(`\.actor\b|\.team_member_id\b`)

// static returns the people that the text of the rule names.
func (p *optionParser) static(of *target.People) (all []people.Recipient) {
	for _, entry := range of.Entries {
		t, _ := entry.(*template.Template)
		if t == nil {
			continue
		}
		text, isStatic := t.Static()
		if !isStatic {
			continue
		}
		for _, one := range of.Directory.Resolve(text) {
			if !slices.ContainsFunc(all, one.Is) {
				all = append(all, one)
			}
		}
	}
	return all
}

// checkPeople reports the people of a text without templates who can never be reached.
func (p *optionParser) checkPeople(t yamldoc.Text, of *target.People) {
	for _, one := range of.Directory.Resolve(t.S) {
		if message, hint := of.Directory.Doubt(one); message != "" && of.Way != people.ByID {
			p.d.Report(t.Node, diag.Warning, p.key+": "+message, strings.ReplaceAll(hint, "OPTION", p.key))
		}
		if p.key == target.Except {
			if message, hint := of.Directory.ExplainUnknown(one); message != "" {
				p.d.Report(t.Node, diag.Warning, p.key+": "+message+", so nobody is left out",
					strings.ReplaceAll(hint, "OPTION", p.key))
			}
			continue
		}
		message, hint, wrong := of.Directory.Explain(of.Way, one)
		if message == "" {
			continue
		}
		severity := diag.Warning
		if wrong {
			severity = diag.Error
		}
		p.d.Report(t.Node, severity, p.key+": "+message, strings.ReplaceAll(hint, "OPTION", p.key))
	}
}

// complete returns the options of a message to the notifier: its own, and those of the notifier that depend on the
// event or that the message has to know because people are left out, or get messages of their own.
func (info *notifierInfo) complete(own []target.Option) []target.Option {
	has := func(key string) bool {
		return slices.ContainsFunc(own, func(o target.Option) bool { return o.Key == key })
	}
	inherited := slices.Clone(info.templates)
	if slices.ContainsFunc(slices.Concat(own, info.templates, info.people), namesRecipients) {
		inherited = append(inherited, info.people...)
	}
	all := slices.Clone(own)
	for _, o := range inherited {
		p, isPeople := o.Value.(*target.People)
		if isPeople && p.Place != "" && has(p.Place) {
			continue // the message names its place, in their stead
		}
		if isPeople && o.Key != target.Except {
			copied := *p
			copied.Inherited, copied.Beside = true, p.Place != "" && info.given[p.Place]
			o.Value = &copied
		}
		all = target.Inherit(all, []target.Option{o})
	}
	for i, o := range own {
		if p, isPeople := o.Value.(*target.People); isPeople && p.Place != "" {
			copied := *p
			copied.Beside = has(p.Place)
			all[i].Value = &copied
		}
	}
	return all
}

// namesRecipients reports whether the recipients of a message are more than the texts of one option.
func namesRecipients(o target.Option) bool {
	p, isPeople := o.Value.(*target.People)
	return isPeople && (p.Carries || o.Key == target.Except)
}
