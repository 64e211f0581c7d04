package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint/layout"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// lintLiteral returns the findings about the text of a template around its actions: placeholders of other languages
// and, in a title or body, markup of Slack and line breaks that are printed as they are.
func lintLiteral(t rulefile.TextSource) []diag.Finding {
	literal := template.Literal(t.Text)
	all := slices.Concat(foreignPlaceholders(t.Text, literal), percentVerbs(t.Text, literal), lintPlain(t))
	if t.Rule != nil && (t.Form == template.FormMarkdown || t.Key == "title") {
		all = append(all, slackMarkup(t.Text, literal)...)
		all = append(all, escapes(t.Text, literal)...)
	}
	return all
}

// placeholders are the ways in which other languages write a value. The first group of each is the value.
var placeholders = []*regexp.Regexp{
	regexp.MustCompile(`<%=?\s*(.*?)\s*%>`),
	regexp.MustCompile(`\[\[\s*(.*?)\s*\]\]`),
	regexp.MustCompile(`[#%$]?\{\s*\.?([\w.]+)\s*\}`),
	regexp.MustCompile(`%\(([\w.]+)\)[sdr]`),
	regexp.MustCompile(`\$([\w.]+)`),
}

// shellVariable matches an environment variable as a shell writes it.
var shellVariable = regexp.MustCompile(`^\$[A-Z][A-Z0-9]*_[A-Z0-9_]+$`)

// jinja matches a tag of Jinja and its like.
var jinja = regexp.MustCompile(`\{%-?\s*(.*?)\s*-?%\}`)

// foreignPlaceholders returns the findings about values in the way of another language, one of each kind.
func foreignPlaceholders(text, literal string) (all []diag.Finding) {
	if m := jinja.FindStringSubmatchIndex(literal); m != nil {
		all = append(all, diag.Finding{At: template.PositionOf(text, m[0]), Message: "{% … %} is printed as it is",
			Hint: "write " + templateTag(literal[m[2]:m[3]])})
	}
	var seen [][2]int
	for _, p := range placeholders {
		for _, m := range p.FindAllStringSubmatchIndex(literal, -1) {
			action := valueAction(literal[m[2]:m[3]])
			within := slices.ContainsFunc(seen, func(s [2]int) bool { return s[0] <= m[0] && m[0] < s[1] })
			if action == "" && shellVariable.MatchString(literal[m[0]:m[1]]) {
				action = "${" + literal[m[2]:m[3]] + "} for an environment variable"
			}
			if action == "" || within {
				continue
			}
			seen = append(seen, [2]int{m[0], m[1]})
			all = append(all, diag.Finding{At: template.PositionOf(text, m[0]),
				Message: literal[m[0]:m[1]] + " is printed as it is", Hint: "write " + action})
			break
		}
	}
	return all
}

// Values in the way of printf and of strftime. The sign of a percentage has a digit before it, and an escape in a URL is
// followed by two hexadecimal digits.
var (
	printfVerb   = regexp.MustCompile(`(?:^|[^\w%])(%(?:\d\$|\d?\.\d)?[dsvifu])\b`)
	strftimeVerb = regexp.MustCompile(`%[YymBbdeHIMS](?:[-:/., T]{1,2}%[YymBbdeHIMSp])+`)
)

// percentVerbs returns a finding about the first verb of printf or strftime in a text.
func percentVerbs(text, literal string) []diag.Finding {
	if m := strftimeVerb.FindStringIndex(literal); m != nil {
		_, hint := layout.Explain(literal[m[0]:m[1]])
		return []diag.Finding{{At: template.PositionOf(text, m[0]), Message: literal[m[0]:m[1]] + " is printed as it is",
			Hint: "write {{ date " + strings.TrimPrefix(hint, "write ") + " .time }}"}}
	}
	m := printfVerb.FindStringSubmatchIndex(literal)
	if m == nil {
		return nil
	}
	return []diag.Finding{{At: template.PositionOf(text, m[2]), Message: literal[m[2]:m[3]] + " is printed as it is",
		Hint: "write the value in its place, such as {{ .payload.failed }}"}}
}

