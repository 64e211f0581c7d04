package rules

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"gopkg.in/yaml.v3"
)

// messageSource is the text of the templates of one message.
type messageSource struct {
	Level string `yaml:"level"`
	Title string `yaml:"title"`
	Body  string `yaml:"body"`
}

// defaultSources returns the messages that rules without a level, title or body of their own send, by the name of the event
// ("*" stands for every other), and the partials that they call. Both are shared: do not change them.
func defaultSources() (partials map[string]string, events map[string]messageSource) {
	d := loadDefaults()
	return d.Templates, d.Events
}

//go:embed defaults.yaml
var defaultsYAML []byte

type defaults struct {
	Templates map[string]string        `yaml:"templates"`
	Events    map[string]messageSource `yaml:"events"`
}

// loadDefaults panics on a file that cannot be read: it is part of the program, and a test reads it.
var loadDefaults = sync.OnceValue(func() defaults {
	var d defaults
	dec := yaml.NewDecoder(bytes.NewReader(defaultsYAML))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("rules: reading defaults.yaml: %w", err))
	}
	return d
})
