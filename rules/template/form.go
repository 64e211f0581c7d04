package template

// Form is the format of a rendered text. It decides how the values in the text are escaped.
type Form string

// The forms. Those with public names are also the words of the as:"…" tags of message options.
const (
	FormText     Form = "text"     // one line of plain text
	FormMarkdown Form = "markdown" // Markdown
	FormURL      Form = "url"      // a URL that the relay requests
	formHeader   Form = "header"   // the value of an HTTP header
	formAddress  Form = "address"  // email addresses
	FormMention  Form = "mention"  // a person to notify: the id of a chat, or a name
	formCall     Form = "call"     // like mention, but values from an event are only names
	FormJSON     Form = "json"     // a request body: JSON if it looks like JSON, plain text otherwise
	FormPlain    Form = "plain"    // plain text of many lines
	FormBlocks   Form = "blocks"   // Slack's Block Kit: each text in it has a form of its own

	FormMrkdwn     Form = "mrkdwn"      // Slack's markup
	FormLink       Form = "link"        // a URL that people follow and the relay does not request
	formURLRest    Form = "url_rest"    // the part of a URL behind the host
	formJSONString Form = "json_string" // the inside of a JSON string
)

// formAfter returns the form of a value behind the given literal text: the inside of a JSON string differs from the
// outside, and the host of a URL from the rest.
func formAfter(literal string, form Form) Form {
	switch {
	case (form == FormURL || form == FormLink) && urlWithHost.MatchString(literal):
		return formURLRest
	case form == FormJSON && endsInString(literal):
		return formJSONString
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
