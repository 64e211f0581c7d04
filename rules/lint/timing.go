package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// maxWaitRules is how many rules with after may look at one kind of event without a warning.
const maxWaitRules = 16

// checkTiming warns of keys of time that cannot do what they say.
func (c *checker) checkTiming() {
	waiting, texts := map[string]int{}, c.textsByRule()
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		t := &timing{checker: c, rule: r, events: c.matching[r.Rule], texts: texts}
		t.throttle()
		t.group()
		t.after(waiting)
	}
}

// timing checks the keys of time of one rule.
type timing struct {
	*checker
	rule   *rulefile.RuleSource
	events []*catalog.Schema // that the rule can match
	texts  map[*rules.Rule][]rulefile.TextSource
}

// place returns the position of a value of the rule, or of the last value on the way there.
func (t *timing) place(path ...string) yamldoc.Place {
	at, _ := t.rule.At.Child(path...)
	return at
}

func (t *timing) throttle() {
	k := t.rule.Throttle
	if k == nil {
		return
	}
	t.by("throttle", k.By, t.events, "")
	t.newEachTime("throttle", k.By, "nothing is ever held back")
	if !k.SendLast && t.has("update") {
		t.warn(t.place("throttle"), diag.Finding{
			Message: "throttle holds back what should change the message of update, so it stays as it is",
			Hint:    "add send_last: true, which sends the last one when the window ends"})
	}
}

func (t *timing) group() {
	g := t.rule.Group
	if g == nil {
		return
	}
	t.by("group", g.By, t.events, "")
	t.newEachTime("group", g.By, "each digest has one message")
	for _, text := range slices.Concat(t.texts[t.rule.Rule], t.texts[nil]) {
		if text.Key == "thread" || text.Key == "update" {
			t.threadWithin(text, g.By)
		}
	}
}

// isSent reports whether a text is one of the rule, or of a notifier that it sends to.
func (t *timing) isSent(text rulefile.TextSource) bool {
	return text.Rule != nil || slices.ContainsFunc(t.rule.Targets, func(target rulefile.TargetSource) bool {
		return target.Target != nil && t.file.Source.Notifiers[target.Notifier].Contains(text.At)
	})
}

// threadWithin warns of a key of messages that tells apart what is in one digest by group.by.
func (t *timing) threadWithin(text rulefile.TextSource, by rules.By) {
	if !t.isSent(text) {
		return
	}
	for _, path := range t.readsOf(text.Text) {
		id := idOf(path)
		if id == "" || slices.ContainsFunc(fieldsOf(by), func(f string) bool { return idOf(f) == id }) {
			continue
		}
		t.warn(t.place("group"), diag.Finding{
			Message: fmt.Sprintf("%s has .%s in its key, so there is a digest for each, though group.by is wider",
				text.Key, path),
			Hint: "leave out " + text.Key + ", or write group: {by: [" + path + "]}"})
		return
	}
}

// idOf returns the last part of a path that leads to the id of one thing, or "".
func idOf(path string) string {
	switch path {
	case "payload.id", "entity.id", "payload.hash", "entity.hash", "url", "entity.url":
		return "id"
	case "payload.run_id", "payload.case_id", "payload.hash_id":
		return path
	}
	return ""
}

// fieldsOf returns the paths that expressions read.
func fieldsOf(by rules.By) (paths []string) {
	for _, x := range by {
		for _, use := range x.Fields() {
			paths = append(paths, use.Field.String())
		}
	}
	return paths
}

// has reports whether a message of the rule has an option.
func (t *timing) has(option string) bool {
	return slices.ContainsFunc(t.rule.Targets, func(one rulefile.TargetSource) bool {
		if one.Target == nil {
			return false
		}
		own := slices.ContainsFunc(one.Options, func(o target.Option) bool { return o.Key == option && !o.IsEmpty() })
		return own || t.hasDefault(one.Notifier, option)
	})
}

