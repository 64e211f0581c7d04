package rulefile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/yamldoc"
)

// windowSpec is a window of time as it is written.
type windowSpec struct {
	At       yamldoc.Raw    `yaml:"-"`
	Days     []yamldoc.Text `yaml:"days"`
	Hours    []yamldoc.Text `yaml:"hours"`
	Except   []yamldoc.Text `yaml:"except"`
	Timezone yamldoc.Text   `yaml:"timezone"`
}

// windowTable holds the windows of windows: by name. One with errors is nil.
type windowTable struct {
	byName map[string]*window.Window
	zone   *time.Location // of the settings
}

// windowExample is the value of a window, for hints.
const windowExample = `{days: [mon-fri], hours: "09:00-18:00"}`

func parseWindows(documents []*document, zone *time.Location) windowTable {
	t := windowTable{byName: map[string]*window.Window{}, zone: zone}
	origin := map[string]*document{}
	for _, d := range documents {
		if d.spec.Windows.Node == nil {
			continue
		}
		for _, e := range d.Entries(d.spec.Windows.Node, "windows") {
			name := e.Key.Value
			switch {
			case !plainName.MatchString(name):
				d.Report(e.Key, diag.Error, fmt.Sprintf("%q cannot be the name of a window", name),
					"use letters, digits, dots and dashes")
			case origin[name] != nil:
				d.Report(e.Key, diag.Error, fmt.Sprintf("the window %q is in two files", name),
					"the other is "+origin[name].Name)
				continue
			}
			origin[name], t.byName[name] = d, t.read(d, e.Value, "windows."+name)
		}
	}
	return t
}

// read reads a window that is a value of its own. It returns nil for a faulty one, which it reports.
func (t windowTable) read(d *document, n *yaml.Node, what string) (w *window.Window) {
	d.Nested(n, func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			d.Report(n, diag.Error, fmt.Sprintf("%s must be a mapping, not %s", what, yamldoc.Describe(n)),
				"write such as "+cmp.Or(meantWindow(n.Value), windowExample))
			return
		}
		before, unset := d.Reported(), d.Unset
		var spec windowSpec
		if d.Decode(n, &spec, what); d.Reported() == before && d.Unset == unset {
			w = t.compile(d, &spec, what)
		}
	})
	return w
}

// compile makes the window of a spec, and reports its faults.
func (t windowTable) compile(d *document, spec *windowSpec, what string) *window.Window {
	if spec.isEmpty() {
		d.Report(spec.At.Node, diag.Error, what+" has neither days nor hours, so it is always open",
			"write such as "+windowExample)
		return nil
	}
	w, faults := window.New(window.Spec{Days: yamldoc.Texts(spec.Days), Hours: yamldoc.Texts(spec.Hours),
		Except: yamldoc.Texts(spec.Except), Timezone: spec.Timezone.S}, t.zone)
	for _, f := range faults {
		d.Report(spec.nodeOf(f), diag.Error, what+"."+f.Field+": "+f.Message, f.Hint)
	}
	return w
}

// isEmpty reports whether a window has nothing that closes it.
func (s *windowSpec) isEmpty() bool { return s.Days == nil && s.Hours == nil && s.Except == nil }

// nodeOf returns the node that a fault is about.
func (s *windowSpec) nodeOf(f window.Fault) *yaml.Node {
	list := map[string][]yamldoc.Text{"days": s.Days, "hours": s.Hours, "except": s.Except}[f.Field]
	if f.Index >= 0 && f.Index < len(list) {
		return list[f.Index].Node
	}
	return cmp.Or(yamldoc.ValueOf(s.At.Node, f.Field), s.At.Node)
}

