package rulefile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow"
	"qaserelay/rules/target"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// notifierSpec holds the keys of every notifier, whatever its type.
type notifierSpec struct {
	Name        yamldoc.Text      `yaml:"name"`
	Type        yamldoc.Text      `yaml:"type"`
	Fallback    []yamldoc.Text    `yaml:"fallback"`
	Retry       Retry             `yaml:"retry"`
	Concurrency value.Concurrency `yaml:"concurrency"`
	Rate        value.Rate        `yaml:"rate"`
	Burst       value.Burst       `yaml:"burst"`
}

// notifierInfo is a notifier as rules need it.
type notifierInfo struct {
	kind        Kind
	kindName    string
	templates   []target.Option // its own message options that depend on the event
	people      []target.Option // those that name people and do not
	contentType string          // of its body, or empty
	allowHosts  bool            // it lists the hosts that a URL made from an event may have
	config      any             // as made by kind.Config
	given       map[string]bool // its own message options; true if they are not empty
	fallback    fallback        // its fallback: key
	at          yamldoc.Place
	unsure      bool // it has errors or unset variables, so a check for missing options is not possible
}

// notifierTable holds the notifiers by name, the faulty ones too.
type notifierTable map[string]*notifierInfo

func parseNotifiers(documents []*document, kinds map[string]Kind, c *compiler) ([]Notifier, notifierTable) {
	table := notifierTable{}
	names := uniqueNames{pattern: plainName, first: map[string]string{}}
	var all []Notifier
	for _, d := range documents {
		for _, r := range d.spec.Notifiers {
			if r.Node == nil {
				continue
			}
			p := &notifierParser{d: d, kinds: kinds, compiler: c, node: r.Node, info: &notifierInfo{at: d.At(r.Node)}}
			if p.parse() {
				names.check(d, p.spec.Name, r.Node, "notifier")
			}
			if n := p.notifier; n.Name != "" && table[n.Name] == nil {
				table[n.Name] = p.info // a faulty one too, so that rules that name it have no error
			}
			all = append(all, p.notifier)
		}
	}
	table.resolveFallbacks(all)
	return all, table
}

// maskOf returns a function that masks message options of a notifier by the Mask of its kind.
func maskOf(all []Notifier, kinds map[string]Kind) func(notifier string, options json.RawMessage) json.RawMessage {
	masks := make(map[string]func(json.RawMessage) json.RawMessage, len(all))
	for _, n := range all {
		masks[n.Name] = kinds[n.Type].Mask
	}
	return func(notifier string, options json.RawMessage) json.RawMessage {
		if mask := masks[notifier]; mask != nil {
			return mask(options)
		}
		return nil
	}
}

// refuseOf returns a function that asks the kind of a notifier for its remarks on a message.
func refuseOf(all []Notifier, kinds map[string]Kind) func(notifier string, options json.RawMessage) []rules.Remark {
	byName := make(map[string]Notifier, len(all))
	for _, n := range all {
		byName[n.Name] = n
	}
	return func(notifier string, options json.RawMessage) []rules.Remark {
		n, known := byName[notifier]
		if refuse := kinds[n.Type].Refuse; known && refuse != nil {
			return refuse(n.Config, n.Defaults, options)
		}
		return nil
	}
}

// closesOf returns a function that asks the kind of a notifier whether a message closes an alert, or nil if none does.
func closesOf(all []Notifier, kinds map[string]Kind) func(notifier string, options json.RawMessage, level string) bool {
	byName := map[string]Notifier{}
	for _, n := range all {
		if kinds[n.Type].Closes != nil {
			byName[n.Name] = n
		}
	}
	if len(byName) == 0 {
		return nil
	}
	return func(notifier string, options json.RawMessage, level string) bool {
		n, known := byName[notifier]
		return known && kinds[n.Type].Closes(n.Config, n.Defaults, options, level)
	}
}

// alertsOf returns a function that reports whether a notifier has alerts that messages close, each for the runs of a series.
func alertsOf(all []Notifier, kinds map[string]Kind) func(notifier string) bool {
	byName := map[string]bool{}
	for _, n := range all {
		byName[n.Name] = kinds[n.Type].Closes != nil
	}
	return func(notifier string) bool { return byName[notifier] }
}

// roomOf returns a function that returns the room for the default digest of a notifier.
func roomOf(all []Notifier, kinds map[string]Kind) func(notifier string) flow.Room {
	byName := map[string]flow.Room{}
	for _, n := range all {
		byName[n.Name] = kinds[n.Type].Room
	}
	return func(notifier string) flow.Room { return byName[notifier] }
}

