package lint

import (
	"regexp"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// doubledPercent matches a result of percent with a second sign behind it.
var doubledPercent = regexp.MustCompile(`\{\{-?\s*\(?\s*percent\s[^{}]*\}\}%`)

// lintSigns warns of a second percent sign, and of mentions where none is sent.
func lintSigns(t rulefile.TextSource, called []template.Call) (all []diag.Finding) {
	if at := doubledPercent.FindStringIndex(t.Text); at != nil {
		all = append(all, diag.Finding{At: diag.Locate(t.Text, diag.Column(t.Text, at[1]-1)),
			Message: "percent writes its sign itself, so there are two", Hint: "leave out the % behind }}"})
	}
	if t.Key != "title" && t.Key != "subject" {
		return all
	}
	for _, call := range called {
		if call.Name == "mention" {
			all = append(all, diag.Finding{At: call.At,
				Message: "mention in a " + t.Key + " writes only the name, so nobody is notified",
				Hint:    "write it in body, or mention: [bob@example.com] on the entry of notify; for the name write person"})
		}
	}
	return all
}
