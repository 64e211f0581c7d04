package rulefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/message"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// throttleSpec is the value of throttle.
type throttleSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// What tells the windows apart: expressions, such as payload.id. Default: one window for the rule.
	By []yamldoc.Text `yaml:"by"`
	// Length of a window, which begins with a message.
	Every time.Duration `yaml:"every"`
	// Messages that a window lets through. Default: 1.
	AtMost *int `yaml:"at_most"`
	// true sends the last message that was held back when the window ends.
	SendLast bool `yaml:"send_last"`
}

// groupSpec is the value of group.
type groupSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// What tells the digests apart: expressions, such as project_code. Default: one digest for the rule.
	By []yamldoc.Text `yaml:"by"`
	// Time from the first message to the digest, at the longest.
	Wait time.Duration `yaml:"wait"`
	// Time from the newest message to the digest. Default: wait alone counts.
	Quiet time.Duration `yaml:"quiet"`
	// Times at which the digest is sent, in place of wait, such as mon-fri 09:00.
	Times []yamldoc.Text `yaml:"at"`
	// Time zone of at. Default: that of the settings.
	Timezone yamldoc.Text `yaml:"timezone"`
	// send: a digest at each of the times of at, also if nothing has come.
	Empty yamldoc.Text `yaml:"empty"`
	// send: the first message at once, and what follows as a digest.
	First yamldoc.Text `yaml:"first"`
	// Messages that a digest lists, at most. Default: 100.
	Max *int `yaml:"max"`
	// What happens to more than max messages. count (default): they are counted; send: the digest is sent at once.
	Overflow yamldoc.Text `yaml:"overflow"`
	// Level of the digest. Default: the worst of its messages.
	Level yamldoc.Text `yaml:"level"`
	// Template of the title of the digest.
	Title yamldoc.Text `yaml:"title"`
	// Template of the body of the digest, in Markdown.
	Body yamldoc.Text `yaml:"body"`
}

// afterSpec is the value of after in its long form.
type afterSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// Time from the event to the message.
	Wait time.Duration `yaml:"wait"`
	// Name of a window below windows; only its time counts.
	In yamldoc.Text `yaml:"in"`
	// What an event and a later one have in common: expressions. Default: the entity.
	By []yamldoc.Text `yaml:"by"`
	// first (default): the wait counts from the first event; last: a further event postpones the message.
	From yamldoc.Text `yaml:"from"`
	// Reminders behind the message.
	Repeat *repeatSpec `yaml:"repeat"`
	// Further recipients, later.
	Escalate []escalateSpec `yaml:"escalate"`
	// true sends a message when unless comes true after the message.
	Resolved bool `yaml:"resolved"`
}

type repeatSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// Time between reminders.
	Every time.Duration `yaml:"every"`
	// Number of reminders, at most.
	AtMost *int `yaml:"at_most"`
}

type escalateSpec struct {
	At yamldoc.Raw `yaml:"-"`
	// Time from the event.
	After time.Duration `yaml:"after"`
	// Notifiers of the message.
	Notify []yamldoc.Raw `yaml:"notify"`
	// Level of the message. Default: error.
	Level yamldoc.Text `yaml:"level"`
}

const (
	leastWait   = time.Second
	longestWait = 31 * 24 * time.Hour
	maxBy       = 5
	maxListed   = 1000
	// maxReminders is how many reminders a wait has at most.
	maxReminders = 100
)

// timing reads the keys of time of a rule.
func (p *ruleParser) timing(spec *ruleSpec, r *rules.Rule) {
	if spec.Throttle != nil {
		r.Throttle = p.throttle(spec.Throttle)
	}
	if spec.Group != nil {
		r.Group = p.group(spec.Group)
	}
	r.After = p.after(spec, r)
	if spec.Group != nil {
		p.checkGroup(r.OwnTargets(), spec.Group.At.Node)
	}
	for _, name := range spec.Was {
		if name.Given() {
			r.Was = append(r.Was, name.S)
		}
	}
}

