package lint

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// trial is one event that templates are rendered for: the example of the catalog, or one built to break them.
type trial struct {
	*rules.Trial
	name    string
	exact   bool     // it counts only for rules that it matches
	changed []string // the variables that differ from the example, as dotted paths; nil for the example
}

// trialTime is when the events of trials arrive.
var trialTime = time.Unix(1650600000, 0).UTC()

// family is a way to make the events that are tried.
type family uint8

const (
	ofCatalog       family = iota // the example, and events built to break templates
	withKnownPeople               // all people can be reached
	withStrangers                 // all people are outside the directory
	withOneID                     // everything has the same id
)

// trials returns the events that are tried for a name. The first is the example of the catalog.
func (c *checker) trials(name string) []trial { return c.trialsOf(ofCatalog, name, variants) }

// trialsOf returns the trials of an event of a family, which variants makes once.
func (c *checker) trialsOf(f family, name string, variants func(name string) []variant) []trial {
	made, known := c.tried[f][name]
	if !known {
		made = c.makeTrials(name, variants(name))
		if c.tried[f] == nil {
			c.tried[f] = map[string][]trial{}
		}
		c.tried[f][name] = made
	}
	return made
}

func (c *checker) makeTrials(name string, variants []variant) (all []trial) {
	for _, one := range variants {
		envelope := event.Sample(name)
		if one.change != nil && !one.change(envelope) {
			continue
		}
		body, err := json.Marshal(envelope)
		if err != nil {
			continue // it is made of JSON
		}
		ev, err := event.Parse("qase", body, trialTime)
		if err != nil {
			continue
		}
		t := trial{Trial: c.file.Rules.Try(ev, trialTime, one.known), name: one.name, exact: one.exact}
		c.file.Rules.SetExample(t.Context())
		if len(all) > 0 {
			t.changed = differences(all[0].Context().Vars, t.Context().Vars, "", 3)
		}
		all = append(all, t)
	}
	return all
}

// variant is a way in which an event may differ from its example.
type variant struct {
	name   string
	change func(envelope map[string]any) bool // reports whether there was anything to change
	known  *rules.Known
	exact  bool // see trial
}

func variants(name string) []variant {
	schema := catalog.Schemas().ByName[name]
	known := &rules.Known{
		Fields: map[string]any{"title": "Nightly", "environment": "staging",
			"plan": map[string]any{"id": 3, "title": "Smoke"}},
		CreatedBy: user("Ana López", "ana@example.com", 12),
		Reviewers: []any{user("Bob Bar", "bob@example.com", 40), user("Carla Roe", "carla@example.com", 41)},
	}
	return append([]variant{
		{name: "the example of " + name},
		{name: name + " after its earlier events, with two reviewers", known: known},
		{name: name + " by automation", change: func(envelope map[string]any) bool {
			envelope["team_member_id"] = 0
			return true
		}},
		{name: name + " without optional values", change: setPayload(func(key string, value any) (any, bool) {
			return nil, schema != nil && schema.Fields[key].Nullable && value != nil
		})},
		{name: name + " with a long title", change: setPayload(func(key string, value any) (any, bool) {
			_, isText := value.(string)
			return longTitle, isText && (key == "title" || key == "name")
		})},
	}, valueVariants(schema)...)
}

// longTitle is in several languages and has characters that mean something in markup, lists and addresses.
var longTitle = strings.TrimSpace(strings.Repeat(`Größe "π" <b>&amp;</b>, [x](y) *z* 日本語 العربية 🚀; #1 @here `, 8))

func user(name, email string, id int) map[string]any {
	return map[string]any{"name": name, "email": email, "member_id": id}
}

// setPayload returns a change of the values of the payload for which to returns true.
func setPayload(to func(key string, value any) (any, bool)) func(envelope map[string]any) bool {
	return func(envelope map[string]any) (changed bool) {
		payload, _ := envelope["payload"].(map[string]any)
		for key, value := range payload {
			if other, set := to(key, value); set {
				payload[key], changed = other, true
			}
		}
		return changed
	}
}

// differences returns the dotted paths at which two values differ, down to a depth.
func differences(a, b map[string]any, prefix string, depth int) (paths []string) {
	keys := map[string]bool{}
	for _, m := range []map[string]any{a, b} {
		for key := range m {
			keys[key] = true
		}
	}
	for key := range keys {
		x, isMap := a[key].(map[string]any)
		y, isAlsoMap := b[key].(map[string]any)
		switch {
		case reflect.DeepEqual(a[key], b[key]):
		case isMap && isAlsoMap && depth > 1:
			paths = append(paths, differences(x, y, prefix+key+".", depth-1)...)
		default:
			paths = append(paths, prefix+key)
		}
	}
	return paths
}

// concerns reports whether the trial differs from the example in one of the paths that are read, or in the message. The
// example itself concerns all.
func (t trial) concerns(read []string) bool {
	return t.changed == nil || readsMessage(read) || slices.ContainsFunc(read, t.changes)
}

// changes reports whether the value at a path, or a part of it, differs from that of the example.
func (t trial) changes(path string) bool {
	return slices.ContainsFunc(t.changed, func(changed string) bool {
		return isWithin(path, changed) || isWithin(changed, path)
	})
}

// isWithin reports whether a dotted path is another one or leads into it.
func isWithin(path, other string) bool {
	return path == other || strings.HasPrefix(path, other+".")
}

// countsFor reports whether a rule may match an event like the trial: its condition is true, or it is false for a
// reason that has nothing to do with what makes the trial special. A condition that reads a missing value may be there
// to require it.
func (c *checker) countsFor(r *rules.Rule, t trial, facts condition.Facts) bool {
	if r == nil || r.Condition == nil || t.Matches(r) {
		return true
	}
	return !t.exact && !slices.ContainsFunc(c.conditionReads(r, facts), func(f condition.Field) bool {
		return t.changes(f.String()) || isMissing(t.Context().Vars[f.Root], f.Path)
	})
}

// conditionReads returns the fields that the condition of a rule reads for some facts.
func (c *checker) conditionReads(r *rules.Rule, facts condition.Facts) (fields []condition.Field) {
	for _, use := range r.Condition.Fields(facts) {
		fields = append(fields, use.Field)
	}
	return fields
}

// isMissing reports whether there is nothing at a path within v. Lists are not looked into.
func isMissing(v any, path []string) bool {
	for _, key := range path {
		object, isObject := v.(map[string]any)
		if !isObject {
			return v == nil
		}
		v = object[key]
	}
	return v == nil
}

// readsOf returns the dotted paths that a template reads.
func (c *checker) readsOf(text string) (paths []string) {
	for _, use := range c.file.Source.Templates.Fields(text, condition.Roots) {
		paths = append(paths, strings.Join(use.Path, "."))
	}
	return paths
}

// lacks returns the fields among those that are read that the trial does not have, as a part of a sentence.
func (t trial) lacks(read []string) string {
	var missing []string
	for _, path := range read {
		root, rest, _ := strings.Cut(path, ".")
		if rest != "" && isMissing(t.Context().Vars[root], strings.Split(rest, ".")) {
			missing = append(missing, path)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return ", which has no " + strings.Join(missing, ", ")
}
