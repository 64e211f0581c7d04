package rulefile

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/target"
	"qaserelay/rules/yamldoc"
)

// fallback is the value of a fallback: key, of a notifier or of an entry of notify.
type fallback struct {
	d     *document
	names []yamldoc.Text
}

// resolveFallbacks checks the fallbacks of the notifiers, when all of them are known, and sets where each leads.
func (t notifierTable) resolveFallbacks(all []Notifier) {
	reported := map[string]bool{} // notifiers of a circle
	for i := range all {
		n := &all[i]
		info := t[n.Name]
		if info == nil || len(info.fallback.names) == 0 || !t.checkFallback(n.Name, info.fallback) {
			continue
		}
		var circle bool
		n.Fallback, circle = t.chain(n.Name, info.fallback.names)
		if !circle || reported[n.Name] {
			continue
		}
		path := strings.Join(slices.Concat([]string{n.Name}, n.Fallback, []string{n.Name}), " → ")
		info.fallback.d.Report(info.fallback.names[0].Node, diag.Error, "the fallbacks form a cycle: "+path,
			"remove one of them")
		for _, name := range n.Fallback {
			reported[name] = true
		}
	}
}

// checkFallback reports the faults of the fallback of a notifier, and returns whether it has none.
func (t notifierTable) checkFallback(of string, f fallback) bool {
	var seen []string
	before := f.d.Reported()
	for _, name := range f.names {
		if !name.Given() {
			continue
		}
		info := t.find(f.d, name)
		switch {
		case name.S == of:
			f.d.Report(name.Node, diag.Error, "the notifier "+of+" cannot be its own fallback", "name another one")
		case slices.Contains(seen, name.S):
			f.d.Report(name.Node, diag.Error, fmt.Sprintf("%s is listed twice in this fallback", name.S), "remove one")
		case info != nil && !info.unsure:
			info.checkAsFallback(f.d, name)
		}
		seen = append(seen, name.S)
	}
	return f.d.Reported() == before
}

// checkAsFallback reports a notifier that can send nothing without options of the message.
func (info *notifierInfo) checkAsFallback(d *document, name yamldoc.Text) {
	if info.kind.Missing == nil {
		return
	}
	if what, hint := info.kind.Missing(info.config, info.given); what != "" {
		hint = strings.Replace(hint, " here or on the notifier", " on the notifier", 1)
		d.Report(name.Node, diag.Error, "the fallback "+name.S+" "+what,
			"a fallback has only the options of its notifier; "+hint)
	}
}

// chain returns the fallbacks of a message to the first notifier, in the order they are tried: those named, and behind
// the last of them its own, each once. circle reports whether they lead back to the first notifier.
func (t notifierTable) chain(first string, names []yamldoc.Text) (chain []string, circle bool) {
	for len(names) > 0 {
		last := ""
		for _, name := range names {
			circle = circle || name.S == first
			if name.S != first && t[name.S] != nil && !slices.Contains(chain, name.S) {
				chain, last = append(chain, name.S), name.S
			}
		}
		names = nil
		if last != "" {
			names = t[last].fallback.names
		}
	}
	return chain, circle
}

// fallbacks returns the fallback targets of an entry of notify: those that it names, or else those of the notifier.
func (t notifierTable) fallbacks(to string, own *fallback) []*rules.Target {
	names := t[to].fallback.names
	if own != nil {
		t.checkFallback(to, *own)
		names = own.names
	}
	chain, _ := t.chain(to, names)
	var targets []*rules.Target
	for _, name := range chain {
		targets = append(targets, target.New(name, t[name].complete(nil)))
	}
	return targets
}
