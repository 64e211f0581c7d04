package rules

// renderFallbacks renders the options that a message has where it goes when it dies.
func (t *Target) renderFallbacks(dot map[string]any) (all []Fallback, notes []string) {
	for _, f := range t.Fallbacks {
		options, failed := f.renderOptions(dot)
		all, notes = append(all, Fallback{f.Notifier, options}), append(notes, failed...)
	}
	return all, notes
}
