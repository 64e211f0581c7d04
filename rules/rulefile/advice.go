package rulefile

import (
	"strconv"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/yamldoc"
)

// advise reports what the type of the notifier says of an option, each at its place.
func (c *optionCompiler) advise(e yamldoc.Entry) {
	if c.info.kind.Advise == nil {
		return
	}
	for _, a := range c.info.kind.Advise(c.info.config, e.Key.Value, asWritten(e.Value)) {
		severity := diag.Warning
		if a.Wrong {
			severity = diag.Error
		}
		at := nodeAt(e.Value, a.Path)
		if len(a.Path) == 0 {
			at = e.Key
		}
		c.file.Report(at, severity, a.Message, a.Hint)
	}
}

// asWritten is what n holds, with its templates and variables as they are written; nil if it is too large for an option.
func asWritten(n *yaml.Node) any {
	r := writtenReader{left: maxWritten}
	if v := r.value(n); r.left >= 0 {
		return v
	}
	return nil
}

// maxWritten bounds the nodes of one option, aliases counted each time.
const maxWritten = 100_000

type writtenReader struct{ left int }

func (r *writtenReader) value(n *yaml.Node) any {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if r.left--; r.left < 0 {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = r.value(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = r.value(item)
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	}
	return n.Value
}

// nodeAt returns the node that a path leads to, or the last one on the way.
func nodeAt(n *yaml.Node, path []string) *yaml.Node {
	for _, key := range path {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next := -1
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content) && next < 0; i += 2 {
				if n.Content[i].Value == key {
					next = i + 1
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(key); err == nil && i < len(n.Content) {
				next = i
			}
		}
		if next < 0 {
			return n
		}
		n = n.Content[next]
	}
	return n
}
