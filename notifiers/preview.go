package notifiers

import (
	"encoding/json"
	"fmt"
)

// Preview returns what a notifier of this kind would send for m, without a network: the JSON of a Slack message, a
// mail (RFC 5322), or the body of an HTTP request. defaults are the notifier's own message options, or nil. What
// belongs to a configured notifier, such as the sender of a mail, is made up.
func Preview(kind string, m *Message, defaults json.RawMessage) ([]byte, error) {
	var config any
	switch kind {
	case "slack":
		config = &slackConfig{Token: NewSecret("preview"), APIURL: "https://slack.com/api/", Timeout: 1}
	case "email":
		config = &emailConfig{Host: "localhost", From: "Qase <qase@example.com>", TLS: "none", Auth: "none", Timeout: 1}
	case "http":
		config = &httpConfig{Timeout: 1}
	default:
		return nil, fmt.Errorf("no notifier type %q", kind)
	}
	for _, k := range Builtin() {
		if k.Type != kind {
			continue
		}
		n, err := k.New(config, defaults)
		if err != nil {
			return nil, err
		}
		return n.(previewer).Preview(m)
	}
	return nil, fmt.Errorf("no notifier type %q", kind)
}

// previewer is a notifier that can show what it would send.
type previewer interface {
	Preview(m *Message) ([]byte, error)
}
