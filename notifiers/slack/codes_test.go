package slack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
	rendered "qaserelay/rules/message"
)

func TestEachSlackCodeHasOneMeaning(t *testing.T) {
	var r refusal
	seen := map[string]bool{}
	for _, c := range slices.Concat(transientCodes(), r.access(), r.places(), r.content()) {
		if c.reason == "" {
			t.Errorf("%s: no reason", c.codes)
		}
		for _, code := range strings.Fields(c.codes) {
			if seen[code] {
				t.Errorf("%s stands there twice", code)
			}
			seen[code] = true
		}
	}
}

func TestASlackCodeThatIsNotKnownIsDoubtful(t *testing.T) {
	for code, want := range map[string]bool{"a_code_of_tomorrow": true, "internal_error": false, "ratelimited": false,
		"channel_not_found": false} {
		n := tokenNotifier(t, notifierstest.Server(t, notifierstest.Reply(200, `{"ok":false,"error":"`+code+`"}`, "")),
			10*time.Second)
		_, err := n.Send(t.Context(), &notifiers.Message{ID: "1", Message: rendered.Message{Title: "t"},
			Options: []byte(`{"channel":"#qa"}`)})
		var doubtful *notifiers.DoubtfulError
		if err == nil || errors.As(err, &doubtful) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}
