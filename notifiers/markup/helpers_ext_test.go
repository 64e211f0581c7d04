package markup_test

import (
	"encoding/json"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
)

// SharedTestMessage is a message as the relay makes it; edit changes it.
func SharedTestMessage(edit ...func(*notifiers.Message)) *notifiers.Message {
	m := &notifiers.Message{
		ID:        "01JDELIVERY0000000000000001",
		Rule:      "failed-run",
		Level:     "error",
		Title:     "Run 7 of WEB failed: 3 of 40 cases",
		Body:      "**3** of 40 cases failed.",
		URL:       "https://app.qase.io/run/WEB/dashboard/7",
		EventName: "run.completed",
		Project:   "WEB",
		Thread:    "qase/WEB/run/7",
		CreatedAt: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC),
		Event:     json.RawMessage(`{"event_name":"run.completed", "timestamp":1763894000,"payload":{"id":7,"failed":3},"project_code":"WEB"}`),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

func kindTypes() (types []string) {
	for _, k := range builtin.Kinds() {
		types = append(types, k.Type)
	}
	return types
}

// goldenDefaults are the options that a notifier of a kind needs.
func goldenDefaults(kind string) json.RawMessage {
	switch kind {
	case "telegram":
		return json.RawMessage(`{"chat_id":"-1001234567890"}`)
	case "ntfy":
		return json.RawMessage(`{"topic":"qa"}`)
	}
	return nil
}

// manyFields are more fields than any channel shows.
func manyFields(text string) []notifiers.Field {
	fields := make([]notifiers.Field, 30)
	for i := range fields {
		fields[i] = notifiers.Field{Name: text, Value: text}
	}
	return fields
}
