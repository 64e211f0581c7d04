package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
)

var (
	ofMoment = regexp.MustCompile(`\{\{-?\s*\.(timestamp|time)\s*-?\}\}`)
	ofPlan   = regexp.MustCompile(`\{\{-?\s*\.entity\.plan(\.\w+)?\s*-?\}\}`)
)

// joins reports whether messages whose texts are equal belong together.
func joins(t rulefile.TextSource) bool {
	return slices.Contains([]string{"thread", "update", "dedup_key"}, t.Key)
}

// lintJoiningKey warns of a key by which messages are joined that each event has for itself, or that all runs without a
// plan share.
func (c *checker) lintJoiningKey(t rulefile.TextSource) []diag.Finding {
	if !joins(t) || strings.Contains(t.Text, "{{ if") {
		return nil
	}
	if moment := ofMoment.FindStringSubmatch(t.Text); moment != nil {
		return []diag.Finding{{
			Message: fmt.Sprintf("%s: .%s differs for each event, so no two messages have one key", t.Key, moment[1]),
			Hint:    `write what the message is about, such as "run-{{ .payload.id }}"`}}
	}
	plan, rest := ofPlan.FindString(t.Text), ofPlan.ReplaceAllString(t.Text, "")
	if plan == "" || strings.TrimSpace(rest) == "" || c.requiresPlan(t) {
		return nil
	}
	field := strings.Trim(plan, "{}- ")
	return []diag.Finding{{
		Message: fmt.Sprintf("%s: runs without a plan have the key %q in common, so their messages are joined", t.Key, rest),
		Hint:    "give the part a default: {{ " + field + " | default .payload.id }}"}}
}

// requiresPlan reports whether the condition of a text reads the plan.
func (c *checker) requiresPlan(t rulefile.TextSource) bool {
	return t.Rule != nil && t.Rule.Condition != nil && slices.ContainsFunc(c.conditionReads(t.Rule, condition.Facts{}),
		func(f condition.Field) bool { return len(f.Path) > 0 && f.Path[0] == "plan" })
}

// lintSharedKey warns of a key that things have in common which have nothing to do with each other: all events of a
// name, or things of two types with the same id.
func (c *checker) lintSharedKey(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	reads := c.readsOf(t.Text)
	if !joins(t) || t.Compiled == nil || c.left <= 0 {
		return nil
	}
	if t.Rule == nil {
		events = c.eventsOfNotifier(t)
	}
	if !slices.ContainsFunc(reads, tellsApart) {
		return c.lintScopeKey(t, reads)
	}
	if found := c.sharedByTypes(t, events); found != nil {
		return found
	}
	for _, e := range events {
		if found := c.sharedByEvents(t, e, events, reads); found != nil {
			return found
		}
	}
	return nil
}

// tellsApart reports whether the value at a path differs between things of one project.
func tellsApart(path string) bool {
	return !slices.Contains([]string{"project_code", "source", "event_name", "event_type", "event_action", "rule", "level"},
		path)
}

// lintScopeKey warns of a key without a part of its own for each thing.
func (c *checker) lintScopeKey(t rulefile.TextSource, reads []string) []diag.Finding {
	if len(reads) == 0 || t.Across || t.Key == "dedup_key" || c.isAboutOne(t) {
		return nil
	}
	return []diag.Finding{{Message: fmt.Sprintf("%s: the key %s is the same for every such event, so %s", t.Key,
		strconv.Quote(t.Text), rulefile.JoiningEffect(t.Key)), Hint: rulefile.JoiningHint}}
}

// oneID is the id of everything in the trials that look for keys of several types.
const oneID = 987_654_321

// sharedByTypes warns of a key that things of two types have in common if their ids are equal.
func (c *checker) sharedByTypes(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	kinds := map[string]string{} // by key, the first type
	for _, e := range events {
		for _, one := range c.trialsOf(withOneID, e.Name, idVariants) {
			c.left--
			text, err := t.Compiled.Render(one.Context())
			kind, _, _ := strings.Cut(e.Name, ".")
			if err != nil || !strings.Contains(text, strconv.Itoa(oneID)) {
				continue
			}
			other, known := kinds[text]
			if kinds[text] = kind; !known || other == kind {
				continue
			}
			return []diag.Finding{{
				Message: fmt.Sprintf("%s: a %s and a %s with the same id have one key, so their messages are joined", t.Key,
					words(other), words(kind)),
				Hint: `write "` + typedKey(t.Text) + `"`}}
		}
	}
	return nil
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// typeWord matches the name of a type at the beginning of a key.
var typeWord = regexp.MustCompile(`^[a-z_]+-`)

// typedKey returns a key with the type of the entity in front.
func typedKey(text string) string { return "{{ .event_type }}-" + typeWord.ReplaceAllString(text, "") }

// idVariants are an event whose entity has oneID.
func idVariants(name string) []variant {
	return []variant{{name: name, change: setPayload(func(key string, value any) (any, bool) {
		return oneID, key == "id"
	})}}
}

// sharedByEvents warns of a key that all events of a name have in common, because they lack what it reads.
func (c *checker) sharedByEvents(t rulefile.TextSource, e *catalog.Schema, events []*catalog.Schema,
	reads []string) []diag.Finding {
	own := slices.DeleteFunc(slices.Clone(reads), func(path string) bool { return !tellsApart(path) })
	key := ""
	for _, one := range c.trials(e.Name)[:2] { // the example, without and with its earlier events
		c.left--
		text, err := t.Compiled.Render(one.Context())
		has := func(path string) bool { return readsMessage([]string{path}) || one.valueAt(path) != nil }
		if err != nil || strings.TrimSpace(text) == "" || slices.ContainsFunc(own, has) {
			return nil // an empty key joins nothing
		}
		key = text
	}
	return []diag.Finding{{
		Message: fmt.Sprintf("%s: %s has no .%s, so all its messages have the key %q in common", t.Key, e.Name,
			strings.Join(own, " or ."), key),
		Hint: otherID(t.Text, e, events, own[0])}}
}

// otherID says how to write a key for an event that lacks the field at a path, beside the other events of the rule.
func otherID(text string, e *catalog.Schema, events []*catalog.Schema, path string) string {
	const id = ".payload.id }}"
	for _, other := range []string{"run_id", "hash", "id", "case_id"} {
		if _, listed := e.Fields[other]; !listed || !strings.Contains(text, id) {
			continue
		}
		with := ".payload." + other + " }}"
		if slices.ContainsFunc(events, func(e *catalog.Schema) bool { _, listed := e.Fields["id"]; return listed }) {
			with = ".payload." + other + " | default " + id
		}
		return `write "` + strings.ReplaceAll(text, id, with) + `"`
	}
	if root, rest, _ := strings.Cut(path, "."); root == "payload" {
		if missing, _ := catalog.CheckEntity(strings.Split(rest, "."), []*catalog.Schema{e}); missing == "" {
			return ".entity." + rest + " has it, from an earlier event"
		}
	}
	return "leave these events to a rule of their own, or give the part a default"
}

// eventsOfNotifier returns the events of the rules whose messages have a text of a notifier.
func (c *checker) eventsOfNotifier(t rulefile.TextSource) (events []*catalog.Schema) {
	for _, r := range c.file.Source.Rules {
		for _, target := range r.Targets {
			if target.Target == nil || !c.file.Source.Notifiers[target.Notifier].Contains(t.At) {
				continue
			}
			if _, own := target.At.Child(t.Key); own {
				continue
			}
			for _, e := range c.matching[r.Rule] {
				if !slices.Contains(events, e) {
					events = append(events, e)
				}
			}
		}
	}
	return events
}
