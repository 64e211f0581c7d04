package notifiers

import (
	"slices"
	"strconv"
)

// LevelColor is the color that stands for a level in every channel.
func LevelColor(level string) string {
	switch level {
	case "success":
		return "#16a34a"
	case "warning":
		return "#d97706"
	case "error":
		return "#dc2626"
	}
	return "#2563eb"
}

// ColorNumber is LevelColor as a number.
func ColorNumber(level string) int {
	n, err := strconv.ParseInt(LevelColor(level)[1:], 16, 32)
	if err != nil {
		return 0 // the colors are ours
	}
	return int(n)
}

// Context returns the parts of the small line below a message: its project, unless a field shows it, and its rule.
func (m *Message) Context() []string {
	var parts []string
	project, rule := OneLine(m.Project), OneLine(m.Rule)
	if project != "" && !slices.ContainsFunc(m.Fields, func(f Field) bool { return f.Name == "Project" }) {
		parts = append(parts, "Project: "+Cut(project, 200))
	}
	if rule != "" {
		parts = append(parts, "Rule: "+Cut(rule, 200))
	}
	return parts
}