func (t *timing) hasDefault(notifier, option string) bool {
	for _, n := range t.file.Notifiers {
		var defaults map[string]json.RawMessage
		if n.Name == notifier && json.Unmarshal(n.Defaults, &defaults) == nil && defaults[option] != nil {
			return true
		}
	}
	return false
}

// by warns of fields that the events lack, and says what follows.
func (t *timing) by(key string, by rules.By, events []*catalog.Schema, so string) {
	if len(events) == 0 {
		return
	}
	for i, x := range by {
		for _, use := range x.Fields() {
			if len(use.Path) == 0 {
				continue
			}
			message, hint := judge.CheckPath(use.Field, events)
			if message == "" || strings.Contains(x.Source, "??") && anyHas(events, use.Path) {
				continue
			}
			if so == "" && use.Root == "payload" && anyHas(events, use.Path) {
				hint = "where it is missing, all of them share one key; write such as " + use.Field.String() +
					" ?? project_code"
			}
			t.warn(t.place(key, "by", fmt.Sprint(i)), diag.Finding{At: use.At,
				Message: key + ".by: " + message + so, Hint: hint})
			break
		}
	}
}

// newEachTime warns of expressions whose value differs for each event.
func (t *timing) newEachTime(key string, by rules.By, so string) {
	for i, x := range by {
		at := t.place(key, "by", fmt.Sprint(i))
		if isMoment(x.Source) {
			t.warn(at, diag.Finding{Message: fmt.Sprintf("%s.by: %s differs for each event, so %s", key, x.Source, so),
				Hint: "write what the messages are about, such as payload.id"})
			return
		}
		isID := slices.ContainsFunc(x.Fields(), func(u condition.FieldUse) bool { return idOf(u.Field.String()) == "id" })
		if isID && t.areFirst() {
			t.warn(at, diag.Finding{Message: fmt.Sprintf("%s.by: %s is new in each %s, so %s", key, x.Source,
				listed(namesIn(t.events)), so), Hint: "write what several of them have in common, such as project_code"})
			return
		}
	}
}

// areFirst reports whether all events of the rule are the first ones about their thing.
func (t *timing) areFirst() bool {
	if a := t.rule.After; a != nil && len(a.Steps) > 1 {
		return false // one event has several messages
	}
	return len(t.events) > 0 && !slices.ContainsFunc(t.events, func(e *catalog.Schema) bool { return !isFirst(e.Name) })
}

func isMoment(source string) bool {
	return slices.Contains([]string{"timestamp", "time", "now()"}, strings.TrimSpace(source))
}

// isFirst reports whether events of a name are the first ones about their thing.
func isFirst(name string) bool {
	_, action, _ := strings.Cut(name, ".")
	return action == "created" || name == "run.started"
}

func namesIn(events []*catalog.Schema) (names []string) {
	for _, e := range events {
		names = append(names, e.Name)
	}
	return names
}