func (p *ruleParser) throttle(spec *throttleSpec) *rules.Throttle {
	t := &rules.Throttle{By: p.by(spec.By, "throttle.by"), ThrottleLimit: flow.ThrottleLimit{Every: spec.Every, AtMost: 1,
		SendLast: spec.SendLast}}
	p.needsTime(keyAt{spec.At.Node, "throttle", "every"}, spec.Every, "write throttle: {by: [payload.id], every: 10m}")
	if spec.AtMost != nil {
		t.AtMost = *spec.AtMost
		p.needsCount(keyAt{spec.At.Node, "throttle", "at_most"}, t.AtMost, 1_000_000)
	}
	if t.SendLast {
		p.isKept(yamldoc.ValueOf(spec.At.Node, "every"), "throttle.every", spec.Every)
	}
	return t
}

// keyAt is a key of a mapping, which is called what.
type keyAt struct {
	mapping   *yaml.Node
	what, key string
}

// needsTime reports a length of time that is missing or out of range.
func (p *ruleParser) needsTime(k keyAt, length time.Duration, hint string) {
	at := yamldoc.ValueOf(k.mapping, k.key)
	switch {
	case k.mapping != nil && k.mapping.Kind == yaml.ScalarNode, k.mapping != nil && k.mapping.Kind == yaml.SequenceNode: // reported
	case at == nil && p.d.Misspelt(k.mapping, k.key):
	case at == nil:
		p.d.Report(k.mapping, diag.Error, k.what+" has no "+k.key, hint)
	case length == 0 && at.Value != "0" && at.Value != "0s": // reported
	case length < leastWait:
		p.d.Report(at, diag.Error, k.what+"."+k.key+": the shortest time is 1s", "")
	}
}

func (p *ruleParser) needsCount(k keyAt, count, most int) {
	if count < 1 || count > most {
		p.d.Report(yamldoc.ValueOf(k.mapping, k.key), diag.Error,
			fmt.Sprintf("%s.%s is a number from 1 to %s", k.what, k.key, value.Grouped(most)), "")
	}
}

// by reads a list of expressions.
func (p *ruleParser) by(texts []yamldoc.Text, what string) (all rules.By) {
	if len(texts) > maxBy {
		p.d.Report(texts[maxBy].Node, diag.Error, fmt.Sprintf("%s has more than %d expressions", what, maxBy), "")
		texts = texts[:maxBy]
	}
	for _, t := range texts {
		if !t.Given() {
			continue
		}
		if template.HasActions(t.S) {
			p.d.Report(t.Node, diag.Error, what+" is a list of expressions, not of templates",
				"write the field alone, such as payload.id")
			continue
		}
		p.note(t.S)
		x, faults := condition.CompileExpression(t.S)
		p.d.ReportInside(t.Node, faults)
		if x == nil {
			continue
		}
		if x.IsConstant() {
			p.d.Report(t.Node, diag.Warning, fmt.Sprintf("%s: %s is the same for every event", what, t.S),
				"write a field, such as payload.id")
		}
		all = append(all, x)
	}
	return all
}

func (p *ruleParser) group(spec *groupSpec) *rules.Group {
	g := &rules.Group{By: p.by(spec.By, "group.by"), Wait: spec.Wait, Quiet: spec.Quiet, Max: 100, Level: spec.Level.S}
	n := spec.At.Node
	p.groupTimes(spec, g)
	if spec.Max != nil {
		g.Max = *spec.Max
		p.needsCount(keyAt{n, "group", "max"}, g.Max, maxListed)
	}
	g.SendFirst = p.word(spec.First, "group.first", "send") == "send"
	g.Split = p.word(spec.Overflow, "group.overflow", "count", "send") == "send"
	checkMessageKey(p.d.Document, "level", spec.Level)
	first := len(p.texts)
	if spec.Title.Given() {
		g.Title = p.compile(p.d, spec.Title, "title", template.FormText)
	}
	if spec.Body.Given() {
		g.Body = p.compile(p.d, spec.Body, "body", template.FormMarkdown)
	}
	for i := range p.texts[first:] {
		p.texts[first+i].OfDigest = true
	}
	return g
}

