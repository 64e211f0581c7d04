package builtin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/notifierstest"
)

func kindOf(t *testing.T, name string) notifiers.Kind {
	t.Helper()
	for _, k := range builtin.Kinds() {
		if k.Type == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return notifiers.Kind{}
}

// refusal is a message that a service can only refuse.
type refusal struct{ kind, options, says string }

func refusals() map[string]refusal {
	return map[string]refusal{
		"a channel in capitals":             {"slack", `{"channel":"#QA Alerts"}`, `"#qa-alerts"`},
		"a channel named after a person":    {"slack", `{"channel":"@bob"}`, "write dm:"},
		"a channel that is an address":      {"slack", `{"channel":"bob@bar.io"}`, "write dm:"},
		"two channels in one text":          {"slack", `{"channel":"#qa, #dev"}`, "name the notifier twice"},
		"a channel with a dot":              {"slack", `{"channel":"release-1.2"}`, `"#release-1-2"`},
		"a channel that is an object":       {"slack", `{"channel":"#{\"id\":3}"}`, "not the name of a channel"},
		"a channel of 81 characters":        {"slack", `{"channel":"` + strings.Repeat("é", 81) + `"}`, "at most 80"},
		"a number sign alone":               {"slack", `{"channel":"#"}`, "not the name of a channel"},
		"no channel":                        {"slack", `{}`, "channel: there is none"},
		"automation as a person":            {"slack", `{"dm":["automation"]}`, "cannot write to @automation"},
		"dm without a person":               {"slack", `{"dm":[]}`, "dm: the event names no person"},
		"nine people in one conversation":   {"slack", `{"dm":["U1","U2","U3","U4","U5","U6","U7","U8","U9"]}`, "at most 8"},
		"a name in place of an address":     {"email", `{"to":["Bob Bar"]}`, `to: "Bob Bar" is not a valid email address`},
		"an object in place of an address":  {"email", `{"to":["{emailana@example.commember_id12}"]}`, "not a valid email"},
		"two addresses in one text":         {"email", `{"bcc":["a@b.io, c@d.io"]}`, "bcc:"},
		"no recipient":                      {"email", `{"to":[]}`, "there is no recipient"},
		"a URL without a host":              {"http", `{"url":"https:///x"}`, "url: not an address"},
		"a URL of another scheme":           {"http", `{"url":"ftp://example.com/x"}`, "url: not an address"},
		"a method with a blank":             {"http", `{"url":"http://127.0.0.1:1/","method":"POST x"}`, "method:"},
		"a header that the relay sets":      {"http", `{"url":"http://127.0.0.1:1/","headers":{"Webhook-Id":"x"}}`, "headers:"},
		"a Host that is not one":            {"http", `{"url":"http://127.0.0.1:1/","headers":{"host":"a b"}}`, "not a host"},
		"a thread of Discord with letters":  {"discord", `{"thread_id":"run-7"}`, "thread_id:"},
		"a chat that is a title":            {"telegram", `{"chat_id":"QA team"}`, "chat_id:"},
		"a chat zero":                       {"telegram", `{"chat_id":"0"}`, "chat_id:"},
		"a topic with a name":               {"telegram", `{"chat_id":"-100123","topic":"news"}`, "topic:"},
		"no chat":                           {"telegram", `{}`, "chat_id: there is none"},
		"a Mattermost channel with a blank": {"mattermost", `{"channel":"Town Square"}`, "channel:"},
		"an action that is none":            {"pagerduty", `{"action":"close"}`, `action: "close" is not valid`},
		"a severity of Qase":                {"pagerduty", `{"severity":"blocker"}`, "severity:"},
		"a topic with a slash":              {"ntfy", `{"topic":"qa/web"}`, "topic:"},
		"a priority of Qase":                {"ntfy", `{"topic":"qa","priority":"blocker"}`, "priority:"},
		"no topic":                          {"ntfy", `{}`, "topic: there is none"},
	}
}

func TestWhatAServiceCanOnlyRefuseIsSaidBeforehandAndNeverSent(t *testing.T) {
	for name, c := range refusals() {
		t.Run(name, func(t *testing.T) {
			k := kindOf(t, c.kind)
			said := notifiers.Refused(k.Refuse(k.Sample(), nil, json.RawMessage(c.options)))
			notifierstest.Fails(t, said, "permanent", c.says)
			n, err := k.New(k.Sample(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Send(t.Context(), notifierstest.Message(func(m *notifiers.Message) {
				m.Options = json.RawMessage(c.options)
			}))
			notifierstest.Fails(t, err, "permanent", notifierstest.ErrorText(said))
		})
	}
}

func TestWhatAServiceTakesIsNotRefused(t *testing.T) {
	for _, c := range []struct{ kind, options string }{
		{"slack", `{"channel":"#qa"}`}, {"slack", `{"channel":"qa_web-2"}`}, {"slack", `{"channel":"C024BE91L"}`},
		{"slack", `{"channel":"#лаборатория"}`}, {"slack", `{"channel":"#日本語"}`}, {"slack", `{"channel":"D024BE91L"}`},
		{"slack", `{"dm":["Bob <bob@example.com>","U024BE7LH"]}`},
		{"email", `{"to":["Bob Bar <bob@example.com>","ops@localhost"]}`}, {"email", `{"bcc":["o'neil+qa@example.com"]}`},
		{"http", `{"url":"http://127.0.0.1:1/x","method":"patch","headers":{"X-Env":""}}`},
		{"teams", `{"mention":["bob@example.com"]}`}, {"discord", `{"thread_id":"123456789012345678"}`},
		{"telegram", `{"chat_id":"-1001234567890","topic":"7"}`}, {"telegram", `{"chat_id":"@qa_news"}`},
		{"googlechat", `{"thread":"run 7","mention":["@all"]}`}, {"mattermost", `{"channel":"#town-square"}`},
		{"mattermost", `{"channel":"@bob"}`}, {"pagerduty", `{"severity":"Critical","action":"TRIGGER"}`},
		{"ntfy", `{"topic":"qa_web","priority":"HIGH","click":"https://example.com/x"}`},
	} {
		k := kindOf(t, c.kind)
		if all := k.Refuse(k.Sample(), nil, json.RawMessage(c.options)); len(all) > 0 {
			t.Errorf("%s %s: %v", c.kind, c.options, all)
		}
	}
}

func TestAnEmptyDestinationOfAMessageIsThatOfTheNotifier(t *testing.T) {
	for kind, c := range map[string]struct{ defaults, own, key string }{
		"slack":      {`{"channel":"#qa"}`, `{"channel":" "}`, "channel"},
		"telegram":   {`{"chat_id":"-100123"}`, `{"chat_id":""}`, "chat_id"},
		"ntfy":       {`{"topic":"qa"}`, `{"topic":""}`, "topic"},
		"mattermost": {`{"channel":"qa"}`, `{"channel":""}`, "channel"},
		"http":       {`{"url":"http://127.0.0.1:1/"}`, `{"url":""}`, "url"},
	} {
		k := kindOf(t, kind)
		all := k.Refuse(k.Sample(), json.RawMessage(c.defaults), json.RawMessage(c.own))
		if len(all) != 1 || all[0].Wrong || all[0].Path[0] != c.key {
			t.Errorf("%s: got %v", kind, all)
		}
	}
}