// placesOf returns the positions of the notifiers by name.
func placesOf(table notifierTable) map[string]yamldoc.Place {
	places := make(map[string]yamldoc.Place, len(table))
	for name, info := range table {
		places[name] = info.at
	}
	return places
}

// notifierParser reads one notifier: the common keys, then those of its type, then its message options.
type notifierParser struct {
	*compiler
	d        *document
	kinds    map[string]Kind
	node     *yaml.Node
	spec     notifierSpec
	entries  []yamldoc.Entry
	notifier Notifier
	info     *notifierInfo
}

// parse reports whether the notifier is a mapping. Its name is checked afterwards, since an unknown key may be the name
// misspelt.
func (p *notifierParser) parse() bool {
	p.entries = p.d.Entries(p.node, yamldoc.ItemName("notifiers")) // reports anything but a mapping
	if !(yamldoc.Raw{Node: p.node}).IsMapping() {
		return false
	}
	rest := p.d.Fill(p.entries, &p.spec, yamldoc.ItemName("notifiers"))
	p.notifier = p.spec.notifier()
	p.checkCommon()
	kind, known := p.kinds[p.notifier.Type]
	if !known {
		p.unknownType(rest)
		return true
	}
	before, unset := p.d.Reported(), p.d.Unset
	p.notifier.Config = kind.Config()
	rest = p.d.Fill(rest, p.notifier.Config, yamldoc.ItemName("notifiers"))
	*p.info = notifierInfo{at: p.info.at, kind: kind, kindName: p.notifier.Type,
		config: p.notifier.Config, allowHosts: hasAllowedHosts(p.notifier.Config),
		given:    map[string]bool{},
		fallback: fallback{p.d, p.spec.Fallback}}
	p.parseOptions(rest)
	if p.d.Reported() == before && p.d.Unset == unset {
		p.checkConfig()
	}
	p.info.unsure = p.d.Reported() > before || p.d.Unset > unset
	return true
}

func (s *notifierSpec) notifier() Notifier {
	n := Notifier{Name: s.Name.S, Type: s.Type.S, Retry: s.Retry, Concurrency: int(s.Concurrency), Rate: s.Rate}
	n.Rate.Burst = int(s.Burst)
	return n
}

// checkCommon checks the keys of every notifier against each other.
func (p *notifierParser) checkCommon() {
	if rate := p.notifier.Rate; rate.Burst > 0 && rate.Messages == 0 {
		p.d.Errorf(p.valueOf("burst"), "burst has no effect without a rate; add one, such as rate: 60/m")
	}
	if r := p.notifier.Retry; r.Initial > 0 && r.Max > 0 && r.Initial > r.Max {
		p.d.Report(p.valueOf("retry"), diag.Warning,
			"retry.initial is longer than retry.max, so no wait is longer than retry.max",
			"write the longest wait before the second attempt as initial, and the longest of all as max")
	} else if r.For > 0 && r.Initial >= r.For {
		p.d.Report(p.valueOf("retry"), diag.Warning, "retry.initial is not shorter than retry.for, so a message may be tried once "+
			"only", "initial is the longest wait before the second attempt, for the time of all attempts: write such as "+
			"{initial: 5s, for: 24h}")
	}
}

func (p *notifierParser) unknownType(rest []yamldoc.Entry) {
	types := slices.Collect(maps.Keys(p.kinds))
	t := p.spec.Type
	if t.Given() {
		p.d.Report(t.Node, diag.Error, fmt.Sprintf("no notifier type %q", t.S), typeHint(t.S, types))
	} else if !yamldoc.HasKey(p.node, "type") && !p.d.FoundMisspelt(rest, "type", "a notifier") {
		p.d.Report(p.node, diag.Error, "a notifier needs a type", catalog.DidYouMean("", types))
	}
	if !yamldoc.HasKey(p.node, "name") { // the other keys cannot be checked without a type
		p.d.FoundMisspelt(rest, "name", "a notifier")
	}
}

