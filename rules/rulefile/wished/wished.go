// Package wished answers keys of rules files that other tools have, or that belong elsewhere.
package wished

import (
	"slices"
	"strings"
)

// wished is a key of another tool, or one that belongs elsewhere, and how its purpose is written here.
type wished struct {
	keys []string
	hint string
}

// Answers that several keys have.
const (
	atTimes   = `a summary at a time of day is group: {at: "mon-fri 09:00"}; reminders are after: {wait: 4h, repeat: {every: 4h}}`
	ofRule    = `hours belong to a rule: active: {days: [mon-fri], hours: "09:00-18:00", otherwise: hold}`
	atHours   = `write active: {days: [mon-fri], hours: "09:00-18:00", otherwise: hold}`
	inTitle   = "the text of a message is title, one line, and body, in Markdown"
	inNotify  = "notifiers are named in notify: [slack]"
	switchOff = "write enabled: false"
	atRunTime = "silences are made while the relay runs: qase-relay silences add rule=NAME --for 2h"
	inWhen    = "the condition is when: event_name == \"run.completed\" && payload.failed > 0"
)

// wishedInRule are keys that people write in a rule.
var wishedInRule = []wished{
	{[]string{"channel", "channels", "room"}, `it belongs to an entry of notify: [{notifier: slack, channel: "#qa"}]`},
	{[]string{"mention", "mentions", "notify_people"},
		`it belongs to an entry of notify: [{notifier: slack, mention: ["@here"]}]`},
	{[]string{"thread", "update", "blocks", "broadcast"},
		`it belongs to an entry of notify: [{notifier: slack, thread: "run-{{ .payload.id }}"}]`},
	{[]string{"dm", "user", "users"}, `it belongs to an entry of notify: [{notifier: slack, dm: bob@example.com}]`},
	{[]string{"to", "cc", "bcc", "recipients", "recipient", "emails", "email"},
		`it belongs to an entry of notify: [{notifier: mail, to: qa@example.com}]`},
	{[]string{"fallback", "fallbacks"}, `it belongs to an entry of notify: [{notifier: slack, fallback: [mail]}]`},
	{[]string{"url", "headers", "method", "webhook", "webhook_url", "token", "topic", "chat_id"},
		"it belongs to a notifier below notifiers:, which a rule names in notify: [NAME]"},
	{[]string{"notifier", "notifiers", "then", "do", "action", "actions", "send", "send_to", "receiver", "receivers",
		"route", "target", "targets", "output", "outputs", "alert", "call", "post"}, inNotify},
	{[]string{"message", "msg", "text", "content", "subject", "summary", "format"}, inTitle},
	{[]string{"template", "templates"}, `a template is part of a text: body: "{{ template \"NAME\" . }}"`},
	{[]string{"severity", "color", "colour", "style", "status", "urgency"},
		"write level: info, success, warning or error"},
	{[]string{"if", "condition", "conditions", "match", "matches", "matchers", "filter", "filters", "where", "expr",
		"expression", "only", "rule", "trigger", "query", "selector"}, inWhen},
	{[]string{"on", "event", "events", "event_name", "type", "types"},
		`write when: event_name == "run.completed", or when: event_name in ["run.completed", "run.aborted"]`},
	{[]string{"except", "exclude", "ignore", "not"}, `add it to when: … && not (payload.failed == 0)`},
	{[]string{"project", "projects", "project_code"},
		`add it to when: … && project_code == "WEB", or project_code in ["WEB", "API"]`},
	{[]string{"environment", "env", "plan", "branch"}, `add it to when: … && entity.environment == "Staging"`},
	{[]string{"digest", "group_by", "group_wait", "group_interval", "batch", "collect", "summarize", "aggregate", "buffer"},
		"write group: {by: [project_code], wait: 30s}"},
	{[]string{"schedule", "cron", "interval", "every", "at", "daily", "repeat", "repeat_interval", "reminder", "resolved"},
		atTimes},
	{[]string{"delay", "wait", "for", "timeout", "pending"}, "write after: 4h, with unless: a condition that ends the wait"},
	{[]string{"escalate", "escalation"}, "write after: {wait: 4h, escalate: [{after: 12h, notify: [mail]}]}"},
	{[]string{"until", "cancel", "cancel_on", "cancel_if"}, `write unless: event_name == "run.completed", beside after: 4h`},
	{[]string{"hold"}, "write active: {hours: \"09:00-18:00\", otherwise: hold}"},
	{[]string{"quiet", "quiet_hours", "quiet_times", "do_not_disturb", "dnd", "hours", "days", "mute_time_intervals", "active_time_intervals", "time_window",
		"time_intervals", "business_hours", "working_hours", "timezone", "window", "windows", "only_at"}, atHours},
	{[]string{"mute", "muted", "disabled", "disable", "skip", "paused", "active_if"}, switchOff},
	{[]string{"silence", "silenced", "silences", "snooze"}, atRunTime},
	{[]string{"dedup", "dedupe", "deduplicate", "dedup_window"},
		"the same event twice within a day is sent once; update: on an entry of notify changes an earlier message"},
	{[]string{"dedupe_key", "dedup_key", "key", "fingerprint"},
		`an earlier message is changed by notify: [{notifier: slack, update: "run-{{ .payload.id }}"}]`},
	{[]string{"rate_limit", "rate", "ratelimit", "cooldown", "limit", "max_per_hour", "debounce"},
		"write throttle: {every: 10m} to send fewer messages; rate: 10/m on the notifier sends all of them, more slowly"},
	{[]string{"retry", "retries", "concurrency"}, "it belongs to a notifier below notifiers:"},
	{[]string{"continue"}, "later rules see an event too, unless stop: true ends with this one"},
	{[]string{"priority", "order", "weight"}, "rules are tried in file order"},
	{[]string{"id", "title_link", "alias"}, "write name"},
	{[]string{"labels", "annotations", "tags", "comment", "note"}, "write description"},
	{[]string{"owner", "owners", "owns", "codeowners"}, `tests belong to a person: people: [{name: Bob Bar, owns: [{suite: "Checkout*"}]}]; ` +
		"a rule notifies them by mention: [\"{{ range .failures.owners }}{{ .email }},{{ end }}\"]"},
	{[]string{"max_failures", "most", "show_failures", "failed_tests", "max_tests", "list", "tests", "failure"},
		`did you mean "failures"? write failures: {most: 10}`},
	{[]string{"reasons", "stacktrace", "stack_trace", "errors"}, `did you mean "failures"? write failures: {reasons: false}`},
	{[]string{"only_new", "new_only", "on_change", "only_new_failures"}, "add it to when: … && failures.new_total > 0"},
	{[]string{"owner_field", "api_token"}, "it belongs to a source below sources:"},
	{[]string{"renamed_from", "old_name", "formerly"}, "write was: [OLD-NAME]"},
}

