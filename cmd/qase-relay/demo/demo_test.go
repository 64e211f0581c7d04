package demo

import (
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/event"
)

func TestEachStepOfTheStoryIsAnEvent(t *testing.T) {
	for i, s := range story() {
		now := time.Unix(1767225600, 0)
		if _, err := event.Parse("qase", s.body(now), now); err != nil {
			t.Errorf("step %d: %v", i+1, err)
		}
	}
}

func TestSlackMarkupIsShownAsSlackShowsIt(t *testing.T) {
	s := &terminal.Screen{}
	for markup, want := range map[string]string{
		"*<https://q/1|Run &lt;1&gt;>* failed <@U024BE7LH> <!here>": "Run <1> https://q/1 failed @Bob Bar @here",
		"*a \u2060*\u2060b\u2060*\u2060 c*":                         "a *b* c",
		"<https://q/1|Run> and <https://q/1|Open>":                  "Run and Open https://q/1",
		"2 * 3 * 4": "2 * 3 * 4",
	} {
		if got := embolden(s, readableMrkdwn(markup)); got != want {
			t.Errorf("%q is shown as %q, want %q", markup, got, want)
		}
	}
}
