package rules

import "qaserelay/rules/flow/window"

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