// wishedInNotify are keys that people write in an entry of notify.
var wishedInNotify = []wished{
	{[]string{"title", "subject"}, "it belongs to the rule: title: …"},
	{[]string{"body", "text", "message", "content", "template"}, "it belongs to the rule: body: …"},
	{[]string{"level", "severity", "color"}, "it belongs to the rule: level: error"},
	{[]string{"when", "if", "only", "condition"}, "a condition of its own needs a rule of its own"},
	{[]string{"channels"},
		`for two channels name the notifier twice: [{notifier: slack, channel: "#a"}, {notifier: slack, channel: "#b"}]`},
	{[]string{"recipients", "recipient", "emails", "email", "address", "addresses"}, `did you mean "to"?`},
	{[]string{"user", "users", "direct", "direct_message", "im", "person", "people"},
		"a direct message is dm: bob@example.com"},
	{[]string{"thread_ts", "reply_to_thread"},
		`messages with one key stand in one thread: thread: "run-{{ .payload.id }}"`},
	{[]string{"mentions", "ping", "tag", "notify"}, `did you mean "mention"?`},
	{[]string{"webhook_url", "token", "host", "port", "retry", "rate", "timeout"},
		"it belongs to the notifier below notifiers:"},
}

// wishedAtTop are keys that people write at the top of a file.
var wishedAtTop = []wished{
	{[]string{"route", "routes", "routing", "alerts", "triggers", "events", "subscriptions"}, "rules stand in rules:"},
	{[]string{"receivers", "receiver", "channels", "outputs", "targets", "integrations", "slack", "email", "smtp", "http",
		"contact_points"}, "write them in notifiers:, each with a name and a type"},
	{[]string{"users", "members", "contacts", "persons", "directory"}, "write them in people:"},
	{[]string{"teams", "groups"}, "a team is a key of people: {name: Bob Bar, team: qa}"},
	{[]string{"webhooks", "webhook", "source", "input", "inputs", "endpoints"}, "write them in sources:"},
	{[]string{"variables", "vars", "env", "constants", "anchors"},
		"values that occur often stand in a key that begins with x-, as YAML anchors; ${NAME} is an environment variable"},
	{[]string{"version", "apiVersion", "kind", "schema"}, "a rules file has no version"},
	{[]string{"global", "config", "configuration", "options", "general"}, "write settings:"},
	{[]string{"defaults", "default"}, "what all messages of a notifier have stands on the notifier"},
	{[]string{"silences", "mutes", "inhibit_rules"}, atRunTime},
	{[]string{"window", "hours", "time_intervals", "active_time_intervals", "business_hours", "working_hours", "schedules",
		"calendars"}, `write windows: {office: {days: [mon-fri], hours: "09:00-18:00"}}`},
	{[]string{"quiet_hours", "mute_time_intervals", "active"}, ofRule},
	{[]string{"includes", "import", "imports"}, `write include: ["rules.d/*.yaml"]`},
	{[]string{"partials", "snippets"}, "write templates:"},
	{[]string{"rule"}, `did you mean "rules"?`},
	{[]string{"test"}, `did you mean "tests"?`},
	{[]string{"listen", "port", "store", "database", "log_level"}, "it is a flag of serve: --listen :8080, --store …"},
}

