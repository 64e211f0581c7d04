package trial

// Bound keeps a process of a test within the limits of one that works on a draft.
func Bound() { bound(maxTime) }
