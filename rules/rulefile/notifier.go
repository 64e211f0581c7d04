package rulefile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// notifierSpec is what every notifier may have, whatever its type.
type notifierSpec struct {
	Name     yamldoc.Text   `yaml:"name"`
	Type     yamldoc.Text   `yaml:"type"`
	Fallback []yamldoc.Text `yaml:"fallback"`
	Retry    struct {
		Initial time.Duration `yaml:"initial"`
		Max     time.Duration `yaml:"max"`
		For     time.Duration `yaml:"for"`
	} `yaml:"retry"`
	Concurrency value.Concurrency `yaml:"concurrency"`
	Rate        value.Rate        `yaml:"rate"`
	Burst       value.Burst       `yaml:"burst"`
}

// notifierInfo is what rules need to know of a notifier.
type notifierInfo struct {
	kind       Kind
	templates  []rules.Option  // its own message options that depend on the event
	allowHosts bool            // it says which hosts a URL made from an event may have
	config     any             // as made by kind.Config
	given      map[string]bool // its own message options that are not empty
	fallback   fallbackList    // where its messages go when they die
	unsure     bool            // it has faults or unset variables, so nothing can be said of what it lacks
}

func (b *Builder) buildNotifiers() []Notifier {
	b.kinds = map[string]*notifierInfo{}
	names := uniqueNames{}
	var all []Notifier
	for _, f := range b.Files {
		for _, r := range f.Spec.Notifiers {
			if r.Node == nil {
				continue
			}
			n, info := b.notifier(f, r.Node, names)
			if n.Name != "" && b.kinds[n.Name] == nil {
				b.kinds[n.Name] = info // even a faulty one, so that rules that name it are not blamed too
			}
			all = append(all, n)
		}
	}
	b.checkFallbacks(all)
	return all
}

// notifier decodes one notifier: the common keys, then those of its type, then its message options.
func (b *Builder) notifier(f *OpenFile, node *yaml.Node, names uniqueNames) (Notifier, *notifierInfo) {
	var spec notifierSpec
	if !(yamldoc.Raw{Node: node}).IsMapping() {
		f.Entries(node, yamldoc.ItemOf("notifiers")) // reports it
		return Notifier{}, &notifierInfo{}
	}
	entries := f.Entries(node, yamldoc.ItemOf("notifiers"))
	rest := f.Fill(entries, reflect.ValueOf(&spec).Elem(), yamldoc.ItemOf("notifiers"))
	n := Notifier{Name: spec.Name.S, Type: spec.Type.S, Retry: Retry{spec.Retry.Initial, spec.Retry.Max, spec.Retry.For},
		Concurrency: int(spec.Concurrency), Rate: spec.Rate}
	n.Rate.Burst = int(spec.Burst)
	if n.Rate.Burst > 0 && n.Rate.Messages == 0 {
		f.Errorf(valueOf(entries, "burst"), "burst says nothing without a rate; add one, such as rate: 60/m")
	}
	if r := n.Retry; r.Initial > 0 && r.Max > 0 && r.Initial > r.Max {
		f.Report(valueOf(entries, "retry"), diag.Warning, "retry.initial is longer than retry.max, so no wait is longer than retry.max",
			"write the longest wait before the second attempt as initial, and the longest of all as max")
	}
	defer func() { // last, since an unknown key may be the name misspelt
		if f.checkName(spec.Name, node, "notifier", plainName) {
			names.add(f, spec.Name, "notifier")
		}
	}()
	kind, known := b.O.Kinds[n.Type]
	if !known {
		b.unknownType(f, spec.Type, node, rest)
		return n, &notifierInfo{}
	}
	before, unset := len(b.Problems), f.Unset
	n.Config = kind.Config()
	rest = f.Fill(rest, reflect.ValueOf(n.Config).Elem(), yamldoc.ItemOf("notifiers"))
	info := &notifierInfo{kind: kind, allowHosts: hasAllowedHosts(n.Config), config: n.Config, given: map[string]bool{},
		fallback: fallbackList{f, spec.Fallback}}
	n.Defaults = b.notifierOptions(f, rest, info, n)
	if len(b.Problems) == before && f.Unset == unset {
		b.checkNotifier(f, node, entries, n)
	}
	info.unsure = len(b.Problems) > before || f.Unset > unset
	return n, info
}

