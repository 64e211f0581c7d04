package rulefile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// word describes a key in the JSON Schema, beside its type.
type word struct {
	about    string
	values   []string // the only ones there are
	required []string // for objects: the keys that it must have
}

// schemaWords describes each key of a rules file by its path. Keys of notifiers are described by the comments at their
// fields.
func schemaWords() map[string]word {
	words := map[string]word{
		"email.config.tls": {about: "How the connection is encrypted. Default: starttls.",
			values: []string{"starttls", "implicit", "none"}},
		"email.config.auth": {about: "How to log in. Default: auto, the safest way that the server offers.",
			values: []string{
				"auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "scram-sha-1-plus",
				"scram-sha-256-plus", "xoauth2", "none"}},

		"rules[].active.otherwise": {about: "While the window is closed, messages are held until it opens (hold), or are " +
			"not sent (drop). Default: hold.", values: []string{"hold", "drop"}},
		"notifiers[]":              {required: []string{"name", "type"}},
		"sources[]":                {required: []string{"name"}},
		"rules[]":                  {required: []string{"name", "when"}},
		"tests[]":                  {required: []string{"name"}},
		"summaries[]":              {required: []string{"name", "at", "project", "notify"}},
		"rules[].throttle":         {about: "Lets only so many messages through in a window of time.", required: []string{"every"}},
		"rules[].throttle.every":   {about: "Length of a window, which begins with a message."},
		"rules[].after":            {about: "Time to wait before the message, such as 4h, or a mapping with wait and more.", required: []string{"wait"}},
		"rules[].after.repeat":     {about: "Reminders behind the message.", required: []string{"every"}},
		"rules[].after.escalate[]": {required: []string{"after", "notify"}},
		"rules[].after.from": {about: "first (default): the wait counts from the first event; last: a further event " +
			"postpones the message.", values: []string{"first", "last"}},
		"rules[].group.first": {about: "send: the first message at once, and what follows as a digest.", values: []string{"send"}},
		"rules[].group.empty": {about: "send: a digest at each of the times of at, also if nothing has come.",
			values: []string{"send"}},
		"rules[].group.overflow": {about: "What happens to more than max messages. count (default): they are counted; send: " +
			"the digest is sent at once.", values: []string{"count", "send"}},
		"notifiers[].retry": {about: "Schedule of retries. Default: first after 5s, then with growing waits of at " +
			"most 1h (exponential backoff with jitter), for 24h in total."},
	}
	for path, about := range map[string]string{
		"include":  "More files, as paths or patterns relative to this file.",
		"settings": "General settings.",
		"sources": "Addresses that Qase posts to: POST /webhooks/NAME. Without it there is one named qase, whose " +
			"secret is $QASE_WEBHOOK_SECRET.",
		"people": "Directory of people: their email addresses and member ids in Qase, and their member ids in " +
			"Slack.",
		"notifiers": "Notification channels: services that messages are sent to.",
		"templates": "Partial templates that messages share: {{ template \"NAME\" . }}.",
		"rules":     "Rules. Each event is checked against each rule, in this order.",
		"tests":     "Tests of the rules, run by: qase-relay test.",

		"settings.qase_url":           "Where links in messages lead. Default: https://app.qase.io.",
		"settings.timezone":           "Time zone of conditions and of dates in messages, such as Europe/Berlin. Default: UTC.",
		"settings.retention":          "For how long data is kept.",
		"settings.retention.events":   "Events, with all that belongs to them. Default: 30d.",
		"settings.retention.dead":     "Events with dead letters. Default: 90d.",
		"settings.retention.entities": "State of runs, defects and so on, after their last event. Default: 90d.",

		"settings.order_wait": "Longest time that a delivery waits for an earlier one of the same run, " +
			"defect and so on. Default: 1h.",
		"settings.backlog": "Limits of unfinished deliveries. At a limit, events are refused with 503, " +
			"and Qase retries. 0 means no limit.",
		"settings.backlog.deliveries": "Unfinished deliveries. Default: 1000000.",
		"settings.backlog.bytes":      "Size of their messages, such as 500MB. Default: 10GiB.",
		"settings.min_free_disk": "Free space that the file system of a SQLite store needs for events to be " +
			"accepted, such as 1GiB; 0 means no limit. Default: 64MiB.",
		"settings.trusted_proxies": "Addresses or networks of reverse proxies whose X-Forwarded-For and Forwarded name " +
			"the client, for allow_from and the log. Default: none.",
		"settings.silences":     "Limits of silences.",
		"settings.silences.max": "Longest time that a silence may last. Default: 30d.",
		"settings.catch_up": "How long after a time without a relay messages of after and expect_every wait that were due " +
			"in it, since Qase sends again what was missed. Default: 5m.",
		"settings.search": "off keeps no index of the words of events: the store is smaller, and words are looked for event by event. " +
			"Default: on.",
		"settings.emoji": "false leaves out the emoji of the level (🔴 ⚠️ ✅) before titles in chats and push " +
			"notifications. Default: true.",

		"sources[].name":       "Last part of the address: POST /webhooks/NAME.",
		"sources[].secrets":    "Secrets given to the webhook in Qase; any one of them is accepted.",
		"sources[].projects":   "Codes of the projects that are accepted. Default: all.",
		"sources[].allow_from": "Addresses or networks that may post. Default: all.",
		"sources[].api_token":  "Token for the Qase API, from which the relay reads details that events leave out.",
		"sources[].api_url":    "Base of the Qase API.",
		"sources[].expect_every": "Longest time without an event of a project, such as 26h; then the relay makes the event " +
			"relay.silent. Default: none.",
		"sources[].expect_every.every":    "Longest time without an event.",
		"sources[].expect_every.in":       "Name of a window below windows; only its time counts.",
		"sources[].expect_every.events":   "Events that count. Default: all.",
		"sources[].expect_every.projects": "Projects that are expected to send events. Default: those of the source, or all that have sent one.",
		"sources[].expect_every.repeat":   "Time after which a silence is reported again. Default: it is reported once.",
		"sources[].expect_every.notify":   "Notifiers of relay.silent and relay.resumed, beside the rules.",

		"sources[].failures": "What the Qase API is asked about the tests that failed in a run; off: nothing.",
		"sources[].failures.wait": "How long an event waits at most for the names of the tests that failed, from 0s to 10m. " +
			"Default: 20s.",
		"sources[].failures.most":        "Failing tests of a run that are read, from 1 to 1000. Default: 1000.",
		"sources[].failures.reasons":     "false leaves out what comments and stack traces say, and keeps none of it. Default: true.",
		"sources[].failures.owner_field": "Title of a custom field of cases with the member who looks after a test.",

		"summaries":        "Messages at times of day about the runs of a project since the time before.",
		"summaries[].name": "Name, for messages, the log and waiting list.",
		"summaries[].at": "Time of day, or several, in settings.timezone: mon 09:00 is a summary of a week (summary.weekly), " +
			"09:00 or mon-fri 09:00 one of a day (summary.daily).",
		"summaries[].source":  "Name of the source. Default: the only one.",
		"summaries[].project": "Code of the project.",
		"summaries[].plans":   "Numbers of the plans whose runs count. Default: all runs.",
		"summaries[].notify":  "Notifiers of the summary.",
		"summaries[].always":  "true sends it also if no run has ended. Default: false.",

		"people[].name":      "Name to show.",
		"people[].email":     "Email address in Qase.",
		"people[].member_id": "team_member_id in events.",
		"people[].slack":     "Member id in Slack, such as U024BE7LH.",
		"people[].team": "Team, for conditions (actor.team), and for mention: and dm:, where its name means " +
			"all members.",

		"people[].owns": "Tests that the person looks after, for failures.owners. In the patterns * is any text, also " +
			"across levels.",
		"people[].owns[].project": "Code of the project.",
		"people[].owns[].suite":   "Path of the suite, with a slash between spaces, such as Shop / Checkout*.",
		"people[].owns[].tag":     "Tag of the case.",
		"people[].owns[].case":    "Number, code or title of the case, such as WEB-25.",

		"notifiers[].name": "Name that rules refer to.",
		"notifiers[].type": "Service that it sends to. The other keys depend on it.",
		"notifiers[].fallback": "Notifiers that a message goes to in turn if it fails permanently, unless a " +
			"rule has its own list.",
		"notifiers[].concurrency": "Most messages that are sent at the same time, from 1 to 64. Default: 16 for " +
			"http, 8 for slack, 4 for email, telegram and pagerduty, 2 for others.",
		"notifiers[].rate": "How many messages may be sent in a second, a minute or an hour: 1/s, 60/m, " +
			"500/h. For slack and telegram that is for each channel. Default: what the service takes, such as 1/s " +
			"for slack; http and email have no limit.",
		"notifiers[].burst": "How many messages of the rate may be sent at once. Default: 1, and without " +
			"rate what the service takes.",
		"notifiers[].retry.initial": "Longest wait before the second attempt. Default: 5s.",
		"notifiers[].retry.max":     "Longest wait between two attempts. Default: 1h.",
		"notifiers[].retry.for":     "Gives up this long after the first attempt. Default: 24h.",

		"tests[].name":             "Sentence that describes the test.",
		"tests[].given":            "Events that come before, in their order.",
		"tests[].silences":         "Silences that are in force from the first event on.",
		"tests[].silences[].match": "Matchers, such as rule=failed-run or project=~\"WEB|API\"; all must match.",
		"tests[].silences[].when":  "Condition that has to be true as well.",
		"tests[].silences[].for":   "How long it lasts. Default: to the end of the test.",
		"tests[].silences[].starts": "When it begins: so long after the first event, such as 30m, or a time. Default: with the " +
			"first event.",
		"tests[].expect": "All messages that have to be sent for the event; [] if none. Only the keys given here " +
			"are compared.",
		"windows": "Windows of time by name, such as office: {days: [mon-fri], hours: \"09:00-18:00\"}. Rules name them " +
			"in active.",
		"rules[].active.in": "Name of a window of windows:, in place of days and hours.",
		"tests[].steps":     "Events and passing time, each with the messages that it must send; in place of event and expect.",
		"tests[].steps[].expect": "All messages that have to be sent after the step before, up to and including this one; " +
			"[] if none. Without it, they are not compared.",
	} {
		words[path] = word{about: about}
	}
	for key, about := range map[string]string{
		"days": "Days, such as mon-fri, or [mon, wed]; fri-mon is over the weekend. Default: every day.",
		"hours": "Hours, such as 09:00-18:00, without the last moment; 22:00-06:00 belongs to the day on which it " +
			"begins. Default: all day.",
		"except":   "Dates on which it does not open, such as 2026-12-25, or 2026-12-28..2027-01-01.",
		"timezone": "Time zone, such as Europe/Berlin. Default: that of the settings.",
	} {
		words["windows.*."+key], words["rules[].active."+key] = word{about: about}, word{about: about}
	}
	for path, about := range map[string]string{
		"event":   "Name of the event, such as run.completed.",
		"payload": "Fields of the payload, over those of the catalog's example.",
		"failures": "Tests that failed, as Qase would say at the end of a run: a list, a number of tests without names, or " +
			"unknown. What is new follows from given. Default: nothing is known of them.",
		"project_code":   "Project of the event. Default: that of the example.",
		"team_member_id": "Member who caused it. Default: that of the example.",
		"source":         "Source that receives it. Default: the first one.",
		"at": "Time of the event, such as 2026-01-05T09:00:00Z, or 2026-01-05 09:00 in the time zone of " +
			"the settings.",
		"advance": "Time since the previous event. Default: 1s.",
		"timestamp": "Timestamp of the event: Unix seconds, a time, or an offset from the time of the event, such as -10s. " +
			"Default: the time of the event.",
	} {
		for _, prefix := range []string{"tests[].", "tests[].given[].", "tests[].steps[]."} {
			words[prefix+path] = word{about: about}
		}
	}
	return words
}

