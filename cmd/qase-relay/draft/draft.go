// Package draft makes the events that commands post or explain: from a file or the catalog, with changes.
package draft

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

// Spec describes an event to explain: an example with changes if it has a name, else a file.
type Spec struct {
	Name   string
	Sets   []string
	Source string
	At     time.Time
	// Projects are those that the source takes; an example without a project of its own is of the first one
	Projects []string
	Before   *event.Event // the event that an example precedes, about the same entity; nil for the event itself
	Failures string       // the file with the tests that failed in the run, their number, or unknown
}

// Read makes the event from a file or from the catalog.
func (r Spec) Read(c *terminal.Console, file string) (*event.Event, error) {
	if _, known := catalog.Lookup(file); known && !terminal.IsFile(file) {
		r.Name, r.Sets = file, r.sameEntity(file)
	}
	hasProject := func(set string) bool { return strings.HasPrefix(set, "project_code=") }
	if r.Name != "" && len(r.Projects) > 0 && !slices.ContainsFunc(r.Sets, hasProject) {
		r.Sets = append([]string{"project_code=" + terminal.JSON(r.Projects[0])}, r.Sets...)
	}
	failing, sets, err := r.readFailing(c)
	if err != nil {
		return nil, err
	}
	r.Sets = sets
	d, err := r.draft(c, file)
	if err != nil {
		return nil, err
	}
	failing.count(d, sets)
	body, err := d.Copy(0, r.At)
	if err != nil {
		return nil, err
	}
	ev, err := event.Parse(r.Source, body, r.At)
	if err != nil {
		return nil, terminal.Wrong(fmt.Errorf("a relay would refuse this event: %w", err))
	}
	if _, known := catalog.Lookup(ev.Name); !known {
		NoteUnknownEvent(c.Err, ev.Name, "explaining")
	}
	return ev, failing.attach(ev)
}

// sameEntity returns the changes that make an example about the run, defect … of the event that it precedes.
func (r Spec) sameEntity(name string) (sets []string) {
	kind, _, _ := strings.Cut(name, ".")
	if r.Before == nil || r.Before.Type() != kind || r.Before.Name == name {
		return r.Sets
	}
	key := "id"
	if kind == "shared_step" {
		key = "hash"
	}
	if id, known := r.Before.Payload[key]; known {
		sets = append(sets, "payload."+key+"="+terminal.JSON(id))
	}
	if r.Before.Project != "" {
		sets = append(sets, "project_code="+terminal.JSON(r.Before.Project))
	}
	return sets
}

func (r Spec) draft(c *terminal.Console, file string) (*Draft, error) {
	if r.Name == "" {
		return FromFile(c, file, r.Sets)
	}
	if known, ok := catalog.Lookup(r.Name); ok {
		NoteUnknownFields(c.Err, known, r.Sets)
	}
	return FromSample(r.Name, r.Sets)
}

// NoteUnknownEvent prints a note that an event is not in the catalog, and what the command does with it anyway.
func NoteUnknownEvent(s *terminal.Screen, name, doing string) {
	advice := ""
	if hint := catalog.Hint(name); hint != "" {
		advice = " (" + hint + ")"
	}
	s.Printf("%s the catalog has no event %q%s; %s it anyway\n", s.Warn("note:"), terminal.OneLine(name),
		advice, doing)
}

// NoteUnknownFields prints a note for each field that is not documented. It is posted anyway, since rules can match it.
func NoteUnknownFields(s *terminal.Screen, known catalog.Event, sets []string) {
	var names []string
	for _, field := range known.Fields {
		names = append(names, field.Name)
	}
	for _, set := range sets {
		path, _, _ := strings.Cut(set, "=")
		name, ok := strings.CutPrefix(path, "payload.")
		if _, found := known.Field(name); !ok || found || !known.Documented {
			continue
		}
		advice := ""
		if near := catalog.Nearest(name, names); near != "" {
			advice = fmt.Sprintf(" (did you mean payload.%s?)", near)
		}
		s.Printf("%s Qase documents no field %s for %s%s; sending it anyway\n", s.Warn("note:"), path, known.Name,
			advice)
	}
}

// Draft is an event to post, once or as many distinct copies.
type Draft struct {
	raw     []byte         // the unchanged body of the first copy
	event   map[string]any // the decoded body; numbers of a file and of --set are json.Number
	fixTime bool           // keep the timestamp
}

