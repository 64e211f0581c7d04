package lint

import (
	"path/filepath"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// Parse reads rules files and all that they include. It finds every problem at once; the config is nil if any of
// them is an error.
func Parse(files []yamldoc.File, o rulefile.Options) (*rulefile.Config, diag.Problems) {
	b := &rulefile.Builder{O: o, Opened: map[string]bool{}}
	for _, f := range files {
		b.Given = append(b.Given, filepath.Clean(f.Name))
	}
	for _, f := range files {
		b.Open(f)
	}
	config := b.Build()
	lint(b, config)
	b.Problems.Sort()
	if b.Problems.Err() != nil {
		return nil, b.Problems
	}
	return config, b.Problems
}
