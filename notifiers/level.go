package notifiers

import "strconv"

// levelColor is the colour that stands for a level in every channel.
func levelColor(level string) string {
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

// colorNumber is levelColor as a number.
func colorNumber(level string) int {
	n, err := strconv.ParseInt(levelColor(level)[1:], 16, 32)
	if err != nil {
		return 0 // the colours are ours
	}
	return int(n)
}

// levelEmoji is the sign that stands for a level where there is no colour.
func levelEmoji(level string) string {
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

// origin names what caused a message: its rule, project and event, as far as they are known.
func (m *Message) origin() []string {
	var parts []string
	for _, s := range []string{m.Rule, m.Project, m.EventName} {
		if s = oneLine(s); s != "" {
			parts = append(parts, s)
		}
	}
	return parts
}
