package lint

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/message"
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
		if call.Name == "link" {
			all = append(all, diag.Finding{At: call.At, Message: "link in a " + t.Key + " writes only its text",
				Hint: "write it in body; the title leads to the run, defect … where the service has links"})
		}
		if call.Name == "mention" {
			all = append(all, diag.Finding{At: call.At,
				Message: "mention in a " + t.Key + " writes only the name, so nobody is notified",
				Hint:    "write it in body, or mention: [bob@example.com] on the entry of notify; for the name write person"})
		}
	}
	return all
}

// plainMarkup are the signs of Markdown and HTML that are shown as they are in plain text.
var plainMarkup = []struct {
	pattern *regexp.Regexp
	sign    string
}{
	{regexp.MustCompile(`\*\*[^*\s](?:[^*\n]*[^*\s])?\*\*`), "**"},
	{regexp.MustCompile(`(?:^|[\s(])__[^_\s](?:[^_\n]*[^_\s])?__(?:[\s).,:;!?]|$)`), "__"},
	{regexp.MustCompile(`(?:^|[\s(])_[^_\s](?:[^_\n]*[^_\s])?_(?:[\s).,:;!?]|$)`), "_"},
	{regexp.MustCompile(`(?:^|[\s(])\*[^*\s](?:[^*\n]*[^*\s])?\*(?:[\s).,:;!?]|$)`), "*"},
	{regexp.MustCompile(`~~[^~\s](?:[^~\n]*[^~\s])?~~`), "~~"},
	{regexp.MustCompile("`[^`\n]+`"), "`"},
	{regexp.MustCompile(`^#{1,6}\s+\S`), "#"},
	{regexp.MustCompile(`\[[^\]\n]+\]\((?:https?://[^)\s]*|\x00[^)\s]*)\)`), "[…](…)"},
	{regexp.MustCompile(`(?i)</?(?:b|i|u|em|strong|code|br|p|h[1-6]|span|div|a)(?:\s[^>]*)?/?>`), "the HTML"},
}

// lintPlain warns of the first Markdown or HTML in a title or subject, which are plain text.
func lintPlain(t rulefile.TextSource) (first []diag.Finding) {
	if t.Key != "title" && t.Key != "subject" {
		return nil
	}
	literal := template.Literal(t.Text)
	place := len(literal)
	for _, markup := range plainMarkup {
		at := markup.pattern.FindStringIndex(literal)
		if at == nil {
			continue
		}
		found := strings.TrimLeft(literal[at[0]:at[1]], " \t\n(")
		if begin := at[1] - len(found); begin < place {
			place = begin
			first = []diag.Finding{{At: template.PositionOf(t.Text, begin),
				Message: t.Key + " is plain text, so " + markup.sign + " is shown as it is",
				Hint:    "leave it out; Markdown is for body"}}
		}
	}
	return first
}

// lintShortcode warns of the name of an emoji in a title or subject for services that show it as it is.
func (c *checker) lintShortcode(t rulefile.TextSource) []diag.Finding {
	found, at := message.FirstShortcode(template.Literal(t.Text))
	if found == "" || t.Rule == nil || t.Key != "title" && t.Key != "subject" {
		return nil
	}
	where := "in emails"
	if t.Key == "title" {
		kind := c.kindWithoutShortcodes(t.Rule)
		if kind == "" {
			return nil
		}
		where = "by notifiers of type " + kind
	}
	return []diag.Finding{{At: template.PositionOf(t.Text, at), Message: found + " is shown as it is " + where,
		Hint: "write the emoji itself, such as 🚨"}}
}

// kindWithoutShortcodes returns the first type among the notifiers of a rule that has no names for emoji, or "".
func (c *checker) kindWithoutShortcodes(r *rules.Rule) string {
	for _, t := range r.Targets {
		for _, n := range c.file.Notifiers {
			if n.Name == t.Notifier && !slices.Contains([]string{"slack", "http"}, n.Type) {
				return n.Type
			}
		}
	}
	return ""
}