// groupTimes reads when a digest is sent.
func (p *ruleParser) groupTimes(spec *groupSpec, g *rules.Group) {
	n := spec.At.Node
	hasWait, hasTimes := yamldoc.HasKey(n, "wait"), yamldoc.HasKey(n, "at")
	switch {
	case hasWait && hasTimes:
		p.d.Report(yamldoc.ValueOf(n, "at"), diag.Error, "group has both wait and at", "keep one of them")
	case !hasWait && !hasTimes:
		if spec.At.IsMapping() && !p.d.Misspelt(n, "wait", "at") {
			p.d.Report(n, diag.Error, "group has neither wait nor at", "write group: {by: [project_code], wait: 30s}, "+
				`or at: "mon-fri 09:00"`)
		}
	case hasWait:
		p.needsTime(keyAt{n, "group", "wait"}, g.Wait, "")
		if most := min(longestWait, p.retention); g.Wait > most {
			p.d.Report(yamldoc.ValueOf(n, "wait"), diag.Error, fmt.Sprintf("group.wait: the longest time is %s",
				value.HumanDuration(most)), "events are kept for settings.retention.events, and at most 31d in a digest")
		}
	}
	if at := yamldoc.ValueOf(n, "quiet"); at != nil {
		p.needsTime(keyAt{n, "group", "quiet"}, g.Quiet, "")
		switch {
		case hasTimes:
			p.d.Report(at, diag.Error, "group.quiet belongs to wait, not to at", "remove it")
		case hasWait && g.Wait > 0 && g.Quiet >= g.Wait:
			p.d.Report(at, diag.Error, "group.quiet is not shorter than wait, so it has no effect", "write a shorter time")
		}
	}
	if hasTimes {
		g.At = p.times(spec)
	}
	empty := p.word(spec.Empty, "group.empty", "send")
	if g.SendEmpty = empty == "send"; g.SendEmpty && !hasTimes {
		p.d.Report(spec.Empty.Node, diag.Error, "group.empty belongs to at", `write at: "mon-fri 09:00"`)
	}
	if spec.Timezone.Given() && !hasTimes {
		p.d.Report(spec.Timezone.Node, diag.Error, "group.timezone belongs to at", "remove it")
	}
}

// times reads group.at.
func (p *ruleParser) times(spec *groupSpec) *window.Times {
	zone := p.location
	if t := spec.Timezone; t.Given() {
		own, err := window.Zone(t.S)
		if err != nil {
			p.d.Report(t.Node, diag.Error, "group.timezone: "+err.Error(), "names are like Europe/Berlin or UTC")
		} else {
			zone = own
		}
	}
	var texts []string
	for _, t := range spec.Times {
		texts = append(texts, t.S)
	}
	return p.parseTimes(texts, zone, "group.at", func(index int) *yaml.Node {
		if 0 <= index && index < len(spec.Times) && spec.Times[index].Node != nil {
			return spec.Times[index].Node
		}
		return yamldoc.ValueOf(spec.At.Node, "at")
	})
}

// parseTimes reads times of day. It returns nil for faulty ones, which it reports at their nodes.
func (p *ruleParser) parseTimes(texts []string, zone *time.Location, what string, node func(index int) *yaml.Node) *window.Times {
	times, faults := window.ParseTimes(texts, zone)
	for _, f := range faults {
		at := node(f.Index)
		if len(strings.Fields(at.Value)) == 5 && strings.Contains(at.Value, "*") {
			f.Message = fmt.Sprintf("%q is a cron expression", at.Value)
		}
		p.d.Report(at, diag.Error, what+": "+f.Message, f.Hint)
	}
	if len(faults) > 0 {
		return nil
	}
	return times
}

// word reads one of some words.
func (p *ruleParser) word(t yamldoc.Text, what string, words ...string) string {
	if !t.Given() {
		return ""
	}
	if !slices.Contains(words, t.S) {
		hint := "write " + words[0]
		if len(words) > 1 {
			hint += " or " + words[1]
		}
		p.d.Report(t.Node, diag.Error, fmt.Sprintf("%s: %q is not known", what, t.S), hint)
		return ""
	}
	return t.S
}

