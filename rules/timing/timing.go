// Package timing holds the keys of time of a rule: what keeps its messages back, and for how long. Package rules does what
// they say.
package timing

import (
	"time"

	"qaserelay/rules/condition"
	"qaserelay/rules/flow"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
)

// Timing holds a rule's keys of time: what keeps its messages back, and for how long. The zero value keeps none.
type Timing struct {
	Throttle *Throttle
	Group    *Group
	After    *After
	// Was are earlier names of the rule, whose slots it takes over.
	Was []string
}

// Throttle lets so many messages through in a window of time.
type Throttle struct {
	By By
	flow.ThrottleLimit
}

// Group collects messages in a digest.
type Group struct {
	By    By
	Wait  time.Duration // from the first member, at the longest
	Quiet time.Duration // from the newest member; zero is not set
	At    *window.Times // in place of Wait: the times at which digests leave
	// SendEmpty sends a digest at each of these times, also one without members.
	SendEmpty bool
	Max       int // how many members are listed
	// SendFirst sends the first message at once; the digest is of those that follow.
	SendFirst bool
	// Split sends a digest that has Max members, and opens another one.
	Split       bool
	Level       string             // empty for the worst of the members
	Title, Body *template.Template // nil for those of the rule, or of the default digest
}

// DefaultMaxListed is how many members a digest lists by default.
const DefaultMaxListed = 100

// After sends a message only if a later event does not prevent it.
type After struct {
	By       By             // without any: the entity
	In       *window.Window // only its open time counts; nil for all
	FromLast bool           // a second match postpones the message
	Unless   *condition.Condition
	Steps    []Step // in the order of their times
	Resolved bool   // a message says that Unless has come true after all
}

// Due returns when a step is due, or the zero time behind the last one.
func (a *After) Due(step int, from time.Time) time.Time {
	if step >= len(a.Steps) {
		return time.Time{}
	}
	if a.In != nil {
		return a.In.Add(from, a.Steps[step].At)
	}
	return from.Add(a.Steps[step].At)
}

// Step is one message of a wait.
type Step struct {
	At       time.Duration // since the start
	Reminder int           // the number of the reminder; 0 for the first message and for escalations
	Escalate bool
	Targets  []*target.Target // nil for those of the rule
	Level    string           // empty for that of the rule
}

// By are the expressions whose values tell the slots of a rule apart. Without any, a rule has one slot.
type By []*condition.Expression

// Active is when the messages of a rule may be sent.
type Active struct {
	Window *window.Window
	Name   string // of the window; empty if the rule defines it
	Drop   bool   // while the window is closed, messages are dropped; otherwise they are held until it opens
}

// String names the window for people, such as "office (mon–fri 09:00–18:00 Europe/Berlin)".
func (a *Active) String() string {
	if a.Name == "" {
		return a.Window.String()
	}
	return a.Name + " (" + a.Window.String() + ")"
}