// valueAction returns the action that prints what a placeholder names, or "" if it names nothing of an event.
func valueAction(name string) string {
	name = strings.TrimPrefix(strings.TrimSpace(name), ".")
	root, rest, dotted := strings.Cut(name, ".")
	switch {
	case !regexp.MustCompile(`^[A-Za-z_][\w.]*$`).MatchString(name):
		return ""
	case slices.Contains(catalog.VariableNames(), root) && (dotted || root != "time"):
		return "{{ ." + strings.TrimSuffix(root+"."+rest, ".") + " }}"
	case dotted && !strings.EqualFold(root, "event"):
		return ""
	case dotted:
		name = rest
	}
	switch {
	case name == "title" || name == "url" || name == "environment" || name == "plan":
		return "{{ .entity." + name + " }}"
	case name == "project":
		return "{{ .project_code }}"
	case slices.Contains(catalog.PayloadFields(), name):
		return "{{ .payload." + name + " }}"
	}
	return ""
}

// templateTag returns the action for a tag of Jinja.
func templateTag(tag string) string {
	word, rest, _ := strings.Cut(tag, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "if", "elif", "unless":
		if field := regexp.MustCompile(`[\w.]+`).FindString(rest); field != "" && valueAction(field) != "" {
			return "{{ if " + strings.Trim(valueAction(field), "{ }") + " }} … {{ end }}"
		}
		return "{{ if … }} … {{ end }}"
	case "for":
		if _, list, found := strings.Cut(rest, " in "); found && valueAction(list) != "" {
			return "{{ range " + strings.Trim(valueAction(list), "{ }") + " }} … {{ end }}"
		}
		return "{{ range … }} … {{ end }}"
	}
	return "{{ … }}"
}

var (
	slackTag   = regexp.MustCompile(`<(!\w+(?:\^\w+)?|@[UWS]\w+|#C\w+)(?:\|[^>\n]*)?>`)
	slackLink  = regexp.MustCompile(`<((?:https?://|mailto:|\x00)[^|>\n]*)\|([^>\n]*)>`)
	plainCalls = regexp.MustCompile(`(?:^|[\s(])(@(?:here|channel|everyone|all))\b`)
)

// slackMarkup returns the findings about Slack's own markup in a text that is Markdown.
func slackMarkup(text, literal string) (all []diag.Finding) {
	if m := slackTag.FindStringSubmatchIndex(literal); m != nil {
		all = append(all, diag.Finding{At: template.PositionOf(text, m[0]),
			Message: literal[m[0]:m[1]] + " is printed as it is: titles and bodies are the same for all services",
			Hint:    mentionWords(literal[m[2]:m[3]])})
	}
	if m := slackLink.FindStringSubmatchIndex(literal); m != nil {
		all = append(all, diag.Finding{At: template.PositionOf(text, m[0]),
			Message: "this is a link of Slack, and bodies are Markdown",
			Hint:    fmt.Sprintf("write [%s](%s)", text[m[4]:m[5]], text[m[2]:m[3]])})
	}
	if m := plainCalls.FindStringSubmatchIndex(literal); m != nil {
		name := literal[m[2]:m[3]]
		meant := strings.Replace(name, "@all", "@channel", 1)
		all = append(all, diag.Finding{At: template.PositionOf(text, m[2]),
			Message: name + " is plain text here, so nobody is notified",
			Hint:    fmt.Sprintf("mention people below notify: {notifier: NAME, mention: [%q]}", meant)})
	}
	return all
}

// mentionWords says how to mention what a tag of Slack names.
func mentionWords(tag string) string {
	name := strings.TrimPrefix(tag, "@")
	if group, isGroup := strings.CutPrefix(tag, "!subteam^"); isGroup {
		name = group
	} else if all, isAll := strings.CutPrefix(tag, "!"); isAll {
		name = "@" + all
	}
	if strings.HasPrefix(tag, "#") {
		return "write the name of the channel as text"
	}
	return fmt.Sprintf("mention people below notify: {notifier: NAME, mention: [%q]}", name)
}

var (
	lineBreak = regexp.MustCompile(`\\[nt]`)
	path      = regexp.MustCompile(`[A-Za-z]:\\|\\\\\w`)
)

// escapes returns a finding about \n in a text whose quotes do not make it a line break.
func escapes(text, literal string) []diag.Finding {
	m := lineBreak.FindStringIndex(literal)
	if m == nil || path.MatchString(literal) {
		return nil
	}
	sign := literal[m[0]:m[1]]
	return []diag.Finding{{At: template.PositionOf(text, m[0]), Message: sign + " is printed as it is",
		Hint: "put the text in double quotes, or write | and a new line for each line of it"}}
}
