package rulefile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/yamldoc"
)

// Patterns of names. The name of a source is part of a URL.
var (
	sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	plainName  = regexp.MustCompile(`^[^\s/"'{}\x00-\x1f][^/"'{}\x00-\x1f]{0,98}$`)
)

// uniqueNames are the names of the sources, notifiers, rules or tests so far.
type uniqueNames struct {
	pattern *regexp.Regexp
	first   map[string]string // the position of each name
}

// check reports a name that is missing, not valid, or taken.
func (u uniqueNames) check(d *document, name yamldoc.Text, at *yaml.Node, what string) {
	switch {
	case !name.Given() && (yamldoc.HasKey(at, "name") || d.Misspelt(at, "name")): // reported
	case !name.Given():
		d.Errorf(at, "a %s needs a name", what)
	case !u.pattern.MatchString(name.S):
		d.Report(name.Node, diag.Error, fmt.Sprintf("%q cannot be the name of a %s", name.S, what),
			"use letters, digits, dots and dashes")
	default:
		u.add(d, name, what)
	}
}

// add reports a name that is taken.
func (u uniqueNames) add(d *document, name yamldoc.Text, what string) {
	if first, taken := u.first[name.S]; taken {
		several := what + "s"
		if stem, ends := strings.CutSuffix(what, "y"); ends {
			several = stem + "ies"
		}
		d.Report(name.Node, diag.Error, fmt.Sprintf("two %s are named %q", several, name.S), "the first is at "+first)
		return
	}
	u.first[name.S] = fmt.Sprintf("%s:%d", d.Name, name.Node.Line)
}

// quoted returns a name in quotes with a space behind it, for a sentence; "" without a name.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return strconv.Quote(name) + " "
}