// after checks after and unless. waiting counts the rules so far that look at an event, by its name.
func (t *timing) after(waiting map[string]int) {
	a := t.rule.After
	if a == nil {
		return
	}
	t.by("after", a.By, t.events, "")
	for i, x := range a.By {
		if isMoment(x.Source) {
			t.warn(t.place("after", "by", fmt.Sprint(i)), diag.Finding{
				Message: "after.by: " + x.Source + " differs for each event, so no later event is about the same",
				Hint:    "write what both events have, such as payload.id"})
		}
	}
	if len(a.By) == 0 {
		t.withoutID()
	}
	enders := t.unless(a)
	names := namesIn(enders)
	for _, e := range t.events {
		if !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	t.countWaits(names, waiting)
}

// withoutID warns of events that have no id, so that nothing tells what the rule waits for.
func (t *timing) withoutID() {
	var without []string
	for _, e := range t.events {
		if len(catalog.Documented([]*catalog.Schema{e})) > 0 && !hasID(e.Name) {
			without = append(without, e.Name)
		}
	}
	if len(without) > 0 && len(t.events) <= 2*len(without) {
		t.warn(t.place("after"), diag.Finding{
			Message: fmt.Sprintf("after: nothing tells what %s is about, since it has no id", listed(without)),
			Hint:    "write what a later event has in common with it: after: {wait: 4h, by: [project_code]}"})
	}
}

// hasID reports whether the example of an event is about a thing with an id.
func hasID(name string) bool {
	body, err := json.Marshal(event.Sample(name))
	if err != nil {
		return true
	}
	ev, err := event.Parse("qase", body, trialTime)
	return err != nil || ev.EntityKey() != ""
}

// countWaits warns of the rule with which too many look at one kind of event.
func (t *timing) countWaits(names []string, waiting map[string]int) {
	if !t.rule.Enabled {
		return
	}
	var full []string
	for _, name := range names {
		if waiting[name]++; waiting[name] == maxWaitRules+1 {
			full = append(full, name)
		}
	}
	if len(full) > 0 {
		t.warn(t.place("after"), diag.Finding{
			Message: fmt.Sprintf("after: more than %d rules start or end waits by %s, and each such event costs a look at "+
				"all of them", maxWaitRules, listed(full)),
			Hint: "join rules that wait for the same, or name fewer events"})
	}
}

// unless checks unless like when, and returns the events that it can match.
func (t *timing) unless(a *rules.After) []*catalog.Schema {
	u := t.rule.Unless
	if u == nil {
		return nil
	}
	findings, enders := t.world.Check(u, false)
	if findings = append(findings, checkParts(u, enders)...); u.Compiled() {
		findings = append(findings, checkGrouping(u)...)
	}
	at := t.place("unless")
	if len(findings) == 0 && isAlwaysTrue(u) {
		findings = []diag.Finding{{Message: "unless is true for every event, so whatever comes next ends the wait",
			Hint: `name the events that end it: unless: event_name == "run.completed"`}}
	}
	t.warn(at, findings...)
	if len(findings) > 0 || len(enders) == 0 || len(t.events) == 0 {
		return enders
	}
	if len(a.By) > 0 {
		t.by("after", a.By, enders, ", so it ends no wait")
		return enders
	}
	t.neverLater(at, enders)
	return enders
}

// isAlwaysTrue reports whether a condition is true for all events of the catalog.
func isAlwaysTrue(c *condition.Condition) bool {
	return !slices.ContainsFunc(catalog.Schemas().Events, func(e *catalog.Schema) bool {
		result, decided := c.Decided(condition.KnownFacts(e.Name))
		return !decided || !result
	})
}

// inCommon is the hint for two events that are not about the same thing.
const inCommon = "what both have in common: after: {wait: 4h, by: [project_code]}"

// neverLater warns of unless that no event after the first one of the rule can make true.
func (t *timing) neverLater(at yamldoc.Place, enders []*catalog.Schema) {
	kinds, others := typesOf(t.events), typesOf(enders)
	var later, first []string
	for _, e := range enders {
		switch {
		case !slices.Contains(kinds, kindOf(e.Name)):
		case isFirst(e.Name):
			first = append(first, e.Name)
		default:
			later = append(later, e.Name)
		}
	}
	switch {
	case len(later) > 0:
	case len(first) > 0:
		t.warn(at, diag.Finding{Message: fmt.Sprintf("%s comes first of all about its %s, so it never ends a wait", listed(first),
			words(kindOf(first[0]))), Hint: "write the event that comes later, or " + inCommon})
	default:
		t.warn(at, diag.Finding{Message: fmt.Sprintf("unless is for events of a %s, and the rule for those of a %s, so they "+
			"are never about the same", words(others[0]), words(kinds[0])),
			Hint: fmt.Sprintf("write an event of a %s, or %s", words(kinds[0]), inCommon)})
	}
}

func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, ".")
	return kind
}