// parseOptions reads the message options of the notifier. Those without templates become its defaults, the others are
// rendered for each message.
func (p *notifierParser) parseOptions(entries []yamldoc.Entry) {
	n, info := &p.notifier, p.info
	fields := yamldoc.FieldsOf(reflect.TypeOf(info.kind.Options))
	var options []target.Option
	info.contentType = contentTypeOf(entries, "")
	p.contentType = info.contentType
	for _, e := range entries {
		field, known := fields[e.Key.Value]
		if e.Key.Value == target.Except && info.hasPeople(fields) {
			options = append(options, p.except(p.d, e, info))
			continue
		}
		if !known {
			all := slices.Concat(fields.Keys(), yamldoc.FieldsOf(reflect.TypeOf(n.Config).Elem()).Keys(),
				yamldoc.FieldsOf(reflect.TypeFor[notifierSpec]()).Keys())
			p.d.UnknownKey(e.Key, "the notifier "+n.Name+" (type "+n.Type+")", all)
			continue
		}
		if file := yamldoc.ValueOf(p.node, e.Key.Value+"_file"); file != nil && file.Value != "" {
			p.d.Errorf(e.Key, "%s and %s_file are both set; keep one of them", e.Key.Value, e.Key.Value)
		}
		o := p.option(p.d, e, field, info)
		info.given[o.Key] = !o.IsEmpty()
		options = append(options, o)
	}
	n.Defaults, info.templates, info.people = target.Split(options)
}

// checkConfig lets the type check the whole configuration.
func (p *notifierParser) checkConfig() {
	if p.info.kind.Check == nil {
		return
	}
	err := p.info.kind.Check(p.notifier.Config, p.notifier.Defaults)
	faults := []error{err}
	if joined, isJoined := err.(interface{ Unwrap() []error }); isJoined {
		faults = joined.Unwrap()
	}
	for _, fault := range faults {
		if fault != nil {
			name := cmp.Or(p.notifier.Name, "of type "+p.notifier.Type)
			p.d.Errorf(p.locate(fault), "the notifier %s: %v", name, fault)
		}
	}
	if err == nil {
		p.checkDefaults()
		p.warn()
	}
}

// warn reports the remarks of the type on the settings.
func (p *notifierParser) warn() {
	if p.info.kind.Warn == nil {
		return
	}
	for _, r := range p.info.kind.Warn(p.notifier.Config) {
		severity := diag.Warning
		if r.Wrong {
			severity = diag.Error
		}
		key := r.Path[0]
		if i := slices.IndexFunc(r.Path, func(key string) bool { return p.valueOf(key) != nil }); i >= 0 {
			key = r.Path[i]
		}
		r.Message = key + ": " + r.Message
		p.d.problem(p.d.At(cmp.Or(p.valueOf(key), p.node)), severity, r)
	}
}

// checkDefaults warns of message options that the service can only refuse. Options that are missing are those of each
// message.
func (p *notifierParser) checkDefaults() {
	var defaults map[string]json.RawMessage
	if p.info.kind.Refuse == nil || json.Unmarshal(p.notifier.Defaults, &defaults) != nil {
		return
	}
	for _, r := range p.info.kind.Refuse(p.notifier.Config, p.notifier.Defaults, nil) {
		if len(r.Path) == 0 || defaults[r.Path[0]] == nil || r.Whole {
			continue
		}
		at, _ := p.d.At(p.valueOf(r.Path[0])).Child(r.Path[1:]...)
		r.Message = r.Path[0] + ": " + r.Message
		p.d.problem(at, diag.Warning, r)
	}
}

// locate returns the value of the key that an error names, such as oauth2.token_url, or of as much of its path as
// exists, or else the whole notifier.
func (p *notifierParser) locate(err error) *yaml.Node {
	var named interface{ Field() string }
	if !errors.As(err, &named) {
		return p.node
	}
	first, nested, _ := strings.Cut(named.Field(), ".")
	value := p.valueOf(first)
	if value == nil {
		return p.node
	}
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	for key := range strings.SplitSeq(nested, ".") {
		value = cmp.Or(yamldoc.ValueOf(value, key), yamldoc.ValueOf(value, key+"_file"), value)
	}
	return value
}

// valueOf returns the value of a key or of its KEY_file, or nil.
func (p *notifierParser) valueOf(key string) *yaml.Node {
	for _, e := range p.entries {
		if e.Key.Value == key || e.Key.Value == key+"_file" {
			return e.Value
		}
	}
	return nil
}

// hasAllowedHosts reports whether a configuration has allow_hosts set.
func hasAllowedHosts(config any) bool {
	v := reflect.ValueOf(config).Elem()
	field, known := yamldoc.FieldsOf(v.Type())["allow_hosts"]
	return known && field.Of(v).Len() > 0
}

// find returns a notifier by name. It returns nil for an unknown one, which it reports, and for one too faulty to be
// used.
func (t notifierTable) find(d *document, name yamldoc.Text) *notifierInfo {
	info := t[name.S]
	switch {
	case !name.Given():
	case info == nil:
		d.Report(name.Node, diag.Error, fmt.Sprintf("no notifier %q", name.S), t.notifierHint(name.S))
	case info.kind.Config != nil:
		return info
	}
	return nil
}

func (t notifierTable) names() []string { return slices.Collect(maps.Keys(t)) }