// FromSample makes a draft of the catalog's example of an event, or of an event that is not in the catalog.
func FromSample(name string, sets []string) (*Draft, error) {
	d := &Draft{event: event.Sample(name)}
	if _, known := catalog.Lookup(name); !known {
		d.event["payload"], d.event["project_code"], d.event["team_member_id"] = map[string]any{"id": 1}, "WEB", 0
	}
	return d, d.apply(sets)
}

// FromFile posts a file unchanged. The file has to be JSON only if there are changes.
func FromFile(c *terminal.Console, name string, sets []string) (*Draft, error) {
	data, err := c.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	d := &Draft{raw: data, fixTime: true}
	if len(sets) == 0 {
		return d, nil
	}
	if err := d.decode(); err != nil {
		return nil, err
	}
	d.raw = nil
	return d, d.apply(sets)
}

func (d *Draft) decode() error {
	if err := terminal.DecodeNumbers(d.raw, &d.event); err != nil {
		return fmt.Errorf("the event is not a JSON object: %w", err)
	}
	if d.event == nil {
		return errors.New("the event is null, not a JSON object")
	}
	return nil
}

// Copy returns the body of the n-th copy, from 0. Each copy has an id of its own, so that a relay does not drop it as a
// duplicate.
func (d *Draft) Copy(n int, now time.Time) ([]byte, error) {
	if n == 0 && d.raw != nil {
		return d.raw, nil
	}
	if d.event == nil {
		if err := d.decode(); err != nil {
			return nil, err
		}
	}
	body := maps.Clone(d.event)
	if !d.fixTime {
		body["timestamp"] = now.Unix()
	}
	if n > 0 {
		body["payload"] = withNumber(body["payload"], n)
	}
	return json.Marshal(body)
}

// withNumber returns payload with n added to its id, or to the hash that identifies shared steps.
func withNumber(payload any, n int) any {
	fields, ok := payload.(map[string]any)
	if !ok {
		return payload
	}
	fields = maps.Clone(fields)
	if hash, ok := fields["hash"].(string); ok {
		fields["hash"] = fmt.Sprintf("%s-%d", hash, n)
		return fields
	}
	var base int64
	switch id := fields["id"].(type) {
	case json.Number:
		base, _ = id.Int64()
	case int:
		base = int64(id)
	}
	fields["id"] = base + int64(n)
	return fields
}

// AddSets adds the flag --set.
func AddSets(flags *pflag.FlagSet, to *[]string) {
	flags.StringArrayVar(to, "set", nil,
		"`PATH=VALUE` to change in the event, such as payload.failed=3 (repeatable)")
}

// apply sets the values of --set flags.
func (d *Draft) apply(sets []string) error {
	for _, set := range sets {
		path, value, ok := strings.Cut(set, "=")
		if !ok || path == "" {
			return terminal.Hint(fmt.Errorf("--set %q has no value", set), "for example --set payload.failed=3")
		}
		keys := strings.Split(path, ".")
		if err := checkEnvelopeKey(keys[0], path); err != nil {
			return err
		}
		v, err := parseValue(value)
		if err != nil {
			return fmt.Errorf("--set %s: %w", path, err)
		}
		if err := event.SetPath(d.event, keys, v); err != nil {
			return fmt.Errorf("--set %s: %w", path, err)
		}
		d.fixTime = d.fixTime || path == "timestamp"
	}
	return nil
}

func checkEnvelopeKey(key, path string) error {
	var names []string
	for _, f := range catalog.Envelope() {
		names = append(names, f.Name)
	}
	if slices.Contains(names, key) {
		return nil
	}
	advice := "payload." + path
	if near := catalog.Nearest(key, names); near != "" {
		advice = near + strings.TrimPrefix(path, key)
	}
	return terminal.Hint(fmt.Errorf("--set %s: an event has no field %s", path, key),
		"did you mean %s? Beside payload there are: %s", advice, strings.Join(names, ", "))
}

// parseValue reads the value of --set: a JSON number, literal, quoted text, object or list, else plain text.
func parseValue(text string) (any, error) {
	switch {
	case text == "true", text == "false", text == "null", isNumber(text), isQuoted(text):
		return terminal.DecodeValue(text)
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return terminal.DecodeValue(text)
	}
	return text, nil
}

func isQuoted(text string) bool { return strings.HasPrefix(text, `"`) && json.Valid([]byte(text)) }

func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}