// find returns the window of a name. It reports a name that is unknown. The window is nil if it has errors.
func (t windowTable) find(d *document, name yamldoc.Text, what string) (w *window.Window) {
	w, known := t.byName[name.S]
	if !known {
		hint := catalog.DidYouMean(name.S, slices.Collect(maps.Keys(t.byName)))
		if meant := meantWindow(name.S); meant != "" {
			hint = "write " + strings.TrimSuffix(what, ".in") + ": " + meant
		}
		if strings.HasPrefix(name.S, "!") || strings.HasPrefix(name.S, "not ") {
			hint = "a window cannot be negated: define one with the hours outside, under windows:"
		}
		d.Report(name.Node, diag.Error, fmt.Sprintf("%s: no window %q", what, name.S),
			cmp.Or(hint, "add windows: {"+name.S+": "+windowExample+"}"))
	}
	return w
}

// meantWindow returns hours or days as a window, and "" for another text.
func meantWindow(text string) string {
	if _, faults := window.New(window.Spec{Hours: []string{text}}, nil); faults == nil {
		return fmt.Sprintf("{hours: %q}", text)
	}
	if _, faults := window.New(window.Spec{Days: []string{text}}, nil); faults == nil {
		return "{days: [" + text + "]}"
	}
	return ""
}

// activeSpec is active: of a rule.
type activeSpec struct {
	windowSpec
	In        yamldoc.Text `yaml:"in"`
	Otherwise yamldoc.Text `yaml:"otherwise"`
}

// active reads active: of a rule: a window, or the name of one. It returns nil for a faulty one, which it reports.
func (p *ruleParser) active(n *yaml.Node) (a *rules.Active) {
	p.d.Nested(n, func(n *yaml.Node) {
		switch {
		case n.Kind == yaml.MappingNode:
			a = p.activeMapping(n)
		case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
			var name yamldoc.Text
			unset := p.d.Unset
			if p.d.Decode(n, &name, "active"); p.d.Unset == unset {
				a = &rules.Active{Name: name.S, Window: p.windows.find(p.d, name, "active")}
			}
		default:
			hint := "write the name of a window, or such as active: " + windowExample
			if n.Tag == "!!bool" {
				hint = "write enabled: false for a rule that is switched off"
			}
			p.d.Report(n, diag.Error, "active must be a mapping, not "+yamldoc.Describe(n), hint)
		}
	})
	if a == nil || a.Window == nil {
		return nil
	}
	return a
}

func (p *ruleParser) activeMapping(n *yaml.Node) *rules.Active {
	before, unset := p.d.Reported(), p.d.Unset
	var spec activeSpec
	p.d.Decode(n, &spec, "active")
	p.checkOtherwise(spec.Otherwise)
	a := &rules.Active{Name: spec.In.S, Drop: spec.Otherwise.S == "drop"}
	switch {
	case p.d.Reported() > before || p.d.Unset > unset:
		return nil
	case !spec.In.Given():
		a.Window = p.windows.compile(p.d, &spec.windowSpec, "active")
	case !spec.isEmpty() || spec.Timezone.Given():
		p.d.Report(spec.In.Node, diag.Error, "active names the window "+spec.In.S+", and has keys of a window of its own",
			"keep in: "+spec.In.S+", or the days and hours")
	default:
		a.Window = p.windows.find(p.d, spec.In, "active.in")
	}
	return a
}

func (p *ruleParser) checkOtherwise(t yamldoc.Text) {
	known := []string{"drop", "hold"}
	if !t.Given() || t.S == "" || slices.Contains(known, t.S) {
		return
	}
	hint := "write hold to have messages sent when the window opens, or drop to have none of them sent"
	if near := catalog.Similar(t.S, known); near != "" {
		hint = near
	}
	p.d.Report(t.Node, diag.Error, fmt.Sprintf("active.otherwise: %q is not known", t.S), hint)
}

// checkHold reports notifiers whose messages cannot be held back.
func (p *ruleParser) checkHold(a *rules.Active, targets []*rules.Target, at *yaml.Node) {
	if a == nil || a.Drop {
		return
	}
	for _, t := range targets {
		if info := p.notifiers[t.Notifier]; info != nil && info.kind.Closes != nil {
			p.d.Report(at, diag.Error, fmt.Sprintf("active: messages to %s cannot be held back: the end of an alert "+
				"would come before its beginning", t.Notifier),
				"write otherwise: drop, or name "+t.Notifier+" in a rule without active")
			return
		}
	}
}