// wishedInSettings are keys that people write in settings.
var wishedInSettings = []wished{
	{[]string{"quiet_hours", "active", "hours"}, ofRule},
	{[]string{"windows", "business_hours", "working_hours"},
		`windows stand at the top of the file: windows: {office: {days: [mon-fri], hours: "09:00-18:00"}}`},
	{[]string{"language", "locale", "lang"}, "write the texts in your language: title and body of the rules"},
	{[]string{"port", "listen", "address", "host", "bind"}, "it is a flag of serve: --listen :8080"},
	{[]string{"admin_listen", "admin_token", "token"}, "it is a flag of serve: --admin-listen, --admin-token"},
	{[]string{"store", "database", "db", "dsn"}, "it is a flag of serve: --store sqlite:data/relay.db"},
	{[]string{"log_level", "log_format", "debug", "logging"}, "it is a flag of serve: --log-level, --log-format"},
	{[]string{"tz", "time_zone", "zone"}, `did you mean "timezone"?`},
	{[]string{"url", "base_url", "qase", "host_url"}, `did you mean "qase_url"?`},
	{[]string{"secret", "secrets", "api_token", "failures", "owner_field"}, "it belongs to a source below sources:"},
	{[]string{"dry_run"}, "it is a flag of serve: --dry-run"},
	{[]string{"rate_limit", "rate", "retry"}, "it belongs to a notifier below notifiers:"},
	{[]string{"projects"}, "it belongs to a source below sources:"},
}

