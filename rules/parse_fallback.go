package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// fallbackList is one fallback: key, of a notifier or of an entry of notify.
type fallbackList struct {
	file  *openFile
	names []text
}

// checkFallbacks looks at the fallbacks that stand on notifiers, when all notifiers are known, and notes where each leads.
func (b *builder) checkFallbacks(all []Notifier) {
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
			l.file.report(l.names[0].node, Error, "the fallbacks go in a circle: "+way, "leave one of them out")
			for _, name := range n.Fallback {
				told[name] = true
			}
		}
	}
}

// checkFallback reports what is wrong with a list of fallbacks for messages to one notifier, and whether nothing is.
func (b *builder) checkFallback(of string, l fallbackList) bool {
	var seen []string
	before := len(b.problems)
	for _, name := range l.names {
		if !name.given() {
			continue
		}
		info := b.lookUp(l.file, name)
		switch {
		case name.s == of:
			l.file.report(name.node, Error, "the notifier "+of+" cannot be its own fallback", "name another one")
		case slices.Contains(seen, name.s):
			l.file.report(name.node, Error, fmt.Sprintf("%s stands twice in this fallback", name.s), "leave one out")
		case info != nil && !info.unsure:
			b.checkStandIn(l.file, name, info)
		}
		seen = append(seen, name.s)
	}
	return len(b.problems) == before
}

// checkStandIn reports a notifier that could send nothing without options of the message.
func (b *builder) checkStandIn(f *openFile, name text, info *notifierInfo) {
	if info.kind.Missing == nil {
		return
	}
	if what, hint := info.kind.Missing(info.config, info.given); what != "" {
		hint = strings.Replace(hint, " here or on the notifier", " on the notifier", 1)
		f.report(name.node, Error, "the fallback "+name.s+" "+what, "a fallback has only the options of its notifier; "+hint)
	}
}

// chain returns the notifiers that a message to the first one goes to when it dies, one after another: those that are named, and behind
// the last of them its own, each once. back reports whether that leads to the first one again.
func (b *builder) chain(first string, names []text) (chain []string, back bool) {
	for len(names) > 0 {
		last := ""
		for _, name := range names {
			back = back || name.s == first
			if name.s != first && b.kinds[name.s] != nil && !slices.Contains(chain, name.s) {
				chain, last = append(chain, name.s), name.s
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
func (b *builder) fallbacks(f *openFile, entry *yaml.Node, to string, names []text) []*target {
	if hasKey(entry, "fallback") {
		b.checkFallback(to, fallbackList{f, names})
	} else {
		names = b.kinds[to].fallback.names
	}
	chain, _ := b.chain(to, names)
	var targets []*target
	for _, name := range chain {
		t := &target{notifier: name, options: inherit(nil, b.kinds[name].templates)}
		t.freeze()
		targets = append(targets, t)
	}
	return targets
}

// renderFallbacks renders the options that a message has where it goes when it dies.
func (t *target) renderFallbacks(dot map[string]any) (all []Fallback, notes []string) {
	for _, f := range t.fallbacks {
		options, failed := f.renderOptions(dot)
		all, notes = append(all, Fallback{f.notifier, options}), append(notes, failed...)
	}
	return all, notes
}
