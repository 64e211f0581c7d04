package notifiers

import "strconv"

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

// LevelEmoji returns the emoji of a level, for channels without colors.
func LevelEmoji(level string) string {
	switch level {
	case "success":
		return "✅"
	case "warning":
		return "⚠️"
	case "error":
		return "❌"
	}
	return "ℹ️"
}

// Origin names what caused a message: its rule, project and event, as far as they are known.
func (m *Message) Origin() []string {
	var parts []string
	for _, s := range []string{m.Rule, m.Project, m.EventName} {
		if s = OneLine(s); s != "" {
			parts = append(parts, s)
		}
	}
	return parts
}
