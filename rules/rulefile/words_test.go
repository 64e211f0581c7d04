package rulefile_test

import (
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestMessagesOfProblems parses wrong files, each with the problems that are listed: a consequence of a reported
// problem is not reported as well.
func TestMessagesOfProblems(t *testing.T) {
	const rule = "rules: [{name: r, when: \"true\", stop: true}]\n"
	const source = "sources: [{name: qase, secrets: [s]}]\n"
	for name, c := range map[string]struct{ file, want string }{
		"a rule that is a name": {source + "rules: [r]\n",
			`2:9: error: a rule must be a mapping, not "r" (write keys with values, such as {name: …, when: …, notify: […]})`},
		"rules without dashes": {source + "rules: {name: r}\n",
			`2:8: error: rules must be a list, not a mapping (begin each with a dash: - name: …)`},
		"nothing under a key": {source + "rules:\n",
			`2:7: error: rules must be a list, not nothing (write what it holds, or remove the key)`},
		"a key of a rule": {source + "rules: [{name: r, when: \"true\", stop: true, enabled: 1}]\n",
			`2:54: error: enabled must be true or false, not "1"`},
		"a key within a key": {source + "notifiers: [{name: n, type: chat, retry: {max: x}}]\n" + rule,
			`2:48: error: retry.max: "x" is not a duration: write it like 90s, 10m, 1h30m, 26h or 7d`},
		"a notifier that is a name": {source + "notifiers: [ops]\n" + rule,
			`2:13: error: a notifier must be a mapping, not "ops" (write keys with values, such as {name: …, type: …})`},
		"sources that are no list": {"sources: {name: qase}\n" + rule,
			`1:10: error: sources must be a list, not a mapping (begin each with a dash: - name: …)`},
		"secrets that are no list": {"sources: [{name: qase, secrets: {a: b}}]\n" + rule,
			`1:33: error: secrets must be text or a list, not a mapping`},
		"a secret that is a list": {"sources: [{name: qase, secrets: [[a], s]}]\n" + rule,
			`1:34: error: an entry of secrets must be text, not a list (put it in quotes: "[a]")`},
		"a source without secrets": {"sources: [{name: qase}]\n" + rule,
			`1:11: error: the source "qase" has no secrets (add secrets: ["${QASE_WEBHOOK_SECRET}"])`},
		"a member id that is text": {source + "people: [{name: Bob, member_id: x}]\n" + rule,
			`2:33: error: member_id: "x" is not a whole number`},
		"a rule with notify: null": {source + "rules: [{name: r, when: \"true\", notify: null}]\n",
			`2:41: error: notify must be a list, not nothing (write what it holds, or remove the key)`},
		"a rule without name and when": {source + "rules: [{stop: true}]\n",
			"2:9: error: a rule needs a name\n2:9: error: the rule has no when (select its events, such as when: " +
				"event_name == \"run.completed\")"},
		"a negative limit": {source + "settings: {backlog: {deliveries: -5}}\n" + rule,
			`2:34: error: settings.backlog.deliveries: "-5": write a whole number; 0 means no limit`},
		"two wrong settings": {source + "settings: {order_wait: x, timezone: Mars}\n" + rule,
			"2:24: error: settings.order_wait: \"x\" is not a duration: write it like 90s, 10m, 1h30m, 26h or " +
				"7d\n2:37: error: settings.timezone: no time zone \"Mars\" (names are like Europe/Berlin or UTC)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := rulefiletest.Check("rules.yaml", c.file)
			var got []string
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.Error(), "rules.yaml:"))
			}
			if text := strings.Join(got, "\n"); text != c.want {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
		})
	}
}
