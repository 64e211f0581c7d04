package calls

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/template"
)

// names checks the keys and names in a call: fields that dig reads, and people that mention names.
func (w *World) names(call template.Call) diag.Finding {
	n := len(call.Args)
	switch {
	case call.Name == "mention" && n == 1 && call.Args[0].IsText:
		if message, hint := w.Person(call.Args[0].Text); message != "" {
			return diag.Finding{At: call.Args[0].At, Message: message + ", so nobody is mentioned",
				Hint: strings.ReplaceAll(hint, "OPTION", "mention")}
		}
	case call.Name == "dig" && n > 2:
		return w.keys(call.Args[n-1], call.Args[:n-2])
	}
	return diag.Finding{}
}

// keys reports the keys by which an object is read if they do not lead to a field.
func (w *World) keys(object template.Arg, keys []template.Arg) diag.Finding {
	path := slices.Clone(object.Path)
	for _, key := range keys {
		if !key.IsText || key.Text == "" || strings.Contains(key.Text, ".") {
			return diag.Finding{}
		}
		path = append(path, key.Text)
	}
	if len(object.Path) == 0 || object.Item {
		return diag.Finding{}
	}
	message, hint := w.Field(path)
	if message == "" {
		return diag.Finding{}
	}
	return diag.Finding{At: keys[len(keys)-1].At, Message: message, Hint: hint}
}

// Ranges returns the findings about the values that a template goes through with range: anything but a list, and an
// object without its keys.
func (w *World) Ranges(ranges []template.Range) (all []diag.Finding) {
	for _, r := range ranges {
		if len(r.Path) == 0 || r.Item {
			continue
		}
		f := diag.Finding{At: r.At, Hint: fmt.Sprintf("write {{ with %s }} for a block about it", r.Source)}
		switch w.Type(r.Path) {
		case "object":
			if r.Pairs {
				continue
			}
			f.Message = r.Source + " is an object, so range goes through the values of its fields"
			if r.Source == "." {
				f.Hint = "leave out range; the fields are .title and so on here"
			}
		case "string":
			f.Message = r.Source + " is text, and range goes through lists"
		case "boolean":
			f.Message, f.Hint = r.Source+" is true or false, and range goes through lists", fmt.Sprintf("write {{ if %s }}", r.Source)
		case "integer", "number":
			if !r.Reads {
				continue // the text is repeated
			}
			f.Message = r.Source + " is a number, so range counts up to it"
			f.Hint = "range goes through lists, such as .entity.reviewers"
		default:
			continue
		}
		all = append(all, f)
	}
	return all
}

// checkLength reports a text that is cut to nothing.
func checkLength(call template.Call) diag.Finding {
	if len(call.Args) != 2 || call.Args[0].Literal != 0 {
		return diag.Finding{}
	}
	effect := "leaves nothing of the text"
	if call.Name != "trunc" {
		effect = "leaves the text as it is"
	}
	return diag.Finding{At: call.Args[0].At, Message: call.Name + " 0 " + effect,
		Hint: fmt.Sprintf("write how many characters it keeps, such as %s 80 %s", call.Name, unpiped(call.Args[1]).Source)}
}
