package lint

import (
	"encoding/json"
	"slices"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// maxTrials bounds the messages that are made to be held against their notifiers. Beyond it only the examples of the
// catalog are tried.
const maxTrials = 40_000

// checkRemarks warns of options that the notifier would refuse, or that are doubtful, as they are rendered for the
// examples and for events built to break them. Each option has one warning.
func (c *checker) checkRemarks() {
	texts := c.textsByRule()
	for i := range c.file.Source.Rules {
		r := &c.file.Source.Rules[i]
		found := &remarkFinder{checker: c, rule: r, texts: slices.Concat(texts[nil], texts[r.Rule])}
		for _, t := range r.Targets {
			if t.Target != nil && !t.Wrong {
				found.target(t)
			}
		}
		for _, f := range found.all {
			f.report(c)
		}
	}
}

// textsByRule returns the templates of each rule; of the notifiers under nil.
func (c *checker) textsByRule() map[*rules.Rule][]rulefile.TextSource {
	texts := map[*rules.Rule][]rulefile.TextSource{}
	for _, t := range c.file.Source.Texts {
		texts[t.Rule] = append(texts[t.Rule], t)
	}
	return texts
}

// remarkFinder gathers the remarks on the messages of one rule.
type remarkFinder struct {
	*checker
	rule  *rulefile.RuleSource
	texts []rulefile.TextSource // that its messages may have
	all   []*finding
}

// finding is the remark on one option.
type finding struct {
	rules.Remark
	at    yamldoc.Place
	trial string // with what it lacks; empty for an option that no event changes
}

func (f *finding) report(c *checker) {
	place := f.at.String()
	if c.reported[place] {
		return
	}
	c.reported[place] = true
	text := f.Message
	if len(f.Path) > 0 {
		text = f.Path[0] + ": " + text
	}
	if f.trial != "" {
		text += ", for " + f.trial
	}
	c.warn(f.at, diag.Finding{Message: text, Hint: f.Hint})
}

// target tries the messages to one notifier.
func (f *remarkFinder) target(t rulefile.TargetSource) {
	if options, static := t.Static(); static {
		f.note(t, rules.Notification{Notifier: t.Notifier, Options: options}, "")
		return
	}
	reads := f.readsOfTarget(t)
	for _, e := range f.matching[f.rule.Rule] {
		f.event(t, e, reads)
	}
}

// readsOfTarget returns the paths that the options of messages to a target read.
func (f *remarkFinder) readsOfTarget(t rulefile.TargetSource) (reads []string) {
	notifier, known := f.file.Source.Notifiers[t.Notifier]
	for _, text := range f.texts {
		if t.At.Contains(text.At) || known && notifier.Contains(text.At) {
			reads = append(reads, f.readsOf(text.Text)...)
		}
	}
	slices.Sort(reads)
	return slices.Compact(reads)
}

func (f *remarkFinder) event(t rulefile.TargetSource, e *catalog.Schema, reads []string) {
	facts := condition.KnownFacts(e.Name)
	for i, one := range f.trials(e.Name) {
		if !one.concerns(reads) || i > 0 && f.left <= 0 || !f.countsFor(f.rule.Rule, one, facts) {
			continue
		}
		f.left--
		for _, n := range one.Notifications(f.rule.Rule, t.Target) {
			f.note(t, n, one.name+one.lacks(reads))
		}
	}
}

// note keeps the remarks on one message: of each option the first, or the first that is Wrong.
func (f *remarkFinder) note(t rulefile.TargetSource, n rules.Notification, trial string) {
	own := map[string]json.RawMessage{}
	if len(n.Options) > 0 && json.Unmarshal(n.Options, &own) != nil {
		return // options are an object
	}
	for _, r := range f.remarksOn(n) {
		if len(r.Path) == 0 || own[r.Path[0]] == nil && !r.Whole || slices.Contains(peopleOptions, r.Path[0]) {
			continue // the notifier's own options are checked there, and missing ones where the rule is read
		}
		at := f.placeOf(t, r.Path)
		i := slices.IndexFunc(f.all, func(other *finding) bool { return other.at == at })
		switch found := (&finding{r, at, trial}); {
		case i < 0:
			f.all = append(f.all, found)
		case r.Wrong && !f.all[i].Wrong:
			f.all[i] = found
		}
	}
}

// remarksOn returns the remarks of a notifier on a message. Many messages have the same options.
func (f *remarkFinder) remarksOn(n rules.Notification) []rules.Remark {
	key := n.Notifier + "\x00" + string(n.Options)
	found, known := f.remarks[key]
	if !known {
		found = f.file.Rules.Remarks(n)
		f.remarks[key] = found
	}
	return found
}

// peopleOptions are those whose people are found, or reported, by the directory.
var peopleOptions = []string{"to", "cc", "bcc", "reply_to", "dm", "mention"}

// placeOf returns the place of an option: in the entry of notify, or in the notifier that it comes from.
func (f *remarkFinder) placeOf(t rulefile.TargetSource, path []string) yamldoc.Place {
	if at, given := t.At.Child(path[0]); given {
		at, _ = at.Child(path[1:]...)
		return at
	}
	if notifier, known := f.file.Source.Notifiers[t.Notifier]; known {
		if at, given := notifier.Child(path[0]); given {
			at, _ = at.Child(path[1:]...)
			return at
		}
	}
	return t.At
}
