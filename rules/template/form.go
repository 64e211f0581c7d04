package template

import (
	"encoding/xml"
	"net/url"
	"strings"

	"qaserelay/rules/value"
)

// Form is the format of a rendered text. It decides how the values in the text are escaped.
type Form string

// The forms. Those with public names are also the words of the as:"…" tags of message options.
const (
	FormText        Form = "text"         // one line of plain text
	FormMarkdown    Form = "markdown"     // Markdown
	FormURL         Form = "url"          // a URL that the relay requests
	formHeader      Form = "header"       // the value of an HTTP header
	FormPeople      Form = "people"       // recipients, for people.Directory.Resolve
	FormJSON        Form = "json"         // a request body: JSON if it looks like JSON, plain text otherwise
	FormPlain       Form = "plain"        // plain text of many lines
	FormBlocks      Form = "blocks"       // Slack's Block Kit: each text in it has a form of its own
	FormQuery       Form = "query"        // a body of the type application/x-www-form-urlencoded
	FormXML         Form = "xml"          // XML or HTML
	FormMrkdwn      Form = "mrkdwn"       // Slack's markup
	FormLink        Form = "link"         // a URL that people follow and the relay does not request
	formSituated    Form = "situated"     // Markdown in which the text of a value depends on its place
	formMrkdwnBlock Form = "mrkdwn_block" // a block of code in Slack's markup
	formMrkdwnSpan  Form = "mrkdwn_span"  // a span of code in Slack's markup
	formURLRest     Form = "url_rest"     // the part of a URL behind the host
	formJSONString  Form = "json_string"  // the inside of a JSON string
)

// FormOfType returns the form of a request body with a content type. Without one it is JSON if it looks like it.
func FormOfType(contentType string) Form {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch media = strings.TrimSpace(media); {
	case media == "" || strings.HasSuffix(media, "json"):
		return FormJSON
	case media == "application/x-www-form-urlencoded":
		return FormQuery
	case strings.HasSuffix(media, "xml") || strings.HasSuffix(media, "html"):
		return FormXML
	}
	return FormPlain
}

// xmlText writes a value in XML, without the characters that XML does not have.
func xmlText(v any) string {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(value.PlainText(v))); err != nil {
		return ""
	}
	return out.String()
}

// formAfter returns the form of a value behind the given literal text: the inside of a JSON string differs from the
// outside, and the host of a URL from the rest.
func formAfter(literal string, form Form) Form {
	switch {
	case (form == FormURL || form == FormLink) && urlWithHost.MatchString(literal):
		return formURLRest
	case form == FormJSON && endsInString(literal):
		return formJSONString
	case form == FormMrkdwn:
		return codeForm(literal)
	}
	return form
}

// endsInString reports whether literal ends within a JSON string.
func endsInString(literal string) bool {
	quoted := false
	for i := 0; i < len(literal); i++ {
		switch {
		case quoted && literal[i] == '\\':
			i++
		case literal[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}

// escaper returns the function that writes a value in a form.
func (s *Set) escaper(form Form) func(any) string {
	switch form {
	case FormMarkdown, formSituated:
		return MarkdownText
	case FormURL, FormLink:
		return func(v any) string { return strings.TrimSpace(value.OneLine(value.PlainText(v))) }
	case formURLRest:
		return func(v any) string { return strings.ReplaceAll(url.QueryEscape(value.PlainText(v)), "+", "%20") }
	case FormPeople:
		return s.people.Value
	case FormJSON:
		return value.JSONText
	case formJSONString:
		return func(v any) string { quoted := value.JSONText(value.PlainText(v)); return quoted[1 : len(quoted)-1] }
	case FormPlain:
		return value.PlainText
	case FormQuery:
		return func(v any) string { return url.QueryEscape(value.PlainText(v)) }
	case FormXML:
		return xmlText
	case FormMrkdwn:
		return mrkdwnText
	case formMrkdwnBlock:
		return mrkdwnBlock
	case formMrkdwnSpan:
		return mrkdwnSpan
	case FormText, formHeader, FormBlocks:
	}
	return func(v any) string { return value.OneLine(value.Readable(v)) }
}
