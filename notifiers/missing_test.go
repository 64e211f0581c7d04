package notifiers

import "testing"

func TestWhatAMessageLacks(t *testing.T) {
	token := &slackConfig{}
	_ = token.Token.UnmarshalText([]byte("xoxb-1"))
	for name, c := range map[string]struct {
		kind    Kind
		config  any
		options map[string]bool
		want    string
	}{
		"a mail to nobody":                 {emailKind(), &emailConfig{}, map[string]bool{"subject": true, "to": false}, "has nobody to write to"},
		"a mail with a hidden recipient":   {emailKind(), &emailConfig{}, map[string]bool{"bcc": true}, ""},
		"a bot token without a channel":    {slackKind(), token, map[string]bool{"mention": true}, "has no channel to post to"},
		"a bot token with a channel":       {slackKind(), token, map[string]bool{"channel": true}, ""},
		"a webhook, which has its channel": {slackKind(), &slackConfig{}, nil, ""},
		"a request without an address":     {httpKind(), &httpConfig{}, nil, "has no address to send to"},
		"a request whose address is given": {httpKind(), &httpConfig{}, map[string]bool{"url": true}, ""},
	} {
		what, hint := c.kind.Missing(c.config, c.options)
		if what != c.want || (what == "") != (hint == "") {
			t.Errorf("%s: got %q (%q), want %q", name, what, hint, c.want)
		}
	}
}
