package rulefile

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/yamldoc"
)

// blamed returns the value of the key that an error names, such as oauth2.token_url, or as much of its path as there is, or else the
// whole notifier.
func blamed(node *yaml.Node, entries []yamldoc.Entry, err error) *yaml.Node {
	var blame interface{ Field() string }
	if !errors.As(err, &blame) {
		return node
	}
	path, nested, _ := strings.Cut(blame.Field(), ".")
	for _, e := range entries {
		if e.Key.Value != path && e.Key.Value != path+"_file" {
			continue
		}
		value := e.Value
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		for key := range strings.SplitSeq(nested, ".") {
			value = valueAt(value, key)
		}
		return value
	}
	return node
}

// valueAt returns the value of a key of a mapping or of the key's file, or the mapping itself if it has neither.
func valueAt(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return n
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if name := n.Content[i].Value; name == key || name == key+"_file" {
			return n.Content[i+1]
		}
	}
	return n
}
