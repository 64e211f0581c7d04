package failures

import (
	"strings"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/failures/mask"
	"qaserelay/rules/value"
)

// maxLine is how many bytes of a line are looked at.
const maxLine = 4 << 10

// maxEventText is the most characters of a text that is taken out of an event of results.
const maxEventText = 200

// FromEvent reads result.created and result.updated: the id of the run and the result. Their payload is documented nowhere,
// so any of the names in use is taken, and ok is false for an event without a run, a status, or a case or hash.
//
// The reason is one line of text without what looks like a secret; it may still have markup in it.
func FromEvent(ev *event.Event) (runID string, r Result, ok bool) {
	if ev.Name != "result.created" && ev.Name != "result.updated" {
		return "", r, false
	}
	p := ev.Payload
	if inner, nested := p["result"].(map[string]any); nested && p["status"] == nil {
		p = merged(inner, p)
	}
	runID = idIn(p, "run_id", "run", "test_run_id", "test_run")
	r = Result{CaseID: event.Int(value.Number(idIn(p, "case_id", "case", "test_case_id", "test_case"))),
		Hash: textIn(p, "hash", "result_hash"), Status: status(first(p, "status", "status_text", "status_id"))}
	if r.Hash == "" && r.CaseID == 0 {
		r.Hash = textIn(p, "id")
	}
	r.CaseID = max(r.CaseID, 0)
	for _, key := range []string{"comment", "stacktrace", "stack_trace"} {
		if r.Reason == "" {
			r.Reason = line(textIn(p, key))
		}
	}
	r.Title = value.Shorten(value.OneLine(titleIn(p)), maxEventText)
	r.DurationMS = int64(event.Int(first(p, "time_spent_ms", "time_ms", "duration_ms")))
	r.EndTime = ev.Timestamp
	if t, isTime := value.Time(first(p, "end_time", "ended_at")); isTime && t.After(time.Unix(0, 0)) {
		r.EndTime = t.Unix()
	}
	return runID, r, runID != "" && r.Status != "" && (r.CaseID > 0 || r.Hash != "")
}

// Fails reports whether a status is that of a failing test: failed and invalid, and not those of Qase that are no failures.
func Fails(status string) bool { return status == "failed" || status == "invalid" }

// merged returns the fields of both, those of a first.
func merged(a, b map[string]any) map[string]any {
	all := make(map[string]any, len(a)+len(b))
	for _, m := range []map[string]any{b, a} {
		for key, v := range m {
			all[key] = v
		}
	}
	return all
}

func first(p map[string]any, names ...string) any {
	for _, name := range names {
		if v := p[name]; v != nil {
			return v
		}
	}
	return nil
}

// idIn returns the first id, which may stand in an object.
func idIn(p map[string]any, names ...string) string {
	for _, name := range names {
		v := p[name]
		if object, isObject := v.(map[string]any); isObject {
			v = object["id"]
		}
		if id := event.IDText(v); id != "" && id != "0" {
			return id
		}
	}
	return ""
}

// textIn returns the first text that is not empty.
func textIn(p map[string]any, names ...string) string {
	for _, name := range names {
		if text, isText := p[name].(string); isText && strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// titleIn returns the title of the case, if the event has it.
func titleIn(p map[string]any) string {
	for _, name := range []string{"case", "test_case"} {
		if object, isObject := p[name].(map[string]any); isObject {
			return textIn(object, "title", "name")
		}
	}
	return textIn(p, "case_title", "title")
}

// statuses are the slugs of the numbers that Qase gives to statuses.
var statuses = map[int]string{1: "passed", 2: "failed", 3: "blocked", 4: "retest", 5: "skipped", 7: "in_progress", 8: "invalid"}

// status returns the slug of a status: of a text, a number, or an object with either.
func status(v any) string {
	switch v := v.(type) {
	case string:
		return value.Shorten(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(value.OneLine(v))), " ", "_"), maxEventText)
	case int:
		return statuses[v]
	case map[string]any:
		return status(first(v, "slug", "title", "name", "id"))
	}
	return ""
}

// line returns the first line of a text that is not empty.
func line(text string) string {
	for l := range strings.Lines(text) {
		l = l[:min(len(l), maxLine)]
		if l = strings.TrimSpace(value.OneLine(l)); l != "" {
			return value.Shorten(mask.Text(l), maxEventText)
		}
	}
	return ""
}