// wishedElsewhere are keys that people write in sources, people, notifiers and tests.
var (
	wishedInSource = []wished{
		{[]string{"secret", "webhook_secret", "key", "password"},
			`did you mean "secrets"? write secrets: ["${QASE_WEBHOOK_SECRET}"]`},
		{[]string{"url", "path", "endpoint", "address"},
			"the name makes the address: Qase posts to /webhooks/qase for the source qase"},
		{[]string{"token", "api_key"}, `did you mean "api_token"?`},
		{[]string{"project"}, `did you mean "projects"?`},
		{[]string{"ip", "ips", "allow", "allowlist", "whitelist"}, `did you mean "allow_from"?`},
		{[]string{"type"}, "all sources are Qase"},
		{[]string{"failure", "failed_tests", "results", "tests"}, `did you mean "failures"?`},
		{[]string{"wait", "most", "reasons", "owner_field", "timeout"}, "write failures: {wait: 20s}"},
		{[]string{"events"}, "choose the events in Qase, or by when in the rules"},
	}
	wishedInPerson = []wished{
		{[]string{"teams", "group", "groups"}, `did you mean "team"? a person is in one`},
		{[]string{"slack_id", "slack_user", "slack_member_id", "slackid", "slack_user_id"}, `did you mean "slack"?`},
		{[]string{"mail", "e-mail", "address", "emails"}, `did you mean "email"?`},
		{[]string{"id", "qase_id", "member", "user_id"}, `did you mean "member_id"?`},
		{[]string{"full_name", "username", "login", "display_name"}, `did you mean "name"?`},
		{[]string{"owner", "owner_of", "owned", "tests", "cases", "case", "code", "areas"}, `did you mean "owns"? write owns: [{project: WEB, suite: "Checkout*"}]`},
		{[]string{"suite", "suites", "project", "projects", "tag", "tags"}, `did you mean "owns"? write owns: [{suite: "Checkout*"}]`},
	}
	wishedInNotifier = []wished{
		{[]string{"server", "smtp", "smtp_host", "smtp_server", "hostname", "smtphost"}, `did you mean "host"?`},
		{[]string{"pass", "pwd", "smtp_password"}, `did you mean "password"?`},
		{[]string{"user", "login", "smtp_user"}, `did you mean "username"?`},
		{[]string{"ssl", "secure", "use_ssl", "use_tls", "starttls", "tls_mode", "encryption"},
			"write tls: implicit for port 465, tls: starttls for port 587"},
		{[]string{"sender", "mail_from", "reply", "from_address"}, `did you mean "from"?`},
		{[]string{"recipients", "recipient", "emails"}, `did you mean "to"?`},
		{[]string{"bot_token", "api_token", "access_token", "slack_token", "key", "apikey", "api_key"},
			`did you mean "token"?`},
		{[]string{"webhook", "hook", "webhookurl", "hook_url", "incoming_webhook"}, `did you mean "webhook_url"?`},
		{[]string{"url", "address", "endpoint"}, "write webhook_url"},
		{[]string{"channels"}, "a notifier posts to one channel; an entry of notify can name another"},
		{[]string{"secret", "hmac", "hmac_secret"}, `did you mean "signing_secret"?`},
		{[]string{"auth", "authorization", "basic"}, "write basic_auth: {username: …, password: …} or bearer: …"},
		{[]string{"retries", "max_retries", "attempts"}, "write retry: {for: 24h}"},
		{[]string{"rate_limit", "ratelimit", "throttle", "limit"}, "write rate: 10/m"},
		{[]string{"proxy", "http_proxy"}, `did you mean "proxy_url"?`},
		{[]string{"service_key", "integration_key"}, `did you mean "routing_key"?`},
		{[]string{"chat", "chatid", "group"}, `did you mean "chat_id"?`},
		{[]string{"enabled", "disabled"}, "a notifier that no rule names sends nothing"},
		{[]string{"template", "message", "text", "title"}, "the text of a message is title and body of a rule"},
	}
	wishedInTest = []wished{
		{[]string{"event_name", "type", "name_of_event"}, `did you mean "event"?`},
		{[]string{"failed", "passed", "id", "title", "severity", "blocked", "cases", "duration"},
			"fields of the event stand in payload: payload: {failed: 3}"},
		{[]string{"before", "setup", "events", "history"}, `did you mean "given"?`},
		{[]string{"expected", "want", "assert", "then", "result"}, `did you mean "expect"?`},
		{[]string{"project", "project_id"}, `did you mean "project_code"?`},
		{[]string{"member", "user", "actor"}, `did you mean "team_member_id"?`},
		{[]string{"time", "now", "when", "date"}, `did you mean "at"?`},
		{[]string{"wait", "sleep", "after"}, `did you mean "advance"?`},
		{[]string{"failure", "failed_tests", "results", "facts", "failing"}, `did you mean "failures"? write failures: [{case_id: 25}]`},
	}
)

// wishedInWindow are keys that people write in a window, as other tools name them.
var wishedInWindow = []wished{
	{[]string{"day", "weekday", "weekdays", "day_of_week", "days_of_week"}, `did you mean "days"?`},
	{[]string{"hour", "time", "times", "from", "to", "start", "end", "start_time", "end_time", "begin", "between",
		"time_range", "time_ranges"}, `did you mean "hours"? write hours: "09:00-18:00"`},
	{[]string{"tz", "time_zone", "zone", "location"}, `did you mean "timezone"?`},
	{[]string{"holidays", "holiday", "exclude", "without", "dates", "closed", "vacation"}, `did you mean "except"?`},
	{[]string{"days_of_month", "months", "years"}, "a window is of days of the week and hours, with dates in except"},
	{[]string{"window", "name", "windows", "use"}, `did you mean "in"?`},
	{[]string{"else", "outside", "action", "then", "policy", "mode"}, `did you mean "otherwise"?`},
	{[]string{"hold", "drop"}, `did you mean "otherwise"? write otherwise: hold, or otherwise: drop`},
}

