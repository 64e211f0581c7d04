package rulefile

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/yamldoc"
)

// fallbackList is one fallback: key, of a notifier or of an entry of notify.
type fallbackList struct {
	file  *OpenFile
	names []yamldoc.Text
}

// checkFallbacks looks at the fallbacks that stand on notifiers, when all notifiers are known, and notes where each leads.
func (b *Builder) checkFallbacks(all []Notifier) {
	told := map[string]bool{}
	for i := range all {
		n := &all[i]
		info := b.kinds[n.Name]
		if info == nil || len(info.fallback.names) == 0 {
			continue
		}
		l := info.fallback
		if !b.checkFallback(n.Name, l) {
			continue
		}
		var back bool
		n.Fallback, back = b.chain(n.Name, l.names)
		if back && !told[n.Name] {
			way := strings.Join(slices.Concat([]string{n.Name}, n.Fallback, []string{n.Name}), " → ")
			l.file.Report(l.names[0].Node, diag.Error, "the fallbacks go in a circle: "+way, "leave one of them out")
			for _, name := range n.Fallback {
				told[name] = true
			}
		}
	}
}

// checkFallback reports what is wrong with a list of fallbacks for messages to one notifier, and whether nothing is.
func (b *Builder) checkFallback(of string, l fallbackList) bool {
	var seen []string
	before := len(b.Problems)
	for _, name := range l.names {
		if !name.Given() {
			continue
		}
		info := b.lookUp(l.file, name)
		switch {
		case name.S == of:
			l.file.Report(name.Node, diag.Error, "the notifier "+of+" cannot be its own fallback", "name another one")
		case slices.Contains(seen, name.S):
			l.file.Report(name.Node, diag.Error, fmt.Sprintf("%s stands twice in this fallback", name.S), "leave one out")
		case info != nil && !info.unsure:
			b.checkStandIn(l.file, name, info)
		}
		seen = append(seen, name.S)
	}
	return len(b.Problems) == before
}

// checkStandIn reports a notifier that could send nothing without options of the message.
func (b *Builder) checkStandIn(f *OpenFile, name yamldoc.Text, info *notifierInfo) {
	if info.kind.Missing == nil {
		return
	}
	if what, hint := info.kind.Missing(info.config, info.given); what != "" {
		hint = strings.Replace(hint, " here or on the notifier", " on the notifier", 1)
		f.Report(name.Node, diag.Error, "the fallback "+name.S+" "+what, "a fallback has only the options of its notifier; "+hint)
	}
}

// chain returns the notifiers that a message to the first one goes to when it dies, one after another: those that are named, and behind
// the last of them its own, each once. back reports whether that leads to the first one again.
func (b *Builder) chain(first string, names []yamldoc.Text) (chain []string, back bool) {
	for len(names) > 0 {
		last := ""
		for _, name := range names {
			back = back || name.S == first
			if name.S != first && b.kinds[name.S] != nil && !slices.Contains(chain, name.S) {
				chain, last = append(chain, name.S), name.S
			}
		}
		names = nil
		if last != "" {
			names = b.kinds[last].fallback.names
		}
	}
	return chain, back
}

// fallbacks makes the targets of a message that dies: those named in the entry, or else the notifier's own.
func (b *Builder) fallbacks(f *OpenFile, entry *yaml.Node, to string, names []yamldoc.Text) []*rules.Target {
	if HasKey(entry, "fallback") {
		b.checkFallback(to, fallbackList{f, names})
	} else {
		names = b.kinds[to].fallback.names
	}
	chain, _ := b.chain(to, names)
	var targets []*rules.Target
	for _, name := range chain {
		t := &rules.Target{Notifier: name, Options: inherit(nil, b.kinds[name].templates)}
		t.Freeze()
		targets = append(targets, t)
	}
	return targets
}
