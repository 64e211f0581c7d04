package rulefile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/value"
)

func TestRatesAndConcurrencyOfNotifiers(t *testing.T) {
	cases := []struct {
		name, keys string
		want       rulefile.Notifier
		problem    string // part of it
	}{
		{"nothing written is nothing set", "", rulefile.Notifier{}, ""},
		{"so many a minute", "rate: 60/m", rulefile.Notifier{Rate: value.Rate{Messages: 60, Per: time.Minute}}, ""},
		{"so many a second, with spaces", "rate: 5 / s", rulefile.Notifier{Rate: value.Rate{Messages: 5,
			Per: time.Second}}, ""},
		{"so many an hour, some at once", "rate: 500/h, burst: 20",
			rulefile.Notifier{Rate: value.Rate{Messages: 500, Per: time.Hour, Burst: 20}}, ""},
		{"a rate by a variable", "rate: \"${RATE:-2/m}\"", rulefile.Notifier{Rate: value.Rate{Messages: 2,
			Per: time.Minute}}, ""},
		{"at most 64 at once", "concurrency: 64", rulefile.Notifier{Concurrency: 64}, ""},
		{"more than 64 at once", "concurrency: 65", rulefile.Notifier{},
			`concurrency: "65": want a whole number from 1 to 64`},
		{"none at once", "concurrency: 0", rulefile.Notifier{}, "want a whole number from 1 to 64"},
		{"a rate of nothing", "rate: 0/m", rulefile.Notifier{}, `rate: "0/m" is not a rate`},
		{"a rate without a time", "rate: 60", rulefile.Notifier{}, "such as 1/s, 60/m or 500/h"},
		{"a rate in days", "rate: 60/d", rulefile.Notifier{}, "is not a rate"},
		{"a rate that is a mapping", "rate: {messages: 60}", rulefile.Notifier{}, "rate must be text"},
		{"a burst of nothing", "rate: 1/s, burst: 0", rulefile.Notifier{}, "want a whole number from 1 to 1000"},
		{"a burst without a rate", "burst: 5", rulefile.Notifier{},
			"burst has no effect without a rate; add one, such as rate: 60/m"},
		{"a misspelt key", "concurency: 5", rulefile.Notifier{}, `unknown key "concurency"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "sources: [{name: qase, secrets: [x]}]\nnotifiers: [{name: qa, type: chat, " + c.keys + "}]"
			cfg, problems := rulefiletest.Check("rules.yaml", text)
			if c.problem != "" {
				if all := fmt.Sprint(problems); !strings.Contains(all, c.problem) {
					t.Errorf("got %s; want %s", all, c.problem)
				}
				return
			}
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			if n := cfg.Notifiers[0]; n.Rate != c.want.Rate || n.Concurrency != c.want.Concurrency {
				t.Errorf("got %+v, %d", n.Rate, n.Concurrency)
			}
		})
	}
}

func TestAnInitialWaitAboveTheMaximumIsAWarning(t *testing.T) {
	for keys, want := range map[string]int{"{initial: 2h, max: 1m}": 1, "{initial: 1m, max: 1m}": 0, "{initial: 2h}": 0,
		"{max: 1s}": 0} {
		text := "sources: [{name: qase, secrets: [x]}]\nnotifiers: [{name: qa, type: chat, retry: " + keys + "}]"
		_, problems := rulefiletest.Check("rules.yaml", text)
		if got := strings.Count(fmt.Sprint(problems), "retry.initial is longer than retry.max"); got != want ||
			problems.Err() != nil {
			t.Errorf("retry: %s: %v", keys, problems)
		}
	}
}
