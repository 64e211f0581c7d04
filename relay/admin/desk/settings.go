package desk

import "time"

// Zone returns the time zone of the rules.
func (d *Desk) Zone() *time.Location { return d.o.Config().Settings.Location }

// Retention returns how long events are kept, and how long those with dead letters are.
func (d *Desk) Retention() (events, dead time.Duration) {
	kept := d.o.Config().Settings.Retention
	return kept.Events, kept.Dead
}

// Now returns the time of the store.
func (d *Desk) Now() time.Time { return d.o.Store.Now() }
