package rules

// Parse reads rules files and all that they include. It finds every problem at once; the config is nil if any of
// them is an error.
func Parse(files []File, o Options) (*Config, Problems) { return nil, nil }