// structPath names a struct of a notifier by its package and name, whether that is exported or not.
func structPath(pkg, name string) string {
	return path.Base(pkg) + "." + strings.ToLower(name[:1]) + name[1:]
}

// ruleDocs reads the comments at the keys of a rule.
func ruleDocs(t *testing.T) map[string]string {
	t.Helper()
	paths := map[string]string{"ruleSpec": "rules[]", "throttleSpec": "rules[].throttle", "groupSpec": "rules[].group",
		"shownSpec": "rules[].failures", "afterSpec": "rules[].after", "repeatSpec": "rules[].after.repeat", "escalateSpec": "rules[].after.escalate[]"}
	docs := map[string]string{}
	for _, name := range []string{"rules.go", "timing.go", "failures.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, isType := n.(*ast.TypeSpec); isType && paths[spec.Name.Name] != "" {
				fieldDocs(docs, paths[spec.Name.Name], spec.Type.(*ast.StructType))
			}
			return true
		})
	}
	return docs
}

// notifierDocs reads the comments at the fields of the structs in the packages of notifiers, by struct and yaml key.
func notifierDocs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../notifiers/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, isType := n.(*ast.TypeSpec)
			if !isType {
				return true
			}
			if s, isStruct := spec.Type.(*ast.StructType); isStruct {
				fieldDocs(docs, structPath(filepath.ToSlash(filepath.Dir(name)), spec.Name.Name), s)
			}
			return false
		})
	}
	return docs
}

func fieldDocs(docs map[string]string, prefix string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		if f.Tag == nil || f.Doc == nil {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		if key != "" {
			docs[prefix+"."+key] = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
		if inner, isStruct := f.Type.(*ast.StructType); isStruct {
			fieldDocs(docs, prefix+"."+key, inner)
		}
	}
}
