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
	// Fields names lists of fields.
	Fields []string `yaml:"fields"`
}

// fieldSource is the text of the template of one field.
type fieldSource struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

//go:embed defaults.yaml
var defaultsYAML []byte

// defaults are the messages that rules without a level, title or body of their own send, by the name of the event ("*" stands for every
// other), with the partials that they call and the lists of fields that they name.
type defaults struct {
	Templates map[string]string        `yaml:"templates"`
	Fields    map[string][]fieldSource `yaml:"fields"`
	Events    map[string]messageSource `yaml:"events"`
}

// loadDefaults reads them once; they are shared, so nobody may change them. It panics on a file that cannot be read: it is part of the program, and a test reads it.
var loadDefaults = sync.OnceValue(func() defaults {
	var d defaults
	dec := yaml.NewDecoder(bytes.NewReader(defaultsYAML))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("rules: reading defaults.yaml: %w", err))
	}
	return d
})