func (b *Builder) unknownType(f *OpenFile, t yamldoc.Text, node *yaml.Node, rest []yamldoc.Entry) {
	types := slices.Collect(maps.Keys(b.O.Kinds))
	if t.Given() {
		f.Report(t.Node, diag.Error, fmt.Sprintf("no notifier type %q", t.S), catalog.DidYouMean(t.S, types))
	} else if !HasKey(node, "type") && !f.FoundMisspelt(rest, "type", "a notifier") {
		f.Report(node, diag.Error, "a notifier needs a type", catalog.DidYouMean("", types))
	}
	if !HasKey(node, "name") { // the other keys cannot be judged without a type
		f.FoundMisspelt(rest, "name", "a notifier")
	}
}

// notifierOptions takes the message options set on a notifier: those that are no templates become its defaults, the others are
// rendered with each message.
func (b *Builder) notifierOptions(f *OpenFile, entries []yamldoc.Entry, info *notifierInfo, n Notifier) json.RawMessage {
	fields := yamldoc.StructFields(reflect.TypeOf(info.kind.Options))
	static := map[string]any{}
	for _, e := range entries {
		field, known := fields[e.Key.Value]
		if !known {
			all := append(fields.Keys(), yamldoc.StructFields(reflect.TypeOf(n.Config).Elem()).Keys()...)
			f.UnknownKey(e.Key, "the notifier "+n.Name+" (type "+n.Type+")", append(all, yamldoc.StructFields(reflect.TypeFor[notifierSpec]()).Keys()...))
			continue
		}
		o := b.option(f, e, field, info)
		info.given[o.Key] = !rules.IsEmptyOption(o.Value)
		b.splitOption(o, static, info)
	}
	return rules.EncodeOptions(static)
}

// splitOption puts an option where it belongs. A map may have entries of both sorts.
func (b *Builder) splitOption(o rules.Option, static map[string]any, info *notifierInfo) {
	if rules.IsStatic(o.Value) {
		if value, err := rules.RenderOption(o.Value, nil); err == nil && value != nil {
			static[o.Key] = value
		}
		return
	}
	entries, isMap := o.Value.(map[string]rules.OptionValue)
	if !isMap {
		info.templates = append(info.templates, o)
		return
	}
	fixed, changing := map[string]any{}, map[string]rules.OptionValue{}
	for key, value := range entries {
		changing[key] = value
		if t, ok := value.(*template.Template); ok {
			if text, static := t.Static(); static {
				fixed[key] = text
				delete(changing, key)
			}
		}
	}
	static[o.Key] = fixed
	info.templates = append(info.templates, rules.Option{Key: o.Key, Value: changing})
}

// checkNotifier asks the type whether the whole configuration works.
func (b *Builder) checkNotifier(f *OpenFile, node *yaml.Node, entries []yamldoc.Entry, n Notifier) {
	kind := b.O.Kinds[n.Type]
	if kind.Check == nil {
		return
	}
	err := kind.Check(n.Config, n.Defaults)
	faults := []error{err}
	if joined, isJoined := err.(interface{ Unwrap() []error }); isJoined {
		faults = joined.Unwrap()
	}
	for _, fault := range faults {
		if fault != nil {
			f.Errorf(blamed(node, entries, fault), "the notifier %s: %v", cmp.Or(n.Name, "of type "+n.Type), fault)
		}
	}
}

// valueOf returns the value of a key, or nil.
func valueOf(entries []yamldoc.Entry, key string) *yaml.Node {
	for _, e := range entries {
		if e.Key.Value == key {
			return e.Value
		}
	}
	return nil
}

// hasAllowedHosts reports whether a configuration has allow_hosts set.
func hasAllowedHosts(config any) bool {
	v := reflect.ValueOf(config).Elem()
	field, known := yamldoc.StructFields(v.Type())["allow_hosts"]
	return known && v.Field(field.Index).Len() > 0
}