// after reads after and unless.
func (p *ruleParser) after(spec *ruleSpec, r *rules.Rule) *rules.After {
	unless := p.unless(spec)
	n := spec.After.Node
	if n == nil {
		if spec.Unless.Given() && !p.d.Misspelt(spec.At.Node, "after") {
			p.d.Report(spec.Unless.Node, diag.Error, "unless needs after: how long the rule waits", "write after: 4h")
		}
		return nil
	}
	var long afterSpec
	long.At.Node = spec.At.Node
	if n.Kind == yaml.SequenceNode {
		p.d.Report(n, diag.Error, "after must be a time, not a list", "write "+afterHint(n))
		return nil
	}
	if n.Kind == yaml.MappingNode {
		p.d.Decode(n, &long, "after")
		long.At.Node = n
		p.needsTime(keyAt{n, "after", "wait"}, long.Wait, "write after: {wait: 4h}")
	} else {
		p.d.Decode(n, &long.Wait, "after")
		p.needsTime(keyAt{spec.At.Node, "the rule", "after"}, long.Wait, "")
	}
	a := &rules.After{By: p.by(long.By, "after.by"), FromLast: p.word(long.From, "after.from", "first", "last") == "last",
		Unless: unless, Resolved: long.Resolved}
	if long.In.Given() {
		a.In = p.windows.find(p.d, long.In, "after.in")
	}
	if a.Resolved && unless == nil && !spec.Unless.Given() {
		p.d.Report(yamldoc.ValueOf(n, "resolved"), diag.Error, "after.resolved needs unless, which says when it is over",
			`write unless: event_name == "run.completed"`)
	}
	a.Steps = append(a.Steps, rules.Step{At: long.Wait})
	p.reminders(&long, a)
	p.escalations(&long, a)
	slices.SortStableFunc(a.Steps, func(x, y rules.Step) int { return cmp.Compare(x.At, y.At) })
	p.isKept(n, "after", a.In.Longest(time.Now(), a.Steps[len(a.Steps)-1].At))
	return a
}

// isKept reports that the event of the last message is deleted before.
func (p *ruleParser) isKept(n *yaml.Node, key string, last time.Duration) {
	if last > p.retention-24*time.Hour {
		p.d.Report(n, diag.Error, fmt.Sprintf("%s: the last message is due after %s, and events are kept for %s", key,
			value.HumanDuration(last), value.HumanDuration(p.retention)),
			"write shorter times, or a longer settings.retention.events, with a day to spare")
	}
}

// afterHint returns after with the first item of a list that stands in its place.
func afterHint(n *yaml.Node) string {
	if len(n.Content) == 0 || n.Content[0].Kind != yaml.ScalarNode {
		return "after: 4h"
	}
	if _, err := value.ParseDuration(n.Content[0].Value); err != nil {
		return "after: 4h"
	}
	hint := "after: " + n.Content[0].Value
	if len(n.Content) > 1 {
		hint += "; further messages are after: {wait: 4h, escalate: [{after: 12h, notify: [mail]}]}"
	}
	return hint
}

// unless reads the condition that ends a wait.
func (p *ruleParser) unless(spec *ruleSpec) *condition.Condition {
	if !spec.Unless.Given() {
		return nil
	}
	p.note(spec.Unless.S)
	c, faults := condition.Compile(spec.Unless.S)
	for i := range faults {
		faults[i].Message = "unless: " + faults[i].Message
	}
	p.d.ReportInside(spec.Unless.Node, faults)
	return c
}

