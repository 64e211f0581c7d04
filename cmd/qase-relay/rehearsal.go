package main

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

// rehearsal says what event to make: a changed example if it has a name, and where and when it comes in.
type rehearsal struct {
	name   string
	sets   []string
	source string
	at     time.Time
	before *event.Event // an example comes before this event and is about the same thing; nil if it is the event itself
}

// read makes the event of a file, or of the catalogue.
func (r rehearsal) read(c *terminal.Console, file string) (*event.Event, error) {
	if _, known := catalog.Lookup(file); known && !isFile(file) {
		r.name, r.sets = file, r.sameThing(file)
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
		warnOfUnknownEvent(c.Err, ev.Name, "explaining")
	}
	return ev, nil
}

// sameThing makes the example of another event be about the run, defect … of the event that it comes before.
func (r rehearsal) sameThing(name string) (sets []string) {
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

func (r rehearsal) draft(c *terminal.Console, file string) (*draft, error) {
	if r.name == "" {
		return draftFromFile(c.In, file, r.sets)
	}
	if known, ok := catalog.Lookup(r.name); ok {
		warnOfUnknownFields(c.Err, known, r.sets)
	}
	return draftFromSample(r.name, r.sets)
}

func warnOfUnknownEvent(s *terminal.Screen, name, doing string) {
	advice := ""
	if hint := catalog.Hint(name); hint != "" {
		advice = " (" + hint + ")"
	}
	s.Printf("%s the catalogue knows no event %q%s; %s it all the same\n", s.Warn("note:"), terminal.Printable(name), advice, doing)
}
