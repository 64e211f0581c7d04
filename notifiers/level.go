package notifiers

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
