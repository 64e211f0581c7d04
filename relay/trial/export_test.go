package trial

import "time"

// Bound keeps a process of a test within the limits of one that works on a draft, but for longer.
func Bound(longest time.Duration) { bound(longest, niceDraft) }

// Within returns the process with another limit of time.
func (p Process) Within(longest time.Duration) Process {
	p.longest = longest
	return p
}
