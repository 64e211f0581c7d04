package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

// draft is an event to post, of which copies can be made that differ.
type draft struct {
	raw     []byte         // posted as it is when it is the only copy
	event   map[string]any // numbers of a file and of --set are json.Number
	fixTime bool           // the timestamp was given and stays
}

// draftFromSample makes a draft of the catalog's example of an event, or of an event that the catalog does not know.
func draftFromSample(name string, sets []string) (*draft, error) {
	d := &draft{event: event.Sample(name)}
	if _, known := catalog.Lookup(name); !known {
		d.event["payload"], d.event["project_code"], d.event["team_member_id"] = map[string]any{"id": 1}, "WEB", 0
	}
	return d, d.apply(sets)
}

// draftFromFile takes a file as it is. It has to be JSON only if something in it is to be changed.
func draftFromFile(stdin io.Reader, name string, sets []string) (*draft, error) {
	read := func() ([]byte, error) { return os.ReadFile(name) }
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(stdin) }
	}
	data, err := read()
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
		return fmt.Errorf("the event is no JSON object: %w", err)
	}
	if d.event == nil {
		return errors.New("the event is null, not a JSON object")
	}
	return nil
}

// copy returns the body of the n-th copy, from 0. Copies have ids of their own, so that no relay takes them for the same.
func (d *draft) copy(n int, now time.Time) ([]byte, error) {
	if n == 0 && d.raw != nil {
		return d.raw, nil
	}
	if d.event == nil {
		if err := d.decode(); err != nil {
			return nil, err
		}
	}
	event := maps.Clone(d.event)
	if !d.fixTime {
		event["timestamp"] = now.Unix()
	}
	if n > 0 {
		event["payload"] = numbered(event["payload"], n)
	}
	return json.Marshal(event)
}

// numbered returns payload with n added to its id, or to its hash, which stands for the id of shared steps.
func numbered(payload any, n int) any {
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

func (d *draft) apply(sets []string) error {
	for _, set := range sets {
		path, value, ok := strings.Cut(set, "=")
		if !ok || path == "" {
			return terminal.Hint(fmt.Errorf("--set %q has no value", set), "for example --set payload.failed=3")
		}
		keys := strings.Split(path, ".")
		if err := knownEnvelope(keys[0], path); err != nil {
			return err
		}
		v, err := typed(value)
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

func knownEnvelope(key, path string) error {
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
	return terminal.Hint(fmt.Errorf("--set %s: an event has no field %s", path, key), "did you mean %s? Beside payload there are: %s", advice, strings.Join(names, ", "))
}

// typed reads a value as a person would mean it.
func typed(text string) (any, error) {
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
		return nil, fmt.Errorf("%s begins like JSON but is not", text)
	}
	var v any
	err := terminal.DecodeNumbers([]byte(text), &v)
	return v, err
}

func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}

// setPath sets what keys lead to, and makes the objects on the way.
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
			return fmt.Errorf("%q is no index into a list of %d", key, len(at))
		}
		if last {
			at[i] = value
			return nil
		}
		return setPath(at[i], keys[1:], value)
	}
	return fmt.Errorf("what is above %q is no object", key)
}