// reminders adds the steps of repeat.
func (p *ruleParser) reminders(spec *afterSpec, a *rules.After) {
	r := spec.Repeat
	if r == nil {
		return
	}
	n := r.At.Node
	p.needsTime(keyAt{n, "after.repeat", "every"}, r.Every, "write repeat: {every: 4h, at_most: 3}")
	if r.Every < leastWait {
		return
	}
	count := min(maxReminders, int((p.retention-24*time.Hour-spec.Wait)/r.Every))
	if r.AtMost != nil {
		count = *r.AtMost
		p.needsCount(keyAt{n, "after.repeat", "at_most"}, count, maxReminders)
		count = min(count, maxReminders)
	}
	if a.Unless == nil {
		p.d.Report(n, diag.Error, "after.repeat needs unless, which says when the reminders end",
			`write unless: event_name == "run.completed"`)
	}
	for i := range count {
		a.Steps = append(a.Steps, rules.Step{At: spec.Wait + time.Duration(i+1)*r.Every, Reminder: i + 1})
	}
}

// escalations adds the steps of escalate.
func (p *ruleParser) escalations(spec *afterSpec, a *rules.After) {
	for i := range spec.Escalate {
		e := &spec.Escalate[i]
		n := e.At.Node
		if !e.At.IsMapping() {
			continue
		}
		p.needsTime(keyAt{n, "an escalation", "after"}, e.After, "write escalate: [{after: 12h, notify: [mail]}]")
		if e.After > 0 && e.After < spec.Wait {
			p.d.Report(yamldoc.ValueOf(n, "after"), diag.Error, "an escalation comes before the first message",
				"its after counts from the event, as wait does: write more than "+value.HumanDuration(spec.Wait))
		}
		checkMessageKey(p.d.Document, "level", e.Level)
		step := rules.Step{At: e.After, Escalate: true, Level: cmp.Or(e.Level.S, message.Error), Targets: []*rules.Target{}}
		for _, entry := range e.Notify {
			if t := p.target(entry.Node); t != nil {
				step.Targets = append(step.Targets, t)
			}
		}
		if len(e.Notify) == 0 && !p.d.Misspelt(n, "notify") {
			p.d.Report(n, diag.Error, "an escalation has no notify", "write notify: ["+cmp.Or(p.notifiers.first(), "NOTIFIER")+"]")
		}
		a.Steps = append(a.Steps, step)
	}
}

// checkGroup reports notifiers whose messages cannot be joined.
func (p *ruleParser) checkGroup(targets []*rules.Target, at *yaml.Node) {
	for _, t := range targets {
		if info := p.notifiers[t.Notifier]; info != nil && info.kind.Closes != nil {
			p.d.Report(at, diag.Error, fmt.Sprintf("group: messages to %s cannot be joined: an alert in a digest would be "+
				"overtaken by its end", t.Notifier),
				"name "+t.Notifier+" in a rule without group; it joins alerts of one dedup_key by itself")
			return
		}
	}
}

// checkFormerNames reports names of was that can have no slots to take over: of current rules, and of two at once.
func checkFormerNames(documents []*document, all []RuleSource) {
	current, taken := map[string]bool{}, map[string]string{}
	for _, r := range all {
		current[r.Name] = true
	}
	for _, d := range documents {
		for i := range d.spec.Rules {
			spec := &d.spec.Rules[i]
			for _, name := range spec.Was {
				if name.Given() && name.S != "" {
					d.checkFormerName(name, spec.Name.S, current, taken)
				}
			}
		}
	}
}

func (d *document) checkFormerName(name yamldoc.Text, rule string, current map[string]bool, taken map[string]string) {
	by, isTaken := taken[name.S]
	switch {
	case name.S == rule:
		d.Report(name.Node, diag.Error, fmt.Sprintf("was: %q is the name of this rule", name.S),
			"write the name that it had before, or remove it")
	case current[name.S]:
		d.Report(name.Node, diag.Error, fmt.Sprintf("was: %q is a current rule, which keeps its own digests and waits", name.S),
			"remove it, or rename that rule")
	case isTaken && by == rule:
		d.Report(name.Node, diag.Error, fmt.Sprintf("was: %q is there twice", name.S), "remove one")
	case isTaken:
		d.Report(name.Node, diag.Error, fmt.Sprintf("was: %q is taken over by the rule %q already", name.S, by),
			"name it in one rule")
	default:
		taken[name.S] = rule
	}
}
