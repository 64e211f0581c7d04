package rules_test

import (
	"math/rand/v2"
)

// generator makes random conditions over names that are known beforehand, and over fields that are not.
type generator struct{ *rand.Rand }

func (g generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) text() string {
	return g.pick(`"run.completed"`, `"run.started"`, `"review.created"`, `"run"`, `"review"`, `"completed"`, `"started"`, `"WEB"`, `"API"`, `"qase"`, `""`, `"un"`, `"nope"`)
}

func (g generator) name() string {
	return g.pick("event_name", "event_type", "event_action", "project_code", "source", "payload.title", "payload.missing", "entity.title",
		"lower(event_name)", "upper(project_code)")
}

func (g generator) condition(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	a, b := g.condition(depth-1), g.condition(depth-1)
	switch g.IntN(9) {
	case 0, 1:
		return "(" + a + " and " + b + ")"
	case 2, 3:
		return "(" + a + " || " + b + ")"
	case 4:
		return "not (" + a + ")"
	case 5:
		return "(" + a + " ? " + b + " : " + g.condition(depth-1) + ")"
	case 6:
		return "(let x = " + g.name() + "; x == " + g.text() + " or (" + a + "))"
	case 7:
		return "((" + g.pick("nil", "payload.missing", a) + ") ?? (" + b + "))"
	}
	return "any(payload.tags, # == " + g.text() + " and (" + a + "))"
}

func (g generator) leaf() string {
	switch g.IntN(8) {
	case 0, 1:
		return g.name() + g.pick(" == ", " != ") + g.text()
	case 2:
		return g.name() + g.pick(" in ", " not in ") + "[" + g.text() + ", " + g.text() + ", " + g.pick(g.text(), g.name()) + "]"
	case 3:
		return g.name() + g.pick(" startsWith ", " endsWith ", " contains ") + g.text()
	case 4:
		return g.name() + " matches " + g.pick(`"^run"`, `"ed$"`, `"x|WEB"`)
	case 5:
		return "payload.failed" + g.pick(" > ", " == ", " <= ") + g.pick("0", "3", "-1")
	case 6:
		return g.pick("true", "false", "payload.on", "payload.missing", "nil == nil")
	}
	return g.text() + " == " + g.name()
}

const goodFile = `
include: [more.yaml]
settings: {qase_url: "https://qase.example.com/", timezone: Europe/Berlin, retention: {events: 7d}}
sources:
  - {name: qase, secrets: ["${SECRET}", old], projects: [WEB], allow_from: [203.0.113.7, 198.51.100.0/24]}
people:
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: qa}
notifiers:
  - {name: qa, type: chat, token: "${TOKEN}", timeout: 1m30s, channel: "#qa"}
  - {name: filed, type: chat, token_file: token.txt}
  - name: ops
    type: hook
    url: https://ops.example.com/hook?run={{ .payload.id }}
    headers: {Authorization: "Bearer ${TOKEN}", X-Run: "{{ .payload.id }}"}
templates:
  counts: "{{ .payload.failed }} of {{ .payload.cases }} failed"
rules:
  - name: failed
    when: event_name == "run.completed" && payload.failed > 0
    level: error
    title: '{{ template "counts" . }}'
    body: "**{{ .entity.title }}** in {{ .project_code }}"
    notify:
      - qa
      - {notifier: ops, headers: {X-Rule: "{{ .rule }}"}, body: '{"n": {{ .payload.failed }}, "t": "{{ .entity.title }}", "x": {{ .payload.missing }}}'}
  - name: short
    when: event_type == "run"
    notify: qa
`
