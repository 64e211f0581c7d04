package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

// eventSpec describes an event to explain: an example with changes if it has a name, else a file.
type eventSpec struct {
	name   string
	sets   []string
	source string
	at     time.Time
	// projects are those that the source takes; an example without a project of its own is of the first one
	projects []string
	before   *event.Event // the event that an example precedes, about the same entity; nil for the event itself
}

// read makes the event from a file or from the catalog.
func (r eventSpec) read(c *terminal.Console, file string) (*event.Event, error) {
	if _, known := catalog.Lookup(file); known && !isFile(file) {
		r.name, r.sets = file, r.sameEntity(file)
	}
	hasProject := func(set string) bool { return strings.HasPrefix(set, "project_code=") }
	if r.name != "" && len(r.projects) > 0 && !slices.ContainsFunc(r.sets, hasProject) {
		r.sets = append([]string{"project_code=" + terminal.JSON(r.projects[0])}, r.sets...)
	}
	d, err := r.draft(c, file)
	if err != nil {
		return nil, err
	}
	body, err := d.copy(0, r.at)
	if err != nil {
		return nil, err
	}
	ev, err := event.Parse(r.source, body, r.at)
	if err != nil {
		return nil, terminal.Wrong(fmt.Errorf("a relay would refuse this event: %w", err))
	}
	if _, known := catalog.Lookup(ev.Name); !known {
		noteUnknownEvent(c.Err, ev.Name, "explaining")
	}
	return ev, nil
}

// sameEntity returns the changes that make an example about the run, defect … of the event that it precedes.
func (r eventSpec) sameEntity(name string) (sets []string) {
	kind, _, _ := strings.Cut(name, ".")
	if r.before == nil || r.before.Type() != kind || r.before.Name == name {
		return r.sets
	}
	key := "id"
	if kind == "shared_step" {
		key = "hash"
	}
	if id, known := r.before.Payload[key]; known {
		sets = append(sets, "payload."+key+"="+terminal.JSON(id))
	}
	if r.before.Project != "" {
		sets = append(sets, "project_code="+terminal.JSON(r.before.Project))
	}
	return sets
}

func (r eventSpec) draft(c *terminal.Console, file string) (*draft, error) {
	if r.name == "" {
		return draftFromFile(c, file, r.sets)
	}
	if known, ok := catalog.Lookup(r.name); ok {
		noteUnknownFields(c.Err, known, r.sets)
	}
	return draftFromSample(r.name, r.sets)
}

func noteUnknownEvent(s *terminal.Screen, name, doing string) {
	advice := ""
	if hint := catalog.Hint(name); hint != "" {
		advice = " (" + hint + ")"
	}
	s.Printf("%s the catalog has no event %q%s; %s it anyway\n", s.Warn("note:"), terminal.Printable(name),
		advice, doing)
}

// draft is an event to post, once or as many distinct copies.
type draft struct {
	raw     []byte         // the unchanged body of the first copy
	event   map[string]any // the decoded body; numbers of a file and of --set are json.Number
	fixTime bool           // keep the timestamp
}

// draftFromSample makes a draft of the catalog's example of an event, or of an event that is not in the catalog.
func draftFromSample(name string, sets []string) (*draft, error) {
	d := &draft{event: event.Sample(name)}
	if _, known := catalog.Lookup(name); !known {
		d.event["payload"], d.event["project_code"], d.event["team_member_id"] = map[string]any{"id": 1}, "WEB", 0
	}
	return d, d.apply(sets)
}

// draftFromFile posts a file unchanged. The file has to be JSON only if there are changes.
func draftFromFile(c *terminal.Console, name string, sets []string) (*draft, error) {
	data, err := c.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	d := &draft{raw: data, fixTime: true}
	if len(sets) == 0 {
		return d, nil
	}
	if err := d.decode(); err != nil {
		return nil, err
	}
	d.raw = nil
	return d, d.apply(sets)
}

func (d *draft) decode() error {
	if err := terminal.DecodeNumbers(d.raw, &d.event); err != nil {
		return fmt.Errorf("the event is not a JSON object: %w", err)
	}
	if d.event == nil {
		return errors.New("the event is null, not a JSON object")
	}
	return nil
}

// copy returns the body of the n-th copy, from 0. Each copy has an id of its own, so that a relay does not drop it as a
// duplicate.
func (d *draft) copy(n int, now time.Time) ([]byte, error) {
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

// addSets adds the flag --set.
func addSets(flags *pflag.FlagSet, to *[]string) {
	flags.StringArrayVar(to, "set", nil,
		"`PATH=VALUE` to change in the event, such as payload.failed=3 (repeatable)")
}

// apply sets the values of --set flags.
func (d *draft) apply(sets []string) error {
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
		if err := setPath(d.event, keys, v); err != nil {
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
		return decoded(text)
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return decoded(text)
	}
	return text, nil
}

func isQuoted(text string) bool { return strings.HasPrefix(text, `"`) && json.Valid([]byte(text)) }

func decoded(text string) (any, error) {
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%s begins like JSON but is not valid JSON", text)
	}
	var v any
	err := terminal.DecodeNumbers([]byte(text), &v)
	return v, err
}

func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}

// setPath sets the value at a path of keys, and makes missing objects.
func setPath(at any, keys []string, value any) error {
	key, last := keys[0], len(keys) == 1
	switch at := at.(type) {
	case map[string]any:
		if last {
			at[key] = value
			return nil
		}
		if at[key] == nil {
			at[key] = map[string]any{}
		}
		return setPath(at[key], keys[1:], value)
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(at) {
			return fmt.Errorf("%q is not an index into a list of %d", key, len(at))
		}
		if last {
			at[i] = value
			return nil
		}
		return setPath(at[i], keys[1:], value)
	}
	return fmt.Errorf("the parent of %q is not an object", key)
}
