package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// Range is the part of a list between two ids.
type Range struct {
	Before, After store.ID // zero is open
	OldestFirst   bool
}

// Narrow cuts the range to the ids made from since on and before until. Each is a time, how long ago, or empty.
func (r *Range) Narrow(since, until string) error {
	from, err1 := ParseTime("since", since)
	to, err2 := ParseTime("until", until)
	if since != "" {
		r.After = max(r.After, store.FirstID(from)-1)
	}
	if first := max(1, store.FirstID(to)); until != "" && (r.Before == 0 || first < r.Before) {
		r.Before = first
	}
	return errors.Join(err1, err2)
}

// ParseTime reads a time, or how long ago it was. An empty text is the zero time. name is that of the parameter.
func ParseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err == nil || text == "" {
		return t, nil
	}
	ago, err := value.ParseDuration(text)
	if err != nil {
		return t, fmt.Errorf("%s: want a time such as 2026-01-02T15:04:05Z, or how long ago, such as 24h or 7d, not %q",
			name, text)
	}
	return time.Now().Add(-ago), nil
}

// ParseEvent reads the id of an event or the name of a kind of events; only a name has a dot.
func ParseEvent(text string) (name string, id store.ID) {
	if id, err := store.ParseID(text); err == nil {
		return "", id
	}
	return text, 0
}

// ParseState reads the state of a delivery, or none.
func ParseState(text string) (store.State, error) {
	state := store.State(text)
	if text != "" && !slices.Contains(store.States(), state) {
		names := strings.Trim(fmt.Sprint(store.States()), "[]")
		return state, fmt.Errorf("state: want one of %s, not %q", strings.ReplaceAll(names, " ", ", "), text)
	}
	return state, nil
}

// Reasons lists why attempts can fail.
func Reasons() []string { return notifiers.Reasons() }

// ParseReason reads the reason of an attempt that failed, or none.
func ParseReason(text string) (string, error) {
	if text != "" && !slices.Contains(Reasons(), text) {
		return "", fmt.Errorf("reason: want one of %s, not %q", strings.Join(Reasons(), ", "),
			value.Shorten(text, 40))
	}
	return text, nil
}

// FilterText returns a filter of deliveries in words.
func FilterText(f store.DeliveryFilter) string {
	var words []string
	for _, w := range [][2]string{{"state", string(f.State)}, {"notifier", f.Notifier}, {"rule", f.Rule},
		{"project", f.Project}, {"event", f.EventName}, {"event", idText(f.Event)},
		{"reason", f.Reason}} {
		if w[1] != "" {
			words = append(words, w[0]+" "+w[1])
		}
	}
	if f.After != 0 {
		words = append(words, "since "+(f.After+1).Time().UTC().Format(time.RFC3339))
	}
	if f.Before != 0 {
		words = append(words, "until "+f.Before.Time().UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}