// wishedInSilence are keys that people write in a silence of a test.
var wishedInSilence = []wished{
	{[]string{"matchers", "matcher", "matches", "rule", "rules", "project", "notifier", "level", "event", "environment"},
		`did you mean "match"? write match: [rule=failed-run]`},
	{[]string{"duration", "last", "ends", "until", "end", "ends_at"}, `did you mean "for"? write for: 2h`},
	{[]string{"start", "from", "starts_at", "after", "at"}, `did you mean "starts"?`},
	{[]string{"if", "condition", "expr"}, `did you mean "when"?`},
}

// wishedInFailures are keys that people write in failures of a source or a rule, wishedInFailing those of a test that failed
// in a fixture, and wishedInOwns those of the tests of a person.
var (
	wishedInFailures = []wished{
		{[]string{"timeout", "for", "delay", "max_wait", "deadline"}, `did you mean "wait"? write wait: 20s`},
		{[]string{"max", "limit", "count", "at_most", "top", "first"}, `did you mean "most"? write most: 10`},
		{[]string{"reason", "errors", "messages", "stacktrace", "stack_trace", "stack", "traces", "comments"},
			`did you mean "reasons"? write reasons: false`},
		{[]string{"owner", "owners", "field", "custom_field", "assignee"}, `did you mean "owner_field"? write owner_field: "Team"`},
		{[]string{"wait", "owner_field", "timeout", "owner", "owners"}, "it belongs to failures of a source below sources:"},
		{[]string{"off", "disabled", "enabled"}, "it is off for a source: sources: [{name: qase, failures: off}]"},
		{[]string{"new", "only_new", "new_only"}, "add it to when: … && failures.new_total > 0"},
		{[]string{"token", "api_token"}, "it stands beside failures: it is a key of the source"},
	}
	wishedInFailing = []wished{
		{[]string{"id", "case", "code", "test_id"}, `did you mean "case_id"?`},
		{[]string{"name", "test"}, `did you mean "title"?`},
		{[]string{"error", "message", "comment", "stacktrace", "stack_trace"}, `did you mean "reason"?`},
		{[]string{"suites", "path", "suite_path"}, `did you mean "suite"?`},
		{[]string{"assignee", "person", "email", "user"}, `did you mean "owner"?`},
		{[]string{"is_flaky"}, `did you mean "flaky"?`},
		{[]string{"tag"}, `did you mean "tags"?`},
		{[]string{"since", "red_runs", "never_passed", "rate", "known", "fixed", "still"},
			"it follows from the runs before: given: [{event: run.completed, failures: [{case_id: 25}]}]"},
	}
	wishedInOwns = []wished{
		{[]string{"suites", "path", "area", "folder"}, `did you mean "suite"?`},
		{[]string{"projects", "project_code"}, `did you mean "project"?`},
		{[]string{"tags", "label", "labels"}, `did you mean "tag"?`},
		{[]string{"cases", "case_id", "id", "test", "title", "code", "test_case"}, `did you mean "case"?`},
	}
)

// wishedIn returns the wishes for a part of the file.
func wishedIn(what string) []wished {
	switch what {
	case "":
		return wishedAtTop
	case "a rule":
		return wishedInRule
	case "settings":
		return wishedInSettings
	case "a source":
		return wishedInSource
	case "a person":
		return wishedInPerson
	case "a test", "an earlier event":
		return wishedInTest
	case "an entry of silences":
		return wishedInSilence
	case "failures":
		return wishedInFailures
	case "an entry of failures":
		return wishedInFailing
	case "an entry of owns":
		return wishedInOwns
	case "throttle":
		return wishedInThrottle
	case "group":
		return wishedInGroup
	case "after":
		return wishedInAfter
	case "after.repeat":
		return wishedInRepeat
	}
	switch {
	case strings.HasPrefix(what, "a message to "):
		return wishedInNotify
	case what == "active", strings.HasPrefix(what, "windows."):
		return wishedInWindow
	case strings.HasPrefix(what, "the notifier "):
		return wishedInNotifier
	}
	return nil
}

