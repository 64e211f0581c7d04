package slack

import (
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/email"
	"qaserelay/notifiers/http"
)

func TestWhatAMessageLacks(t *testing.T) {
	token := &Config{}
	_ = token.Token.UnmarshalText([]byte("xoxb-1"))
	for name, c := range map[string]struct {
		kind    notifiers.Kind
		config  any
		options map[string]bool
		want    string
	}{
		"a mail to nobody":                 {email.Kind(), &email.Config{}, map[string]bool{"subject": true, "to": false}, "has nobody to write to"},
		"a mail with a hidden recipient":   {email.Kind(), &email.Config{}, map[string]bool{"bcc": true}, ""},
		"a bot token without a channel":    {Kind(), token, map[string]bool{"mention": true}, "has no channel to post to"},
		"a bot token with a channel":       {Kind(), token, map[string]bool{"channel": true}, ""},
		"a webhook, which has its channel": {Kind(), &Config{}, nil, ""},
		"a request without an address":     {http.Kind(), &http.Config{}, nil, "has no address to send to"},
		"a request whose address is given": {http.Kind(), &http.Config{}, map[string]bool{"url": true}, ""},
	} {
		what, hint := c.kind.Missing(c.config, c.options)
		if what != c.want || (what == "") != (hint == "") {
			t.Errorf("%s: got %q (%q), want %q", name, what, hint, c.want)
		}
	}
}
