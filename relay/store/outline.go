package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Outline is what lists show of an event beside its names. It is made with the plan.
type Outline struct {
	Subject string // what the event is about, at most MaxSubject characters
	Outcome string // one of OutlineOutcomes; empty is an event that was stored by an earlier release, and not looked at yet
	Rules   []RuleOutcome
}

// RuleOutcome is what a rule did with an event: one that matched, waits, or failed.
type RuleOutcome struct{ Rule, Outcome string }

// MaxSubject is the length of the longest subject, in characters.
const MaxSubject = 200

// The outcomes of an event.
const (
	OutcomeMatched = "matched" // messages were made
	OutcomeHeld    = "held"    // rules matched, and none of them made a message at once
	OutcomeNone    = "none"    // no rule matched
	OutcomeError   = "error"   // a rule failed
	OutcomeWaiting = "waiting" // the event is not decided yet
)

// OutlineOutcomes lists the outcomes of an event.
func OutlineOutcomes() []string {
	return []string{OutcomeMatched, OutcomeHeld, OutcomeNone, OutcomeError, OutcomeWaiting}
}

// maxRulesText bounds the text of the outcomes of rules, in bytes. A text that ends early names the first rules.
const maxRulesText = 4 << 10

// RulesText returns the outcomes of the rules as the engines keep them: a line for each, with a tab between the two.
// The text begins and ends with a line break, so that a search for "\nRULE\t" or "\tOUTCOME\n" finds whole ones.
func (o *Outline) RulesText() string {
	if len(o.Rules) == 0 {
		return ""
	}
	text := make([]byte, 1, 64)
	text[0] = '\n'
	for _, r := range o.Rules {
		if len(text)+len(r.Rule)+len(r.Outcome) > maxRulesText {
			break
		}
		text = append(append(append(append(text, RuleInText(r.Rule)...), '\t'), r.Outcome...), '\n')
	}
	return string(text)
}

// RuleInText returns the name of a rule as RulesText has it.
func RuleInText(name string) string {
	if !strings.ContainsAny(name, "\n\t") {
		return name
	}
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(name)
}

// ParseRules reads what RulesText returns.
func ParseRules(text string) (list []RuleOutcome) {
	for line := range strings.Lines(strings.TrimPrefix(text, "\n")) {
		if rule, outcome, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			list = append(list, RuleOutcome{rule, outcome})
		}
	}
	return list
}

// CutSubject returns a text as a subject: one that is too long ends with an ellipsis.
func CutSubject(text string) string {
	if len(text) <= MaxSubject || utf8.RuneCountInString(text) <= MaxSubject {
		return text
	}
	n := 0
	for at := range text {
		if n++; n == MaxSubject {
			return text[:at] + "…"
		}
	}
	return text
}

// Outlined is a row of a list of events.
type Outlined struct {
	ID         ID
	Source     string
	Name       string
	Project    string
	ReceivedAt time.Time
	Kind       string
	ReplayOf   ID
	Outline
}

// OutlineFilter selects events. Zero fields select all.
type OutlineFilter struct {
	Source, Name, Project string
	Rule                  string // a rule that matched, waits or failed
	Outcome               string // of the event, or of one of its rules
	Before                ID     // only older ones than this, for paging
	After                 ID     // only newer ones than this
	OldestFirst           bool
	Limit                 int // at most 1000; zero means 50
}

// EventStates says how far the deliveries of one event are.
type EventStates struct {
	Count  map[State]int
	DryRun int       // of the cancelled ones, those that were never to be sent
	NextAt time.Time // when the first pending one is due, or zero
}

// Outlines reads what lists of events show, without the bodies.
type Outlines interface {
	// Outlines lists events in pages as Reader.Events does.
	Outlines(ctx context.Context, f OutlineFilter) (list []Outlined, next ID, err error)
	// OutlinesOf returns the rows of events that exist, by id.
	OutlinesOf(ctx context.Context, ids []ID) (map[ID]Outlined, error)
	// DeliveryStates counts the deliveries of events by state. Events without deliveries are left out.
	DeliveryStates(ctx context.Context, events []ID) (map[ID]EventStates, error)
	// FillOutlines makes the outlines of some events that an earlier release has stored, the newest first, and counts
	// them and their deliveries among the tallies. It returns the time from which on all is filled, which is zero once
	// nothing is left. Relays on one store may call it at the same time.
	FillOutlines(ctx context.Context, outline func(*StoredEvent) Outline) (from time.Time, err error)
}