// typesOf returns the types of events, each once.
func typesOf(events []*catalog.Schema) (types []string) {
	for _, e := range events {
		if kind := kindOf(e.Name); !slices.Contains(types, kind) {
			types = append(types, kind)
		}
	}
	return types
}

// lintTimingNames warns of variables that the messages of a rule never have, since it lacks the key of time that they
// are about.
func (c *checker) lintTimingNames(t rulefile.TextSource) (all []diag.Finding) {
	if t.Static || !mayReadTiming(t.Text) {
		return nil
	}
	for _, use := range c.file.Source.Templates.Fields(t.Text, nil) {
		if use.Partial != "" && use.Guarded || c.hasTiming(t, use.Path[0]) {
			continue
		}
		is, lacks, hint := "is empty", "group", "add group: {by: [project_code], wait: 30s}"
		switch use.Path[0] {
		case "count":
			is = "is always 1"
		case "more":
			is = "is always 0"
		case "suppressed":
			is, lacks, hint = "is always 0", "throttle", "add throttle: {by: [payload.id], every: 10m}"
		case "waited":
			lacks, hint = "after", "add after: 4h"
		case "reminder":
			is, lacks, hint = "is always 0", "repeat", "add after: {wait: 8h, repeat: {every: 4h, at_most: 3}}"
		}
		all = append(all, diag.Finding{At: use.At, Hint: hint,
			Message: fmt.Sprintf(".%s %s: the rule has no %s", use.Path[0], is, lacks)})
	}
	return all
}

// mayReadTiming reports whether a text has a name of a variable about time, or calls a template that may have one.
func mayReadTiming(text string) bool {
	return strings.Contains(text, "template") || slices.ContainsFunc(template.TimingNames(),
		func(name string) bool { return strings.Contains(text, "."+name) })
}

// hasTiming reports whether a variable about time may have a value in a text. Other variables have one.
func (c *checker) hasTiming(t rulefile.TextSource, name string) bool {
	has := map[string]func(r *rules.Rule) bool{
		"suppressed": func(r *rules.Rule) bool { return r.Throttle != nil },
		"waited":     func(r *rules.Rule) bool { return r.After != nil },
		"reminder": func(r *rules.Rule) bool {
			return r.After != nil && slices.ContainsFunc(r.After.Steps, func(s rules.Step) bool { return s.Reminder > 0 })
		},
	}[name]
	switch {
	case !slices.Contains(template.TimingNames(), name):
		return true
	case has == nil:
		has = func(r *rules.Rule) bool { return r.Group != nil || r.Active != nil && !r.Active.Drop }
	}
	if t.Rule != nil {
		return has(t.Rule)
	}
	return slices.ContainsFunc(c.file.Source.Rules, func(r rulefile.RuleSource) bool { return has(r.Rule) })
}

// memberNames are the variables of a member of a digest.
var memberNames = []string{"title", "level", "url", "entity", "actor", "previous", "payload", "event_name",
	"project_code", "source", "time"}

// checkMember returns the fault of a field that is read from a member of a digest, or "".
func checkMember(use template.FieldUse, events []*catalog.Schema) (message, hint string) {
	path := use.Path[1:]
	if slices.Contains([]string{"title", "level", "url"}, path[0]) && len(path) == 1 {
		return "", ""
	}
	if slices.Contains(memberNames, path[0]) {
		use.Path = path
		return checkField(use, events)
	}
	if hint = catalog.DidYouMean(path[0], memberNames); slices.Contains(catalog.PayloadFields(), path[0]) {
		hint = "write " + fieldOf(path[0], events)
	}
	return "a message of .events has no ." + path[0], hint
}

// contextOf returns the input of a text for a trial: with two members for a text of digests.
func contextOf(t rulefile.TextSource, one trial) template.Context {
	if t.OfDigest || t.Rule != nil && t.Rule.Group != nil && !t.OfOption && t.Compiled.ReadsMembers() {
		return one.Digest()
	}
	return one.Context()
}
