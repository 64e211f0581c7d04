package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// notifierSpec is what every notifier may have, whatever its type.
type notifierSpec struct {
	Name     text   `yaml:"name"`
	Type     text   `yaml:"type"`
	Fallback []text `yaml:"fallback"`
	Retry    struct {
		Initial time.Duration `yaml:"initial"`
		Max     time.Duration `yaml:"max"`
		For     time.Duration `yaml:"for"`
	} `yaml:"retry"`
	Concurrency concurrency `yaml:"concurrency"`
	Rate        Rate        `yaml:"rate"`
	Burst       burst       `yaml:"burst"`
}

// notifierInfo is what rules need to know of a notifier.
type notifierInfo struct {
	kind       Kind
	templates  []option        // its own message options that depend on the event
	allowHosts bool            // it says which hosts a URL made from an event may have
	config     any             // as made by kind.Config
	given      map[string]bool // its own message options that are not empty
	fallback   fallbackList    // where its messages go when they die
	unsure     bool            // it has faults or unset variables, so nothing can be said of what it lacks
}

func (b *builder) buildNotifiers() []Notifier {
	b.kinds = map[string]*notifierInfo{}
	names := uniqueNames{}
	var all []Notifier
	for _, f := range b.files {
		for _, r := range f.spec.Notifiers {
			if r.node == nil {
				continue
			}
			n, info := b.notifier(f, r.node, names)
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
func (b *builder) notifier(f *openFile, node *yaml.Node, names uniqueNames) (Notifier, *notifierInfo) {
	var spec notifierSpec
	if !(raw{node}).isMapping() {
		f.entries(node, itemOf("notifiers")) // reports it
		return Notifier{}, &notifierInfo{}
	}
	entries := f.entries(node, itemOf("notifiers"))
	rest := f.fill(entries, reflect.ValueOf(&spec).Elem(), itemOf("notifiers"))
	n := Notifier{Name: spec.Name.s, Type: spec.Type.s, Retry: Retry{spec.Retry.Initial, spec.Retry.Max, spec.Retry.For},
		Concurrency: int(spec.Concurrency), Rate: spec.Rate}
	n.Rate.Burst = int(spec.Burst)
	if n.Rate.Burst > 0 && n.Rate.Messages == 0 {
		f.errorf(valueOf(entries, "burst"), "burst says nothing without a rate; add one, such as rate: 60/m")
	}
	if r := n.Retry; r.Initial > 0 && r.Max > 0 && r.Initial > r.Max {
		f.report(valueOf(entries, "retry"), Warning, "retry.initial is longer than retry.max, so no wait is longer than retry.max",
			"write the longest wait before the second attempt as initial, and the longest of all as max")
	}
	defer func() { // last, since an unknown key may be the name misspelt
		if f.checkName(spec.Name, node, "notifier", plainName) {
			names.add(f, spec.Name, "notifier")
		}
	}()
	kind, known := b.o.Kinds[n.Type]
	if !known {
		b.unknownType(f, spec.Type, node, rest)
		return n, &notifierInfo{}
	}
	before, unset := len(b.problems), f.unset
	n.Config = kind.Config()
	rest = f.fill(rest, reflect.ValueOf(n.Config).Elem(), itemOf("notifiers"))
	info := &notifierInfo{kind: kind, allowHosts: hasAllowedHosts(n.Config), config: n.Config, given: map[string]bool{},
		fallback: fallbackList{f, spec.Fallback}}
	n.Defaults = b.notifierOptions(f, rest, info, n)
	if len(b.problems) == before && f.unset == unset {
		b.checkNotifier(f, node, entries, n)
	}
	info.unsure = len(b.problems) > before || f.unset > unset
	return n, info
}

func (b *builder) unknownType(f *openFile, t text, node *yaml.Node, rest []entry) {
	types := slices.Collect(maps.Keys(b.o.Kinds))
	if t.given() {
		f.report(t.node, Error, fmt.Sprintf("no notifier type %q", t.s), didYouMean(t.s, types))
	} else if !hasKey(node, "type") && !f.foundMisspelt(rest, "type", "a notifier") {
		f.report(node, Error, "a notifier needs a type", didYouMean("", types))
	}
	if !hasKey(node, "name") { // the other keys cannot be judged without a type
		f.foundMisspelt(rest, "name", "a notifier")
	}
}

// notifierOptions takes the message options set on a notifier: those that are no templates become its defaults, the others are
// rendered with each message.
func (b *builder) notifierOptions(f *openFile, entries []entry, info *notifierInfo, n Notifier) json.RawMessage {
	fields := structFields(reflect.TypeOf(info.kind.Options))
	static := map[string]any{}
	for _, e := range entries {
		field, known := fields[e.key.Value]
		if !known {
			all := append(fields.keys(), structFields(reflect.TypeOf(n.Config).Elem()).keys()...)
			f.unknownKey(e.key, "the notifier "+n.Name+" (type "+n.Type+")", append(all, structFields(reflect.TypeFor[notifierSpec]()).keys()...))
			continue
		}
		o := b.option(f, e, field, info)
		info.given[o.key] = !isEmptyOption(o.value)
		b.splitOption(o, static, info)
	}
	return encodeOptions(static)
}

// splitOption puts an option where it belongs. A map may have entries of both sorts.
func (b *builder) splitOption(o option, static map[string]any, info *notifierInfo) {
	if isStatic(o.value) {
		if value, err := renderOption(o.value, nil); err == nil && value != nil {
			static[o.key] = value
		}
		return
	}
	entries, isMap := o.value.(map[string]optionValue)
	if !isMap {
		info.templates = append(info.templates, o)
		return
	}
	fixed, changing := map[string]any{}, map[string]optionValue{}
	for key, value := range entries {
		if c, ok := value.(*compiled); ok && c.body == nil {
			fixed[key] = c.static
		} else {
			changing[key] = value
		}
	}
	static[o.key] = fixed
	info.templates = append(info.templates, option{o.key, changing})
}

// checkNotifier asks the type whether the whole configuration works.
func (b *builder) checkNotifier(f *openFile, node *yaml.Node, entries []entry, n Notifier) {
	kind := b.o.Kinds[n.Type]
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
			f.errorf(blamed(node, entries, fault), "the notifier %s: %v", cmp.Or(n.Name, "of type "+n.Type), fault)
		}
	}
}

// valueOf returns the value of a key, or nil.
func valueOf(entries []entry, key string) *yaml.Node {
	for _, e := range entries {
		if e.key.Value == key {
			return e.value
		}
	}
	return nil
}

// hasAllowedHosts reports whether a configuration has allow_hosts set.
func hasAllowedHosts(config any) bool {
	v := reflect.ValueOf(config).Elem()
	field, known := structFields(v.Type())["allow_hosts"]
	return known && v.Field(field.index).Len() > 0
}