// Hint returns the answer to an unknown key of a part of the file, and the key that is meant; both may be "".
// known are the keys that the part has.
func Hint(what, key string, known []string) (hint, meant string) {
	for _, w := range wishedIn(what) {
		if !slices.Contains(w.keys, strings.ReplaceAll(key, "-", "_")) {
			continue
		}
		if meant = meantKey(w.hint); meant == "" || slices.Contains(known, meant) {
			return w.hint, meant
		}
	}
	return "", ""
}

// meantKey returns the key that a hint names as the right one, or "".
func meantKey(hint string) string {
	switch hint {
	case inNotify:
		return "notify"
	case inWhen:
		return "when"
	}
	if key, found := strings.CutPrefix(hint, `did you mean "`); found {
		key, _, _ = strings.Cut(key, `"`)
		return key
	}
	words := strings.Fields(hint)
	if len(words) < 2 || words[0] != "write" {
		return ""
	}
	if key, isKey := strings.CutSuffix(words[1], ":"); isKey && key != "rate" || words[1] == "webhook_url" ||
		words[1] == "name" || words[1] == "description" {
		return key
	}
	return ""
}

// wishedInThrottle, wishedInGroup, wishedInAfter and wishedInRepeat are keys that people write in the keys of time of a
// rule.
var (
	wishedInThrottle = []wished{
		{[]string{"per", "interval", "window", "for", "period", "wait", "duration", "within", "in"}, `did you mean "every"? write every: 10m`},
		{[]string{"count", "limit", "max", "rate", "times", "burst", "messages"}, `did you mean "at_most"? write at_most: 3`},
		{[]string{"key", "keys", "group_by", "per_key", "on"}, `did you mean "by"? write by: [payload.id]`},
		{[]string{"last", "trailing", "final"}, `did you mean "send_last"? write send_last: true`},
	}
	wishedInGroup = []wished{
		{[]string{"interval", "window", "every", "for", "period", "within", "group_wait", "group_interval", "duration"},
			`did you mean "wait"? write wait: 30s`},
		{[]string{"count", "limit", "size", "at_most", "max_events"}, `did you mean "max"? write max: 50`},
		{[]string{"key", "keys", "group_by", "labels"}, `did you mean "by"? write by: [project_code]`},
		{[]string{"debounce", "idle", "gap"}, `did you mean "quiet"? write quiet: 10s`},
		{[]string{"cron", "schedule", "time", "times", "daily", "days", "hours"}, `did you mean "at"? write at: "mon-fri 09:00"`},
		{[]string{"tz", "zone", "time_zone"}, `did you mean "timezone"?`},
		{[]string{"leading", "immediate"}, `did you mean "first"? write first: send`},
		{[]string{"template", "text", "message"}, "write title and body"},
	}
	wishedInAfter = []wished{
		{[]string{"for", "delay", "timeout", "time", "duration", "after", "every"}, `did you mean "wait"? write wait: 4h`},
		{[]string{"key", "keys", "group_by", "same"}, `did you mean "by"? write by: [project_code, entity.plan.id]`},
		{[]string{"unless", "until"}, "unless stands beside after: it is a key of the rule"},
		{[]string{"window", "active", "hours"}, `did you mean "in"? write in: office`},
		{[]string{"reminders", "remind", "again", "repeat_interval"}, `did you mean "repeat"? write repeat: {every: 4h, at_most: 3}`},
		{[]string{"escalation", "escalations", "then"}, `did you mean "escalate"? write escalate: [{after: 12h, notify: [mail]}]`},
		{[]string{"send_resolved", "recovered", "resolve"}, `did you mean "resolved"? write resolved: true`},
		{[]string{"notify"}, "the notifiers of the first message are notify of the rule; later ones are in escalate"},
	}
	wishedInRepeat = []wished{
		{[]string{"wait", "interval", "after", "for"}, `did you mean "every"? write every: 4h`},
		{[]string{"count", "limit", "max", "times", "up_to"}, `did you mean "at_most"? write at_most: 3`},
	}
)
