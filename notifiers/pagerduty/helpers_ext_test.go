package pagerduty_test

import (
	"encoding/json"
	"time"

	"qaserelay/notifiers"
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
